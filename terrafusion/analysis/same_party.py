"""Which sales are between the same party: one definition for all analyses."""

from __future__ import annotations

from typing import Final

import polars as pl

from terrafusion.analysis.api import Caution
from terrafusion.analysis.names import NOBODY

_SHARE: Final = 0.01
_LEAST: Final = 10
"""A name that is buyer and seller at once in more than this share of the sales, and in so many, names nobody."""


def same_party(shared: pl.Series) -> tuple[pl.Series, list[Caution]]:
    """Say of each sale whether buyer and seller are one, by the name that they share, which is null where they share none.

    What stands where a name is not known is none, nor is what names both in too many sales: of that a caution tells.
    """
    names = shared.drop_nulls().cast(pl.String).alias("name")
    counted = names.value_counts()
    counted = counted.filter((pl.col("count") >= _LEAST) & (pl.col("count") > _SHARE * len(shared)))
    nobody = pl.Series([*NOBODY, *counted["name"]], dtype=pl.String)
    same = shared.is_not_null()
    return same.scatter(same.arg_true(), ~names.is_in(nobody.implode())), _cautions(counted)


def _cautions(counted: pl.DataFrame) -> list[Caution]:
    if counted.is_empty():
        return []
    named = ", ".join(counted["name"].sort().head(3))
    message = f"In {counted['count'].sum():,} sales buyer and seller are both called {named}: too many for a name"
    return [Caution("names_of_nobody", f"{message}, so none was taken for a sale to oneself for it")]
