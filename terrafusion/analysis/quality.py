"""What every answer says of the data it rests on."""

from __future__ import annotations

from typing import Any

from terrafusion.analysis.selection import Selection


def data_quality(selection: Selection, *, cells: int, thin: int, thin_below: int) -> dict[str, Any]:
    """Tell what was read, used and excluded for which reason, what is missing, and how many cells are thin.

    ``thin`` of the ``cells`` have fewer than ``thin_below`` observations. Used and excluded add up to read.
    """
    used = selection.used
    return {
        "read": selection.read,
        "used": used.height,
        "excluded": dict(sorted(selection.excluded.items())),
        "kept_by_override": selection.kept,
        "null_counts": {name: used[name].null_count() for name in sorted(used.columns) if used[name].null_count()},
        "cells": cells,
        "thin_cells": thin,
        "thin_below": thin_below,
        "thin_cell_share": thin / cells if cells else None,
    }
