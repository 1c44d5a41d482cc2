"""What every question on one state of a county's sales is told alike: found out when it is first asked for, then kept.

The texts of deeds are most of a file, and take longer to read than all else that most questions need.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import Any, Final

import polars as pl

from terrafusion.analysis.groups import as_enum
from terrafusion.analysis.names import PARTIES, shared
from terrafusion.analysis.places import map_of

DEEDS: Final = (*PARTIES, "deed_type", "validity_code")
"""The texts of a deed."""
SHARED_NAME: Final = "shared_name"
"""The name that buyer and seller share; null where they do not. See `terrafusion.analysis.names.shared`."""


class Facts:
    """What the sales of one snapshot tell, whatever is asked. Small beside them: it may outlive a question."""

    def __init__(self, sales: pl.LazyFrame) -> None:
        self._sales = sales
        self._maps: dict[str, dict[str, Any] | None] = {}
        self._coded: dict[str, pl.Series] = {}
        self._varies: dict[tuple[str, float], bool] = {}

    @cached_property
    def _deeds(self) -> pl.DataFrame:
        """Of each sale which texts of its deed are known, and the name that its parties share."""
        texts = self._sales.select(DEEDS).collect()
        alike = shared(texts)
        name = as_enum(alike["name"])
        nobody = pl.repeat(None, texts.height, dtype=name.to_physical().dtype, eager=True)
        shares = nobody.scatter(alike["row"], name.to_physical()).cat.to(name.dtype)
        return texts.select(*map(whether_known, DEEDS), shares.alias(SHARED_NAME))

    def beside(self, sales: pl.DataFrame, names: Collection[str]) -> pl.DataFrame:
        """Add columns to the sales, all of them in their order: of `DEEDS` whether each is known, and `SHARED_NAME`."""
        return sales.with_columns(self._deeds.select(sorted(names))) if names else sales

    def coded(self, column: str) -> pl.Series:
        """Return a column of texts as an Enum of its values in their order: of few, a byte a sale."""
        if column not in self._coded:
            self._coded[column] = as_enum(self._sales.select(column).collect().to_series())
        return self._coded[column]

    def varies(self, column: str, *, share: float) -> bool:
        """Say whether at least such a share of the sales have a value in a column, and not all the same."""
        if (column, share) not in self._varies:
            known, varies = pl.col(column).count() >= share * pl.len(), pl.col(column).min() != pl.col(column).max()
            self._varies[column, share] = bool(self._sales.select(known & varies).collect().item())
        return self._varies[column, share]

    def map_of(self, column: str) -> dict[str, Any] | None:
        """Return the map of the areas of one column; see `terrafusion.analysis.places.map_of`."""
        if column not in self._maps:
            self._maps[column] = map_of(self._sales, column)
        return self._maps[column]


def whether_known(name: str) -> pl.Expr:
    """Return true where a column has a value, null elsewhere."""
    return pl.when(pl.col(name).is_not_null()).then(pl.lit(value=True)).alias(name)
