"""Pages that renew themselves, and stand still where their address says so."""

from __future__ import annotations

from typing import Any, Final, Literal

from aiohttp.web import Request
from pydantic import BaseModel, ConfigDict

STILL: Final = "refresh"


class RenewedQuery(BaseModel):
    """The query of a page that renews itself and takes nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    refresh: Literal["off"] | None = None


def renewal(request: Request) -> dict[str, Any]:
    """Return for a page whether it stands still, and the address with which it does the other."""
    url = request.rel_url
    off = STILL in url.query
    link = url.without_query_params(STILL) if off else url.update_query({STILL: "off"})
    return {"refresh_off": off, "refresh_link": str(link)}
