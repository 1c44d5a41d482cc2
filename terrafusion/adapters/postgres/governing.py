"""Setting a county's profile: the profile and the data version that rests on it, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import URL

from terrafusion.adapters.objects import Objects
from terrafusion.adapters.postgres.bulk import changing, connected
from terrafusion.adapters.postgres.profiles import Revision, put_in_force, revisions
from terrafusion.adapters.postgres.publishing import is_loaded, parts_now, publish
from terrafusion.analysis.profile import CountyProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileSet:
    """What setting a profile did: the revision in force, and the county's data version; None where nothing is loaded."""

    changed: bool
    revision: int
    data_version: str | None
    is_new_version: bool


def set_profile(url: URL, objects: Objects, county_id: str, profile: CountyProfile, *, by: str) -> ProfileSet:
    """Put a profile in force for a county, and make the data version that has it the current one.

    The profile that is in force already changes nothing. Blocks. Raises Unavailable where Postgres or the
    store cannot be reached.
    """
    with changing(url, county_id) as cursor:
        known = revisions(cursor, county_id)
        changed = not known or known[-1].profile != profile
        revision = put_in_force(cursor, county_id, profile, by=by) if changed else known[-1].revision
        version, is_new = None, False
        if is_loaded(cursor, county_id):
            version, is_new = publish(cursor, county_id, parts_now(cursor, objects, county_id), profile)
    return ProfileSet(changed=changed, revision=revision, data_version=version, is_new_version=is_new)


def profile_history(url: URL, county_id: str) -> Sequence[Revision]:
    """Return every profile that a county ever had, the one in force last; none where nothing is known of it."""
    with connected(url) as connection, connection.cursor() as cursor:
        return revisions(cursor, county_id)
