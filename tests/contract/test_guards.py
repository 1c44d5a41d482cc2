"""What keeps the proof honest every time: with a guard taken out, the lives of workers come to what must not be."""

from __future__ import annotations

from importlib.util import find_spec, module_from_spec
from pathlib import Path

import pytest
from chaos.mutants import MUTANTS
from support import lives

from terrafusion.adapters.postgres import store
from terrafusion.usecases.lease_keeping import LeaseKeeper

from .test_worker_lives import WorkerLives

LONG = 15


def mutated(name):
    """Load the module that a mutant changes, beside the one that all others use."""
    mutant = MUTANTS[name]
    spec = find_spec(mutant.module)
    module = module_from_spec(spec)
    source = Path(spec.origin).read_text()
    assert source.count(mutant.guard) == 1
    exec(compile(source.replace(mutant.guard, mutant.instead), spec.origin, "exec"), module.__dict__)
    return module


def a_zombie_ends_what_another_has(life):
    life.accept([5])
    life.a_zombie(0, ends=True, steps=LONG, other=1)
    life.what_must_always_be_true()


def a_claim_is_lost(life):
    life.a_claim_is_lost(0, LONG)
    life.what_must_always_be_true()


def a_heart_is_cut_off(life):
    life.accept([5])
    life.cut_off(0, heart_alone=True, steps=LONG)
    life.what_must_always_be_true()


def lead(by_itself, play):
    """Lead one life, to its end."""
    life = WorkerLives(*by_itself)
    life.begin()
    try:
        play(life)
        life.teardown()
    finally:
        for worker in life.workers:
            worker.die()


@pytest.mark.parametrize("play", [a_zombie_ends_what_another_has, a_claim_is_lost, a_heart_is_cut_off])
def test_with_every_guard_there_a_life_goes_well(by_itself, play):
    lead(by_itself, play)


def test_without_the_fence_an_attempt_that_is_over_ends_a_job(by_itself, monkeypatch):
    monkeypatch.setattr(store, "finishing", mutated("fencing"))
    with pytest.raises(AssertionError, match="an attempt that was over ended the job"):
        lead(by_itself, a_zombie_ends_what_another_has)


def test_without_its_return_a_lost_claim_is_blamed_on_somebody(by_itself, monkeypatch):
    monkeypatch.setattr(lives, "Workbench", mutated("lost_claim").Workbench)
    with pytest.raises(AssertionError, match="nobody is blamed for what nobody did"):
        lead(by_itself, a_claim_is_lost)


def test_without_asking_the_heart_a_worker_claims_what_it_loses_again(by_itself, monkeypatch):
    monkeypatch.setattr(LeaseKeeper, "beats", True)
    with pytest.raises(AssertionError, match="nobody is blamed"):
        lead(by_itself, a_heart_is_cut_off)
