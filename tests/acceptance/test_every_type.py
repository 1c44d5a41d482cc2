"""Every type of the catalogue over the topic, over HTTP and by `analyze`: the same document, the same bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url
from support.database import Database
from support.nursery import Nursery
from support.rig import Rig
from support.shell import Shell
from support.tape import Tape, request
from support.web import PREFIX

from terrafusion.adapters.broker import Broker
from terrafusion.adapters.kafka_admin import create_topics
from terrafusion.analysis.registry import load_catalogue
from terrafusion.embedded.kafka import EmbeddedKafka
from terrafusion.embedded.postgres import EmbeddedPostgres
from terrafusion.embedded.workers import environment
from terrafusion.samples import sample_file
from terrafusion.settings import Settings

COUNTY = "lakeside"
TYPES = [analysis.name for analysis in load_catalogue() if analysis.name != "FAILING_ANALYSIS_SIM"]
SLOW = {"comparable_market_area", "market_valuation"}
"""A minute and more for each: in `make test-long`."""
WHOLLY = "price_index"
"""Asked of a file by a process from its beginning, the others by forks that have imported everything."""
SUBJECTS = ["LUC000003", "LUC000006"]
PARAMETERS: dict[str, dict[str, Any]] = {
    "comparable_sales": {"subject_parcel_ids": SUBJECTS},
    "comparable_market_area": {"n_areas": 3},
    "market_valuation": {"subject_parcel_ids": SUBJECTS},
    "ratio_study": {"group_by": "market_area"},
    "trend_analysis": {"group_by": "market_area", "period": "quarter"},
}
"""What a type is asked, where its defaults are not enough."""
PROFILE = """
county_id = "lakeside"
[market_areas."Toledo West"]
zip_codes = ["43606", "43613", "43615"]
[deed_types]
QC = false
WD = true
"""


@dataclass(frozen=True)
class Files:
    """A county as an office would send it."""

    sales: Path
    properties: Path
    listings: Path
    profile: Path

    @property
    def options(self) -> Iterator[str]:
        for name in ("sales", "properties", "listings", "profile"):
            yield from (f"--{name}", str(getattr(self, name)))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Every third sale of Lucas County, its parcels and as many unsold ones, and what was listed before it sold."""
    folder = tmp_path_factory.mktemp("county")
    sales = pl.read_parquet(sample_file("lucas_oh")).gather_every(3).drop("wall", "garage", "garage_sqft", "rooms")
    deeds = pl.Series("deed_type", ["WD", "WD", "WD", "QC", "WD"] * (sales.height // 5 + 1)).head(sales.height)
    made = Files(*(folder / name for name in ("sales.parquet", "roll.parquet", "listings.csv", "profile.toml")))
    sales.with_columns(deeds).write_parquet(made.sales)
    unsold = sales.with_columns(pl.format("{}X", "parcel_number").alias("parcel_number"))
    pl.concat([sales, unsold]).drop("sale_date", "sale_price").write_parquet(made.properties)
    days = pl.col("sale_date")
    sales.select(
        "parcel_number",
        "zip_code",
        (days - timedelta(days=60)).alias("list_date"),
        (pl.col("sale_price") * 1.04).round(0).alias("list_price"),
        pl.when(days < date(1998, 10, 1)).then(days).alias("off_market_date"),
    ).write_csv(made.listings)
    made.profile.write_text(PROFILE)
    return made


@pytest.fixture(scope="module")
async def patient(
    postgres: EmbeddedPostgres,
    migrated_template: str,
    tmp_path_factory: pytest.TempPathFactory,
    files: Files,
    nursery: Nursery,
) -> AsyncIterator[Rig]:
    """One worker whose time limit is that of a release, on a database and a broker of its own, with the county loaded."""
    folder = tmp_path_factory.mktemp("patient")
    made = f"CREATE DATABASE patient TEMPLATE {migrated_template}"
    await asyncio.to_thread(Database(postgres.url).rows, made)
    url = make_url(postgres.url).set(database="patient").render_as_string(hide_password=False)
    async with AsyncExitStack() as stack:
        kafka = stack.enter_context(EmbeddedKafka(folder / "kafka"))
        settings = Settings(
            database_url=SecretStr(url),
            kafka_bootstrap=kafka.bootstrap,
            results_url=(folder / "results").as_uri(),
            log_format="json",
        )
        await create_topics(Broker(kafka.bootstrap))
        rig = Rig(folder, settings, workers=1)
        stack.callback(rig.end)
        shell = Shell(nursery, folder, environment(rig.settings))
        for command in (
            ["county", "set", str(files.profile)],
            *(
                ["load", kind, str(getattr(files, kind)), "--county", COUNTY]
                for kind in ("sales", "properties", "listings")
            ),
        ):
            await asyncio.to_thread(shell.run, *command)
        rig.begin()
        await asyncio.to_thread(rig.ready)
        yield rig


@pytest.fixture(scope="module")
def answers(patient: Rig) -> Iterator[Tape]:
    with Tape(patient.bootstrap) as made:
        yield made


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.by_hand) if kind in SLOW else kind for kind in TYPES]
)
def test_topic_http_and_file_give_the_same_answer(
    patient: Rig, answers: Tape, files: Files, nursery: Nursery, tmp_path: Path, kind: str
) -> None:
    parameters = PARAMETERS.get(kind, {})
    [by_topic] = patient.upstream.send(request(kind, COUNTY, parameters=parameters))
    asked = {"analysis_type": kind, "county_id": COUNTY, "parameters": parameters}
    by_http = patient.web.post(f"{PREFIX}/run", asked).body["job_id"]
    shell = Shell(nursery, tmp_path, {})
    run = shell.wholly if kind == WHOLLY else shell.run
    command = ("analyze", kind, *files.options, "--params", json.dumps(parameters), "--out", str(tmp_path), "--json")
    at_hand = json.loads(run(*command)[0])
    stated = at_hand["result"]["result_summary"]
    assert stated["key_finding"]
    assert stated["method"]
    assert "cross_check" in stated
    for job_id in (by_topic, by_http):
        completed = answers.completed(job_id, within=120).body
        assert completed["status"] == "COMPLETED", completed["message"]
        result = patient.web.get(f"{PREFIX}/results/{job_id}").body["result"]
        assert completed["result_summary"] == result["result_summary"] == stated
        assert without_location(result) == without_location(at_hand["result"])
        assert completed["result_sha256"] == at_hand["result_sha256"]
        assert completed["data_version"] == at_hand["data_version"]
        places = [urlsplit(told["result_data_location"]).path for told in (completed, at_hand["result"])]
        assert Path(places[0]).read_bytes() == Path(places[1]).read_bytes()


def without_location(result: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name != "result_data_location"}
