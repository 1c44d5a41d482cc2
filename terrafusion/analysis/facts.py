"""What every question on one state of a county's sales is told alike: found out when it is first asked for, then kept.

The texts of deeds are most of a file, and take longer to read than all else that most questions need.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import Any, Final

import polars as pl

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

    @cached_property
    def _deeds(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        texts = self._sales.select(DEEDS).collect()
        return texts.select(whether_known(name) for name in DEEDS), shared(texts)

    def beside(self, sales: pl.DataFrame, names: Collection[str]) -> pl.DataFrame:
        """Add columns to the sales, all of them in their order: of `DEEDS` whether each is known, and `SHARED_NAME`."""
        if not names:
            return sales
        known, shared = self._deeds
        columns = [known[name] for name in DEEDS if name in names]
        if SHARED_NAME in names:
            nobody = pl.repeat(None, sales.height, dtype=pl.String, eager=True).alias(SHARED_NAME)
            columns.append(nobody.scatter(shared["row"], shared["name"]))
        return sales.with_columns(columns)

    def map_of(self, column: str) -> dict[str, Any] | None:
        """Return the map of the areas of one column; see `terrafusion.analysis.places.map_of`."""
        if column not in self._maps:
            self._maps[column] = map_of(self._sales, column)
        return self._maps[column]


def whether_known(name: str) -> pl.Expr:
    """Return true where a column has a value, null elsewhere."""
    return pl.when(pl.col(name).is_not_null()).then(pl.lit(value=True)).alias(name)
