"""A request that is no job yet: what commands say of it, and how long they wait."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from terrafusion.cli import missing
from terrafusion.cli.missing import arrived, job_of, why_not_yet
from terrafusion.client.wire import Wire
from terrafusion.errors import NotFound, Unavailable

ID = UUID(int=7)
PAUSE = {"scope": "intake", "created_at": "2026-03-01T12:00:00Z", "requested_by": "ann", "reason": "the roll"}
REASON = (
    "The intake is paused since 2026-03-01T12:00:00Z by ann (the roll): "
    "requests wait on their topic until `terrafusion resume`."
)


class Worker(Wire):
    """Knows the job after so many questions, and what is paused meanwhile."""

    def __init__(self, *, after: int = 10**9, pauses: Any = (), away: bool = False) -> None:
        super().__init__("http://worker.example")
        self.after, self.pauses, self.away = after, list(pauses), away
        self.asked = 0

    async def get(self, *path: str, **query: Any) -> dict[str, Any]:
        if path == ("pauses",):
            if self.away:
                raise Unavailable("no")
            return {"pauses": self.pauses}
        self.asked += 1
        if self.asked <= self.after:
            raise NotFound(f"no job has the id {path[1]}", field="job_id")
        return {"job_id": path[1]}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missing, "LOOK_S", 0.001)
    monkeypatch.setattr(missing, "ARRIVES_S", 0.05)


async def test_the_reason_is_the_intakes_pause_and_nothing_else() -> None:
    assert await why_not_yet(Worker(pauses=[{"scope": "county", "county_id": "king_wa"}])) is None
    assert await why_not_yet(Worker(away=True)) is None
    assert await why_not_yet(Worker(pauses=[PAUSE])) == REASON


async def test_a_job_that_is_not_there_is_told_with_the_reason() -> None:
    with pytest.raises(NotFound, match=rf"no job has the id {ID}\. The intake is paused since .* by ann \(the roll\)"):
        await job_of(Worker(pauses=[PAUSE]), "status", ID)
    with pytest.raises(NotFound, match=rf"no job has the id {ID}$"):
        await job_of(Worker(), "status", ID)


async def test_what_was_sent_just_now_is_waited_for_a_moment() -> None:
    assert await arrived(Worker(after=3), ID) == {"job_id": str(ID)}
    with pytest.raises(NotFound):
        await arrived(Worker(), ID)


async def test_a_paused_intake_is_said_once_and_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert await arrived(Worker(after=200, pauses=[PAUSE]), ID) == {"job_id": str(ID)}
    assert capsys.readouterr().err == f"{REASON} Ctrl-C stops watching.\n"
