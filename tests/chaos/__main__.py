"""`make chaos`: a long run by hand. The seed is printed; the same seed makes the same plan."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from chaos.plan import make_plan
from chaos.run import LEASE_S, carry_out, stage, system


def main() -> int:
    """Run, and say what was found."""
    asked = _arguments()
    folder = Path(asked.folder or tempfile.mkdtemp(prefix="chaos-"))
    print(f"seed {asked.seed}; logs in {folder}")
    wanted = {"jobs": asked.jobs, "a_second": asked.rate, "blows": asked.blows, "workers": asked.workers}
    plan = make_plan(asked.seed, folder=folder, **wanted)
    with (
        stage(folder) as servers,
        system(folder, servers, "chaos", lease_s=asked.lease, always=asked.workers) as struck,
    ):
        struck.begin()
        began = time.monotonic()
        outcome = carry_out(plan, struck)
    ends = Counter(row["status"] for row in outcome.world.rows.values())
    print(
        f"{len(plan.messages)} records, {len(plan.blows)} blows in {time.monotonic() - began:.0f} s; at rest "
        f"{outcome.rest_s:.1f} s after the last"
    )
    print(
        f"{', '.join(f'{count} {end}' for end, count in sorted(ends.items()))}; {len(outcome.world.letters)} dead letters"
    )
    print(
        f"crashes counted: {sum(row['crashes'] for row in outcome.world.rows.values())}, "
        f"attempts: {sum(row['attempt'] for row in outcome.world.rows.values())}"
    )
    for finding in outcome.findings:
        print(f"BROKEN {finding}")
    print(f"{len(outcome.findings)} promises broken; seed {asked.seed}")
    return bool(outcome.findings)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--blows", type=int, default=50)
    parser.add_argument("--rate", type=float, default=25.0, help="messages a second")
    parser.add_argument("--workers", type=int, default=3, help="that are there always; one more comes and goes")
    parser.add_argument("--lease", type=float, default=LEASE_S, help="seconds; more on a busy machine")
    parser.add_argument("--folder", help="where everything is kept; a new temporary folder")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
