"""Parameters in one canonical form, so that equal requests are told to be equal."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from pydantic import BaseModel

RULES_VERSION: Final = "3"
"""Rises whenever the same parameters on the same records may give another answer."""


def canonical(parameters: BaseModel) -> dict[str, Any]:
    """Return the parameters as JSON values with every default spelled out."""
    return parameters.model_dump(mode="json")


def parameter_hash(parameters: BaseModel) -> str:
    """Return the SHA-256 of the canonical parameters, keys sorted."""
    text = json.dumps(canonical(parameters), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
