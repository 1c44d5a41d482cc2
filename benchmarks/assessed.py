"""assesspy, in an environment of its own that has nothing of ours: `python assessed.py FILE.npz WHAT ROUNDS`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import assesspy
import numpy as np
import pandas as pd


def statistics(assessed: pd.Series, price: pd.Series) -> object:
    """Compute COD, PRD, PRB with its interval, MKI and KI."""
    named = (assesspy.cod, assesspy.prd, assesspy.prb, assesspy.prb_ci, assesspy.mki, assesspy.ki)
    return [measure(assessed, price) for measure in named]


def bootstrap(assessed: pd.Series, price: pd.Series) -> object:
    """Resample 1,000 times for the intervals of COD and of PRD."""
    return [interval(assessed, price, nboot=1000) for interval in (assesspy.cod_ci, assesspy.prd_ci)]


def _timed(what: str, file: str) -> tuple[float, float]:
    began, spent = time.perf_counter(), time.process_time()
    columns = np.load(file)
    {"statistics": statistics, "bootstrap": bootstrap}[what](
        pd.Series(columns["assessed"]), pd.Series(columns["price"])
    )
    return time.perf_counter() - began, time.process_time() - spent


def _megabytes(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) * 1024e-6 for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    before = _megabytes("VmRSS")
    rounds = [_timed(sys.argv[2], sys.argv[1]) for _ in range(int(sys.argv[3]))]
    print(json.dumps({"rounds": rounds, "before": before, "peak": _megabytes("VmHWM")}))
