"""What `terrafusion purge` says."""

import pytest

from terrafusion.cli.purge import sentence
from terrafusion.usecases.purge import Purged


@pytest.mark.parametrize(
    ("purged", "dry_run", "said"),
    [
        (Purged(1, 1, 1, 1), False, "Purged 1 job, 1 dead letter, 1 data version and 1 file of no job."),
        (
            Purged(0, 1_200, 3, 2),
            True,
            "Would purge 0 jobs, 1,200 dead letters, 3 data versions and 2 files of no job.",
        ),
    ],
)
def test_what_went_is_counted_in_words(purged, dry_run, said):
    assert sentence(purged, dry_run=dry_run) == said
