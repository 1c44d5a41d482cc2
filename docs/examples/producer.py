"""Ask for an analysis over Kafka, with nothing but aiokafka: a CloudEvent on the requests topic.

    python docs/examples/producer.py trend_analysis lucas_oh '{"period": "year"}'

The job's id is printed. It is chosen here, before anything is sent, so sending again makes no second job.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from uuid import uuid4

from aiokafka import AIOKafkaProducer

TOPIC = "market-analysis.requests.v1"


def request(job_id: str, analysis_type: str, county_id: str, parameters: dict[str, object]) -> bytes:
    """Write the value: unknown fields are refused, so a misspelt one is found at once."""
    asked = {"analysis_type": analysis_type, "county_id": county_id, "parameters": parameters}
    return json.dumps({"job_id": job_id, **asked}).encode()


def headers(job_id: str) -> list[tuple[str, bytes]]:
    """Write the event's attributes. A service that traces adds its ``traceparent``: every event of the job carries it."""
    return [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", f"request/{job_id}".encode()),
        ("ce_source", b"/county/example"),
        ("ce_type", b"org.terrafusion.market-analysis.request.v1"),
        ("ce_time", datetime.now(UTC).isoformat().encode()),
        ("correlation_id", b"docs-example"),
    ]


async def main(analysis_type: str, county_id: str, parameters: str = "{}") -> None:
    """Send one request and return once the broker has it on disk."""
    job_id = str(uuid4())
    producer = AIOKafkaProducer(
        bootstrap_servers=os.environ["TERRAFUSION_KAFKA_BOOTSTRAP"], enable_idempotence=True, acks="all"
    )
    await producer.start()
    try:
        value = request(job_id, analysis_type, county_id, json.loads(parameters))
        await producer.send_and_wait(TOPIC, value, key=job_id.encode(), headers=headers(job_id))
    finally:
        await producer.stop()
    print(job_id)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
