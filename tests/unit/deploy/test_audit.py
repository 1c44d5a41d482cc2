"""What the audit of the lock files finds, and that it finds nothing in ours."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-image.txt")
HASH = f"--hash=sha256:{'0a' * 32}"
GOOD = f"# a comment\nalpha==1.2.3 \\\n    {HASH} \\\n    {HASH}\nbeta==2.0 ; python_full_version < '3.12' \\\n    {HASH}\n"


@pytest.fixture(scope="module")
def audit(root: Path) -> Any:
    spec = importlib.util.spec_from_file_location("audit", root / "deploy" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_ours_is_in_order(audit: Any, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main([str(root / lock) for lock in LOCKS]) == 0
    told = capsys.readouterr().out
    assert "Nothing is wrong." in told
    assert "Not at known faults" in told


def test_what_is_pinned_is_read(audit: Any) -> None:
    assert audit.pins(GOOD) == {"alpha": "1.2.3", "beta": "2.0"}
    assert list(audit.unpinned(GOOD)) == []


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ("alpha==1.2.3", "no sha256 hash"),
        (f"alpha>=1.2.3 {HASH}", "no version pinned"),
        (f"alpha {HASH}", "no version pinned"),
        (f"alpha @ https://elsewhere.example/alpha.whl {HASH}", "no version pinned"),
        ("-e ../alpha", "no version pinned"),
        ("--index-url https://elsewhere.example/simple", "no version pinned"),
        ("--extra-index-url https://elsewhere.example/simple", "no version pinned"),
        ("alpha==1.2.3 --hash=md5:0a", "no version pinned"),
    ],
)
def test_what_would_let_something_else_in_is_told(audit: Any, entry: str, complaint: str) -> None:
    (told,) = audit.unpinned(f"{GOOD}{entry}\n")
    assert complaint in told


def test_two_files_that_disagree_are_told(audit: Any) -> None:
    other = GOOD.replace("1.2.3", "1.2.4")
    assert list(audit.disagreeing({"one": GOOD, "two": other})) == ["alpha is 1.2.3 in one and 1.2.4 in two"]


@pytest.mark.parametrize(
    ("stated", "binds"),
    [
        ("GPL-3.0-only", True),
        ("AGPL-3.0-or-later", True),
        ("License :: OSI Approved :: GNU General Public License v3 (GPLv3)", True),
        ("LGPL-2.1-or-later", False),
        ("License :: OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)", False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("MIT", False),
        ("none stated", False),
        (None, False),
    ],
)
def test_a_licence_that_would_bind_us_is_told(audit: Any, monkeypatch: Any, stated: str | None, *, binds: bool) -> None:
    monkeypatch.setattr(audit, "licence", lambda _: stated)
    assert bool([*audit.binding(["alpha"])]) is binds


def test_the_licence_of_what_is_not_installed_is_not_guessed(audit: Any) -> None:
    assert audit.licence("no-such-package-of-ours") is None
    assert "Apache" in audit.licence("structlog")
