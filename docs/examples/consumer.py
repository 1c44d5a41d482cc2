"""Take what jobs found from Kafka, each once in effect, with nothing but aiokafka and a database of your own.

    python docs/examples/consumer.py answers.sqlite              # until Ctrl-C
    python docs/examples/consumer.py answers.sqlite JOB_ID       # until that job has ended

An event may come twice. What is done about it and the sequence that was seen are written in one transaction of the
reader's own database, so a second time changes nothing; the offset is committed behind that, so nothing is lost.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord

TOPIC = "market-analysis.completed.v1"
GROUP = "docs-example"
TABLE = "CREATE TABLE IF NOT EXISTS answers (job_id TEXT PRIMARY KEY, sequence INTEGER, status TEXT, finding TEXT, file TEXT)"
NEW = """
    INSERT INTO answers VALUES (:job_id, :sequence, :status, :finding, :file)
    ON CONFLICT (job_id) DO UPDATE
    SET sequence = excluded.sequence, status = excluded.status, finding = excluded.finding, file = excluded.file
    WHERE excluded.sequence > answers.sequence
"""


def take(database: sqlite3.Connection, record: ConsumerRecord[bytes, bytes]) -> dict[str, Any] | None:
    """Write an answer down and return it; None where it, or a later one, was seen before."""
    event = json.loads(record.value or b"null")
    answer = {
        "job_id": event["job_id"],
        "sequence": event["sequence"],
        "status": event["status"],
        "finding": (event["result_summary"] or {}).get("key_finding"),
        "file": event["result_data_location"],
    }
    with database:
        return answer if database.execute(NEW, answer).rowcount else None


async def main(path: str, until: str | None = None) -> None:
    """Take answers, oldest first, until that of the job ``until`` is there."""
    database = sqlite3.connect(path)
    database.execute(TABLE)
    consumer = AIOKafkaConsumer(
        TOPIC,
        bootstrap_servers=os.environ["TERRAFUSION_KAFKA_BOOTSTRAP"],
        group_id=GROUP,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        async for record in consumer:
            if answer := take(database, record):
                print(json.dumps(answer), flush=True)
            await consumer.commit()
            if until and (record.key or b"").decode() == until:
                return
    finally:
        await consumer.stop()
        database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
