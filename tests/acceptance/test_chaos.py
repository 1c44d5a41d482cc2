"""Everything is broken at once, and nothing is lost, told twice or stuck; with a guard taken out, the checker sees it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos.adversary import MOMENTS, provoked
from chaos.mutants import MUTANTS
from chaos.plan import BLOWS, HARMLESS, WEIGHTS, make_plan
from chaos.run import carry_out, stage, system
from chaos.system import Stage
from support.checker import metrics_agree

SEED = 20261129
JOBS = 400
A_SECOND = 12.0
CALM = 100


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Servers of its own, so that other tests' connections live."""
    with stage(tmp_path_factory.mktemp("chaos")) as made:
        yield made


def test_the_same_seed_makes_the_same_plan(tmp_path: Path) -> None:
    plans = [make_plan(seed, jobs=JOBS, a_second=A_SECOND, blows=20, folder=tmp_path) for seed in (1, 1, 2)]
    assert plans[0] == plans[1] != plans[2]
    assert {blow.name for blow in plans[0].blows} == set(BLOWS)
    assert len(plans[0].messages) > JOBS > len(WEIGHTS)


@pytest.mark.by_hand
@pytest.mark.timeout(400)
def test_nothing_is_found_where_every_guard_is_there(servers: Stage, tmp_path: Path) -> None:
    """Through the same moments as below."""
    with system(tmp_path, servers, "unhurt", CHAOS_TRAPS=str(tmp_path)) as struck:
        struck.begin()
        assert provoked(struck, list(dict.fromkeys(MOMENTS.values()))).findings == []


@pytest.mark.by_hand
@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", MUTANTS)
def test_the_checker_misses_each_guard(servers: Stage, tmp_path: Path, name: str) -> None:
    with system(tmp_path, servers, name, CHAOS_TRAPS=str(tmp_path), CHAOS_MUTANT=name) as struck:
        struck.begin()
        findings = provoked(struck, [MOMENTS[name]]).findings
    assert MUTANTS[name].breaks in {finding.partition(":")[0] for finding in findings}, findings


@pytest.mark.timeout(400)
def test_metrics_tell_what_the_table_tells(servers: Stage, tmp_path: Path) -> None:
    """Only where no worker is killed: what a killed one had counted is gone with it."""
    plan = make_plan(SEED, jobs=CALM, a_second=CALM, blows=0, folder=tmp_path, weights=HARMLESS)
    findings: list[str] = []
    with system(tmp_path, servers, "calm") as calm:
        calm.begin()
        outcome = carry_out(plan, calm, before_end=lambda world: findings.extend(metrics_agree(world, calm.metrics())))
    assert [*findings, *outcome.findings] == []


@pytest.mark.timeout(900)
def test_nothing_is_lost_told_twice_or_stuck(servers: Stage, tmp_path: Path) -> None:
    plan = make_plan(SEED, jobs=JOBS, a_second=A_SECOND, blows=len(BLOWS), folder=tmp_path)
    with system(tmp_path, servers, "struck") as struck:
        struck.begin()
        assert carry_out(plan, struck).findings == []
