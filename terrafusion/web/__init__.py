"""The HTTP view: jobs, their results and the worker's health, as JSON, as events and as pages."""

from terrafusion.web.deps import Submit, WebDeps
from terrafusion.web.middleware import application_options
from terrafusion.web.routes import register

__all__ = ["Submit", "WebDeps", "application_options", "register"]
