"""What the page of promises names as proof is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guarantees.md").read_text()


def test_every_proof_that_is_named_is_a_test():
    named = set(re.findall(r"`([\w/]*test_\w+\.py)`", PAGE))
    known = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")]
    assert len(named) > 20
    assert not {name for name in named if not any(path.endswith(name) for path in known)}
