"""Parameters in one canonical form, so that equal requests are told to be equal, and what an answer was made from."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from pydantic import BaseModel

from terrafusion.analysis.api import Records

RULES_VERSION: Final = "10"
"""Rises whenever the same parameters on the same records may give another answer."""


def canonical(parameters: BaseModel) -> dict[str, Any]:
    """Return the parameters as JSON values with every default spelled out."""
    return parameters.model_dump(mode="json")


def parameter_hash(parameters: BaseModel) -> str:
    """Return the SHA-256 of the canonical parameters, keys sorted."""
    text = json.dumps(canonical(parameters), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def provenance(records: Records, parameters: BaseModel) -> dict[str, str]:
    """Return what stands at the end of every summary: the records, rules and parameters that the answer rests on."""
    return {
        "county_id": records.county_id,
        "data_version": records.data_version,
        "rules_version": RULES_VERSION,
        "parameter_hash": parameter_hash(parameters),
    }
