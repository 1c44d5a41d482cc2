"""Ask, follow, and take the answer as a table, with the client that comes with the package.

    python docs/examples/client.py http://127.0.0.1:6066

A worker that asks for tokens takes one from TERRAFUSION_TOKEN.
"""

from __future__ import annotations

import os
import sys

from terrafusion.client import Client, NotCompleted


def main(url: str) -> None:
    """Ask for the yearly trend of a county, and for the drill, which fails."""
    with Client(url, token=os.environ.get("TERRAFUSION_TOKEN")) as terrafusion:
        job = terrafusion.run("trend_analysis", "lucas_oh", {"period": "year"}, correlation_id="docs-example")
        for event in terrafusion.events(job.job_id):
            print(f"{event.status:<9} {event.progress:4.0%} {event.message}")
        result = terrafusion.result(job.job_id)
        print(result.key_finding)
        print(result.trends_frame().select("period", "sales_volume", "median_price"))
        print(f"The whole file has {terrafusion.table(job.job_id).height} rows")
        try:
            terrafusion.ask("FAILING_ANALYSIS_SIM", "lucas_oh")
        except NotCompleted as error:
            print(f"{error.job.status}: {error.job.failure_reason}")


if __name__ == "__main__":
    main(*sys.argv[1:])
