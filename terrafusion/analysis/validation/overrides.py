"""What people decided about single sales: the request's decisions win over the county profile's, both over all rules."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from terrafusion.analysis.api import Caution
from terrafusion.analysis.profile import CountyProfile
from terrafusion.analysis.validation.parameters import ValidationParameters

SCHEMA = pl.Schema(
    {
        "sale_id": pl.String(),
        "override_valid": pl.Boolean(),
        "override_reason": pl.String(),
        "override_source": pl.String(),
        "override_decided_by": pl.String(),
        "override_decided_on": pl.Date(),
    }
)
REQUEST, PROFILE = "request", "profile"


def decisions(parameters: ValidationParameters, profile: CountyProfile) -> pl.DataFrame:
    """List the decision that holds for each sale of which there is one."""
    held = [
        (sale_id, said.valid, said.reason, PROFILE, said.decided_by, said.decided_on)
        for sale_id, said in sorted(profile.sale_overrides.items())
        if sale_id not in parameters.overrides
    ]
    asked = [
        (sale_id, said.valid, said.reason, REQUEST, None, None)
        for sale_id, said in sorted(parameters.overrides.items())
    ]
    return pl.DataFrame([*held, *asked], schema=SCHEMA, orient="row")


def with_decisions(sales: pl.DataFrame, decided: pl.DataFrame) -> pl.DataFrame:
    """Add what was decided about each sale, null where nothing was."""
    if decided.is_empty():
        return sales.with_columns(pl.lit(None, kind).alias(name) for name, kind in SCHEMA.items() if name != "sale_id")
    return sales.join(decided, on="sale_id", how="left", maintain_order="left")


def cautions(sales: pl.DataFrame, parameters: ValidationParameters, profile: CountyProfile) -> Iterator[Caution]:
    """Tell of decisions that name no sale of the records, and of those that contradict each other."""
    decided = decisions(parameters, profile)
    strange = decided.height - sales["sale_id"].filter(sales["sale_id"].is_in(decided["sale_id"].implode())).n_unique()
    if strange:
        message = f"{strange} of {decided.height} sale overrides name a sale that is not among those judged"
        yield Caution("override_of_unknown_sale", message)
    both = parameters.overrides.keys() & profile.sale_overrides.keys()
    torn = [sale for sale in both if parameters.overrides[sale].valid != profile.sale_overrides[sale].valid]
    if torn:
        message = f"Of {len(torn)} sales the request decides otherwise than the county's profile; the request's counts"
        yield Caution("overrides_disagree", message)
