"""The templates, and the style sheets they name."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from models.access import ANYBODY
from terrafusion import wording
from terrafusion.usecases.callers import caller_shown

STATIC_FILES: Final = Path(__file__).parent / "static"


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("terrafusion.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "instant": wording.instant,
        "ago": wording.ago,
        "compact": wording.compact,
        "duration": wording.duration,
        "label": wording.label,
        "figure": wording.figure,
        "day": wording.day,
        "waits": wording.waits,
    }
    environment.globals |= {"asked_by": caller_shown, "access_off": ANYBODY}
    environment.globals["style"] = static("app.css")
    environment.globals["static"] = static
    return environment


@cache
def static(name: str) -> str:
    """Return the address of a static file, which holds its version."""
    version = sha256((STATIC_FILES / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={version}"


ENVIRONMENT: Final = _environment()


def render(template: str, **values: Any) -> str:
    """Render a template; every value in it is escaped."""
    return ENVIRONMENT.get_template(template).render(**values)
