"""County profiles: the one in force, and every one that ever was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson
from adbc_driver_postgresql import dbapi

from terrafusion.adapters.postgres.bulk import ask
from terrafusion.analysis.profile import CountyProfile

IN_FORCE: Final = """
WITH fresh AS (
    INSERT INTO county_profiles (county_id, profile) VALUES ($1, $2::jsonb) ON CONFLICT DO NOTHING RETURNING profile
), kept AS (
    INSERT INTO profile_history (county_id, revision, profile) SELECT $1, 1, profile FROM fresh
)
SELECT profile::text AS profile FROM fresh
UNION ALL SELECT profile::text FROM county_profiles WHERE county_id = $1
"""
REPLACE: Final = """
INSERT INTO county_profiles (county_id, profile) VALUES ($1, $2::jsonb)
ON CONFLICT (county_id) DO UPDATE SET profile = excluded.profile, updated_at = now()
"""
CATCH_UP: Final = """
INSERT INTO profile_history (county_id, revision, profile, set_at)
SELECT county_id, 1, profile, updated_at FROM county_profiles p
WHERE county_id = $1 AND NOT EXISTS (SELECT FROM profile_history h WHERE h.county_id = p.county_id)
"""
"""A profile that was written past this module, by a load of the version before or by hand, is remembered too."""
REMEMBER: Final = """
INSERT INTO profile_history (county_id, revision, profile, set_by)
SELECT $1, coalesce(max(revision), 0) + 1, $2::jsonb, $3 FROM profile_history WHERE county_id = $1
RETURNING revision
"""
HISTORY: Final = """
SELECT revision, profile::text AS profile, set_at, set_by FROM profile_history WHERE county_id = $1 ORDER BY revision
"""


@dataclass(frozen=True, slots=True)
class Revision:
    """A profile that is or was in force, counted from 1; ``set_by`` is None where a county's first load made it."""

    revision: int
    profile: CountyProfile
    set_at: datetime
    set_by: str | None


def profile_in_force(cursor: dbapi.Cursor, county_id: str) -> CountyProfile:
    """Return a county's profile; one that has none gets the default."""
    default = _written(CountyProfile())
    return CountyProfile.model_validate_json(ask(cursor, IN_FORCE, county_id, default).item(0, "profile"))


def put_in_force(cursor: dbapi.Cursor, county_id: str, profile: CountyProfile, *, by: str) -> int:
    """Replace a county's profile; return the number under which it is remembered."""
    cursor.execute(CATCH_UP, (county_id,))
    cursor.execute(REPLACE, (county_id, _written(profile)))
    return int(ask(cursor, REMEMBER, county_id, _written(profile), by).item())


def revisions(cursor: dbapi.Cursor, county_id: str) -> Sequence[Revision]:
    """Return every profile that a county ever had, the one in force last."""
    return [
        Revision(**row | {"profile": CountyProfile.model_validate_json(row["profile"])})
        for row in ask(cursor, HISTORY, county_id).iter_rows(named=True)
    ]


def _written(profile: CountyProfile) -> str:
    return orjson.dumps(profile.model_dump(mode="json")).decode()
