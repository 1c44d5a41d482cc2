"""What the OpenAPI document says is what the paths do, whatever is sent: schemathesis, of a fixed seed.

`make fuzz` looks longer, of a seed of its own.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime
from typing import Any

import faust
import pytest

from models.dead_letters import DeadLetter, Stage
from terrafusion.embedded.processes import free_port
from terrafusion.web import application_options, register
from terrafusion.web.middleware import everybody
from terrafusion.web.server import BoundedWeb

SEED = os.environ.get("FUZZ_SEED", "20261129")
EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "3")
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
MORE_CHECKS = "negative_data_rejection,missing_required_header,unsupported_method,allow_header_conformance"


@pytest.fixture
async def url(world: Any) -> Any:
    """A server of the views over fakes, with a few jobs and dead letters to be found."""
    port = free_port()
    options = application_options((), door=everybody)
    app = faust.App("fuzz-test", web_bind="127.0.0.1", web_port=port, web_application_options=options)
    app.web = BoundedWeb(app)
    register(app, world.deps())
    for _ in range(3):
        await world.accept()
    letter = {"topic": "t", "partition": 0, "timestamp": datetime(2026, 1, 1, tzinfo=UTC), "key": None, "headers": ()}
    why = {"stage": Stage.DECODE, "error_class": "MalformedMessage", "error_message": "bad", "value": b"\xff"}
    world.store.dead_letters.keep([DeadLetter(offset=offset, **letter, **why) for offset in range(3)])
    await app.web.start()
    yield f"http://127.0.0.1:{port}"
    await app.web.stop()


@pytest.mark.timeout(3600 if "FUZZ_SEED" in os.environ else 600)
async def test_the_paths_do_what_their_document_says(url: str, tmp_path: Any) -> None:
    words = ["run", f"{url}/openapi.json", "--seed", SEED, "-n", EXAMPLES, "--exclude-name-regex", "/events"]
    words += ["--checks", f"{CHECKS},{MORE_CHECKS}", "--phases", "examples,coverage,fuzzing", "--continue-on-failure"]
    words += ["--suppress-health-check", "all", "--no-color"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "schemathesis.cli", *words,
        cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    told, _ = await process.communicate()
    assert process.returncode == 0, told.decode()[-20_000:]
