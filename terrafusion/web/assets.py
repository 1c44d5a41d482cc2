"""The files that pages name: kept in memory, packed once, each under an address that holds its version."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from aiohttp.web import HTTPNotFound, Request, Response

FILES: Final = Path(__file__).parent / "static"
TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
STATIC: Final = "/static/"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file, plain and packed."""

    content: bytes
    packed: bytes
    media: str
    address: str


def _read(file: Path) -> Asset:
    content = file.read_bytes()
    version = sha256(content).hexdigest()[:12]
    return Asset(content, gzip.compress(content, mtime=0), TYPES[file.suffix], f"{STATIC}{file.name}?v={version}")


ASSETS: Final[Mapping[str, Asset]] = {file.name: _read(file) for file in FILES.iterdir() if file.suffix in TYPES}


def address(name: str) -> str:
    """Return the address of a file, its version in it."""
    return ASSETS[name].address


async def serve(request: Request) -> Response:
    """Answer with a file, packed where the caller can unpack it."""
    asset = ASSETS.get(request.match_info["name"])
    if asset is None:
        raise HTTPNotFound
    packed = "gzip" in request.headers.get("Accept-Encoding", "")
    headers = {"Vary": "Accept-Encoding"} | ({"Content-Encoding": "gzip"} if packed else {})
    body = asset.packed if packed else asset.content
    return Response(body=body, content_type=asset.media, charset="utf-8", headers=headers)
