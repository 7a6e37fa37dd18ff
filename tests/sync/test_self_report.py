"""A direct sync told to the server as a run of the profile's pipeline."""

from typing import Any

from starlette.responses import JSONResponse, Response

from dbtcollate_tui.events.outcome import Counts
from dbtcollate_tui.events.stream import EventEmitter
from dbtcollate_tui.events.types import Applied, RunFinished
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.plan.model import DescriptionChange
from dbtcollate_tui.settings.model import CollateSettings, DbtCloudSettings, Profile
from dbtcollate_tui.sync.self_report import self_reported
from tests.collate.server import Asked, FakeCollate, connected, say
from tests.support.builders import refs, table

ROOT = "/services/ingestionPipelines"
PROFILE = Profile(
    name="shop",
    dbt_cloud=DbtCloudSettings(base_url="https://cloud.getdbt.com", account_id=1, project_id=2, job_id=3),
    collate=CollateSettings(base_url="https://c.example", service="pg"),
)
PIPELINE = {
    "id": "p",
    "name": "x",
    "fullyQualifiedName": "pg.x",
    "pipelineType": "dbt",
    "sourceConfig": {
        "config": {
            "type": "DBT",
            "dbtConfigSource": {
                "dbtConfigType": "cloud",
                "dbtCloudAccountId": "1",
                "dbtCloudJobId": "3",
                "dbtCloudUrl": "https://cloud.getdbt.com",
            },
        }
    },
}


class Told(FakeCollate):
    """Takes every report."""

    async def answer(self, request: Any) -> Response:
        """What the script says, else an empty object."""
        answer = await super().answer(request)
        return JSONResponse({}) if answer.status_code == 404 else answer


async def report(*pipelines: object) -> list[Asked]:
    """A sync of 3,000 changes that wrote each at once; what was asked."""
    fake = Told(answers={f"GET {ROOT}": say({"data": pipelines, "paging": {"total": len(pipelines)}})})
    (ref,) = refs(table("orders"))
    async with connected(fake) as client:
        emitter = EventEmitter()
        async with self_reported(emitter, client, PROFILE) as reported:
            for number in range(3_000):
                column = f"c{number}"
                emitter(Applied(change=DescriptionChange(table=ref, column=column, before="", after="t")))
            ended = RunFinished(
                outcome="ok", counts=Counts(), exit_code=ExitCode.OK, text="all written", seconds=1
            )
            reported.ended(ended)
    return fake.asked


async def test_all_lines_arrive_by_few_requests_and_the_end_with_its_count() -> None:
    asked = await report(PIPELINE)
    lines = "\n".join(str(item.body) for item in asked if "/logs/" in item.path)
    assert lines.count(" written") == 3_001
    assert len(asked) < 25
    last = [item.body for item in asked if item.path.endswith("pipelineStatus")][-1]
    assert last["pipelineState"] == "success"
    assert last["status"][0]["records"] == 3_000


async def test_without_a_pipeline_nothing_is_sent() -> None:
    assert [item.method for item in await report()] == ["GET"]
