"""The templates, and the files they name."""

from __future__ import annotations

from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from models.access import ANYBODY
from terrafusion import wording
from terrafusion.usecases.calls import caller_shown
from terrafusion.web.api import PREFIX
from terrafusion.web.assets import address
from terrafusion.web.timeline import took

SCRIPTS: Final = ("htmx-2.0.11.min.js", "htmx-ext-sse-2.2.4.min.js", "idiomorph-0.8.0.min.js", "live.js")


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
        "compact": wording.compact,
        "duration": wording.duration,
        "label": wording.label,
        "figure": wording.figure,
        "day": wording.day,
        "waits": wording.waits,
        "ago": wording.ago,
    }
    environment.globals |= {"static": address, "scripts": SCRIPTS, "prefix": PREFIX, "took": took}
    environment.globals |= {"asked_by": caller_shown, "access_off": ANYBODY}
    return environment


ENVIRONMENT: Final = _environment()


def render(template: str, **values: Any) -> str:
    """Render a template; every value in it is escaped."""
    return ENVIRONMENT.get_template(template).render(**values)


def macro(template: str, name: str) -> Any:
    """Return a macro of a template, for a part of a page alone."""
    return getattr(ENVIRONMENT.get_template(template).module, name)
