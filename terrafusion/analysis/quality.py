"""What every answer says of the data it rests on."""

from __future__ import annotations

from typing import Any

from terrafusion.analysis.selection import Account


def data_quality(account: Account, *, cells: int, thin: int, thin_below: int) -> dict[str, Any]:
    """Tell what was read, used and excluded for which reason, what is missing, and how many cells are thin.

    ``thin`` of the ``cells`` have fewer than ``thin_below`` observations. Used and excluded add up to read.
    """
    return {
        "read": account.read,
        "used": account.used,
        "excluded": dict(sorted(account.excluded.items())),
        "kept_by_override": account.kept,
        "null_counts": dict(account.nulls),
        "cells": cells,
        "thin_cells": thin,
        "thin_below": thin_below,
        "thin_cell_share": thin / cells if cells else None,
    }
