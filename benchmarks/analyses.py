"""`python -m benchmarks.analyses [NAME …]`: how fast the analyses are and how much memory they take, beside others.

Each case runs in a process of its own, with the environment of a worker (`ENVIRONMENT`), on a file of the same
seeded county. assesspy gets an environment of its own in the same temporary folder, for it is nobody's dependency here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Annotated, Final

import numpy as np
import polars as pl
import typer
from rich.table import Table

from benchmarks import markets
from benchmarks.__main__ import circumstances, console, show
from benchmarks.alone import ROLL
from benchmarks.cases import GROUPS, GROWING, LEAN, LINEAR, MEGABYTES, SECONDS, TO_FIRST, Case, Group
from benchmarks.peers import PEERS
from terrafusion.adapters.pool import ENVIRONMENT
from terrafusion.analysis.registry import load_catalogue

ASSESSPY: Final = Path(__file__).with_name("assessed.py")
SIZES: Final = (100_000, 1_000_000, 10_000_000)
GROWTH: Final = "growth"


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of each round, passed and of the processor; megabytes of the process before it read anything and at most."""

    rounds: Sequence[tuple[float, float]]
    before: float
    peak: float

    @property
    def typical(self) -> float:
        """The median of the rounds."""
        return median(passed for passed, _ in self.rounds)

    @property
    def best(self) -> float:
        """The shortest round."""
        return min(passed for passed, _ in self.rounds)

    @property
    def processor(self) -> float:
        """The least that a round took of the processor, which tells most where others share the machine."""
        return min(spent for _, spent in self.rounds)


@dataclass(frozen=True)
class Stand:
    """A folder of counties, and the processes that are asked about them."""

    folder: Path

    def county(self, sales: int) -> Path:
        """Return the file of a county of so many sales, made when it is first asked for."""
        file = self.folder / f"{sales}.parquet"
        if not file.exists():
            recipe = markets.large(sales)
            made = markets.county(recipe, seed=0)
            made.write_parquet(file, compression="uncompressed")
            priced = made.filter(pl.col("sale_price") >= 10_000)  # noqa: PLR2004 - the default of ours
            np.savez(file.with_suffix(".npz"), assessed=priced["assessed_value"], price=priced["sale_price"])
            markets.roll(recipe, seed=0).write_parquet(file.with_name(f"{sales}-{ROLL}"))
        return file

    def measured(self, case: Case) -> Took | str:
        """Run a case in a process of its own; return what it says where it fails."""
        file = self.county(case.sales)
        if case.kind == "assesspy":
            rounds = str(case.rounds)
            command = [
                str(self.assesspy),
                str(ASSESSPY),
                str(file.with_suffix(".npz")),
                case.parameters["what"],
                rounds,
            ]
        else:
            command = [sys.executable, "-m", "benchmarks.alone"]
        asked = {"kind": case.kind, "file": str(file), "rounds": case.rounds, "roll": case.roll}
        question = json.dumps(asked | {"parameters": dict(case.parameters)})
        done = subprocess.run(
            command, input=question, capture_output=True, text=True, env=os.environ | ENVIRONMENT, check=False
        )
        if done.returncode:
            return done.stderr.strip().splitlines()[-1]
        return Took(**json.loads(done.stdout.splitlines()[-1]))

    @cached_property
    def assesspy(self) -> Path:
        """The Python of an environment that has assesspy and nothing of ours."""
        home = self.folder / "assesspy"
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        python = home / "bin" / "python"
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "assesspy"], check=True
        )
        return python


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Types, `assesspy`, or `growth`; none is all.")] = None,
    *,
    largest: Annotated[int, typer.Option(min=100_000, help="Sales up to which growth is measured.")] = SIZES[-1],
) -> None:
    """Measure, on this machine as it is now. Nothing here can fail a goal."""
    console.print(f"[bold]analyses[/bold] {circumstances()}", highlight=False, soft_wrap=True)
    with tempfile.TemporaryDirectory(prefix="terrafusion-bench-analyses-") as folder:
        for table in _tables(Stand(Path(folder)), set(names or ()), largest):
            show(table)


def _tables(stand: Stand, names: set[str], largest: int) -> Iterator[Table]:
    for group in GROUPS:
        cases = [case for case in group.cases if _known(case)]
        if cases and (not names or names & {case.kind for case in cases}):
            yield _side_by_side(stand, replace(group, cases=cases))
    if not names or GROWTH in names:
        yield _growth(stand, [case for case in GROWING if _known(case)], [size for size in SIZES if size <= largest])


def _known(case: Case) -> bool:
    return case.kind == "assesspy" or case.kind in PEERS or case.kind in load_catalogue().names


def _side_by_side(stand: Stand, group: Group) -> Table:
    heads = ("sales", "median", "best", "processor", "to the first", "peak", "at start", "of its goal")
    table = Table("", *heads, title=group.title)
    first: float | None = None
    for case in group.cases:
        took = stand.measured(case)
        if isinstance(took, str):
            table.add_row(case.title, f"{case.sales:,}", took)
            continue
        first = first or took.typical
        times = (
            f"{took.typical:.3f} s",
            f"{took.best:.3f} s",
            f"{took.processor:.3f} s",
            f"{took.typical / first:.2f}",
        )
        memory = f"{took.peak:,.0f} MB", f"{took.before:,.0f} MB"
        table.add_row(case.title, f"{case.sales:,}", *times, *memory, _judged(case, took, first))
    return table


def _judged(case: Case, took: Took, first: float) -> str:
    figures = {SECONDS: took.typical, TO_FIRST: took.typical / first, MEGABYTES: took.peak}
    return "; ".join(goal.judged(figures[goal.unit]) for goal in case.goals)


def _growth(stand: Stand, cases: Sequence[Case], sizes: Sequence[int]) -> Table:
    """Tell time and memory of ever more sales; what is said of goals is said of the most."""
    heads = [head for size in sizes for head in (f"{size:,}", "µs a sale", "MB", "to the frame")]
    title = "The same asked of ever more sales: median, processor time by sale, memory beyond the start"
    table = Table("", *heads, "of its goal", title=title)
    frames = {size: _megabytes(stand.county(size)) for size in sizes}
    table.add_row("the frame in memory", *[cell for size in sizes for cell in ("", "", f"{frames[size]:,.0f}", "")])
    for case in cases:
        found = {size: stand.measured(replace(case, sales=size)) for size in sizes}
        cells = [cell for size, took in found.items() for cell in _grown(took, size, frames[size])]
        table.add_row(case.title, *cells, _judged_growth(found, frames))
    return table


def _grown(took: Took | str, size: int, frame: float) -> tuple[str, ...]:
    if isinstance(took, str):
        return took, "", "", ""
    beyond = took.peak - took.before
    return f"{took.typical:.2f} s", f"{took.processor / size * 1e6:.2f}", f"{beyond:,.0f}", f"{beyond / frame:.1f}"


def _judged_growth(found: Mapping[int, Took | str], frames: Mapping[int, float]) -> str:
    told = [(size, took) for size, took in found.items() if isinstance(took, Took)]
    if not told:
        return ""
    (fewest, of_fewest), (most, of_most) = told[0], told[-1]
    growth = of_most.processor / most / (of_fewest.processor / fewest)
    return f"{LINEAR.judged(growth)}; {LEAN.judged((of_most.peak - of_most.before) / frames[most])}"


def _megabytes(file: Path) -> float:
    return pl.read_parquet(file).estimated_size() / 1e6


if __name__ == "__main__":
    typer.run(main)
