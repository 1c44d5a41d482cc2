"""The pages of dead letters: the list, one letter, and what came of dealing with many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from yarl import URL

from models.dead_letters import KeptLetter, LetterEntry, LetterState, Stage
from terrafusion.errors import Rejected
from terrafusion.usecases.dead_letters import Bulk
from terrafusion.web.api import PREFIX
from terrafusion.web.letters import LettersQuery, content
from terrafusion.web.listing import Chip
from terrafusion.web.render import render
from terrafusion.wording import indented, label
from topics.requests import read_json

LIST: Final = "/dead-letters"
API: Final = f"{PREFIX}/dead-letters"
FILTERS: Final = ("topic", "error_class", "job_id", "county_id", "analysis_type", "since", "until")
NAMED: Final = ("county_id", "analysis_type")
"""Filters that are written into a form."""
MOST_SHOWN: Final = 100_000
"""Characters of a value; the JSON has all of it."""


def letters_page(query: LettersQuery, entries: Sequence[LetterEntry], total: int, now: datetime) -> str:
    """Render the list; ``entries`` holds one more than the page shows where there is a next one."""
    shown = entries[: query.limit]
    older = shown[-1].id if len(entries) > query.limit else None
    states = [*map(str, LetterState), "all"]
    return render(
        "dead_letters.html",
        now=now,
        letters=shown,
        total=total,
        states=[(state, list_link(query, state=state), query.state == state) for state in states],
        stages=[(str(stage), list_link(query, stage=str(stage)), query.stage is stage) for stage in Stage],
        any_stage=query.stage and list_link(query, stage=None),
        link=lambda **changes: list_link(query, **changes),
        given={name: value for name, value in _given(query).items() if name not in ("cursor", *NAMED)},
        named={name: getattr(query, name) or "" for name in NAMED},
        chips=[_chip(query, name) for name in FILTERS if getattr(query, name) is not None],
        older=older and list_link(query, cursor=older),
        newest=query.cursor and list_link(query, cursor=None),
        at_once=_at_once(query) if query.state == "open" and total else None,
    )


def letter_page(letter: KeptLetter, now: datetime, *, typed: Mapping[str, str] | None = None, trouble: str = "") -> str:
    """Render one letter; after a replay that was refused with what was typed, and why."""
    value, typed = _shown(letter.value), typed or {}
    return render(
        "dead_letter.html",
        now=now,
        letter=letter,
        value=value,
        key=_shown(letter.key),
        headers=[(name, _shown(header)) for name, header in letter.headers],
        draft=typed.get("value") or ("" if value["cut"] else _draft(letter.value, value["text"] or "")),
        who=typed.get("requested_by", ""),
        trouble={"correct" if "value" in typed else "replay": trouble} if trouble else {},
        can_correct=letter.stage is not Stage.PUBLISH,
        is_open=letter.state is LetterState.OPEN,
        api=f"{API}/{letter.id}",
    )


def bulk_page(bulk: Bulk, told: Mapping[str, Any], *, address: str, again: Mapping[str, Any]) -> str:
    """Render what came of many letters; where there are more, with a form that sends ``again`` to where it came to."""
    more = str(URL(address).update_query(cursor=bulk.next_after)) if bulk.next_after else None
    return render("dead_letters_done.html", outcomes=bulk.outcomes, told=told, list_link=LIST, more=more, again=again)


def list_link(query: LettersQuery, **changes: Any) -> str:
    """Return the address of the list with some of the query changed; other filters begin at the newest letter."""
    kept = _given(query)
    if "cursor" not in changes:
        kept.pop("cursor", None)
    wanted = {name: value for name, value in (kept | changes).items() if value is not None}
    return f"{LIST}?{urlencode(wanted)}" if wanted else LIST


def _given(query: LettersQuery) -> dict[str, Any]:
    return query.model_dump(mode="json", exclude_defaults=True)


def _chip(query: LettersQuery, name: str) -> Chip:
    return Chip(label(name), str(_given(query)[name]), list_link(query, **{name: None}))


def _at_once(query: LettersQuery) -> Mapping[str, str]:
    """Return the addresses that deal with every letter of the list, on whichever page."""
    filters = {name: value for name, value in _given(query).items() if name not in ("cursor", "limit")}
    return {verb: f"{API}/{verb}?{urlencode(filters)}" for verb in ("replay", "discard")}


def _draft(value: bytes | None, text: str) -> str:
    """Return a value to be corrected, a field a line where it can be read."""
    try:
        return indented(read_json(value))
    except Rejected:
        return text


def _shown(data: bytes | None) -> Mapping[str, Any]:
    """Tell bytes for a page: text or base64, cut where it is long, and how many there are."""
    told = content(data)
    text, coded = told["text"], told["base64"]
    return {
        "text": text and text[:MOST_SHOWN],
        "base64": coded and coded[:MOST_SHOWN],
        "bytes": None if data is None else len(data),
        "cut": len(text or coded or "") > MOST_SHOWN,
    }
