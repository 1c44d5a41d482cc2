"""Everything is broken at once, and nothing is lost, told twice or stuck; with a guard taken out, the checker sees it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos.adversary import MOMENTS, provoked
from chaos.mutants import MUTANTS
from chaos.plan import BLOWS, WEIGHTS, make_plan
from chaos.run import carry_out, servers, system

from terrafusion.embedded.kafka import EmbeddedKafka
from terrafusion.embedded.postgres import EmbeddedPostgres

SEED = 20261129
JOBS = 500
A_SECOND = 12.0

Servers = tuple[EmbeddedPostgres, EmbeddedKafka]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Servers of its own, so that other tests' connections live."""
    with servers(tmp_path_factory.mktemp("chaos")) as made:
        yield made


def test_the_same_seed_makes_the_same_plan(tmp_path: Path) -> None:
    plans = [make_plan(seed, jobs=JOBS, a_second=A_SECOND, blows=20, folder=tmp_path) for seed in (1, 1, 2)]
    assert plans[0] == plans[1] != plans[2]
    assert {blow.name for blow in plans[0].blows} == set(BLOWS)
    assert len(plans[0].messages) > JOBS > len(WEIGHTS)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("mutant", [None, *MUTANTS])
def test_the_checker_misses_each_guard(stage: Servers, tmp_path: Path, mutant: str | None) -> None:
    told = {"CHAOS_TRAPS": str(tmp_path)} | ({"CHAOS_MUTANT": mutant} if mutant else {})
    moments = [MOMENTS[mutant]] if mutant else list(dict.fromkeys(MOMENTS.values()))
    with system(tmp_path, *stage, f"mutant_{mutant}".lower(), **told) as struck:
        struck.begin()
        findings = provoked(struck, moments).findings
    assert bool(findings) == bool(mutant), findings


@pytest.mark.timeout(300)
def test_nothing_is_lost_told_twice_or_stuck(stage: Servers, tmp_path: Path) -> None:
    plan = make_plan(SEED, jobs=JOBS, a_second=A_SECOND, blows=len(BLOWS), folder=tmp_path)
    with system(tmp_path, *stage) as struck:
        struck.begin()
        assert carry_out(plan, struck).findings == []
