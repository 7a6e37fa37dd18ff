import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from dbtcollate_tui.dbt_cloud.artifact_files import KEPT_RUNS
from dbtcollate_tui.dbt_cloud.artifact_store import ArtifactProgress, ArtifactStore, FetchedArtifacts
from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.dbt_cloud.errors import HiddenOrMissing, MissingPermission
from dbtcollate_tui.dbt_cloud.run_choice import choose_run
from dbtcollate_tui.dbt_cloud.run_notes import NoteKind
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.transport.pacing import RetryPolicy, Unpaced
from tests.conftest import Places
from tests.dbt_cloud.fake import ACCOUNT, NOW, TOKEN, FakeDbtCloud, run, serving, steps

MANIFEST = {"metadata": {"invocation_id": "m"}, "nodes": {}}
CATALOG = {"metadata": {"invocation_id": "c"}, "nodes": {}}


def results(invocation: str) -> dict[str, Any]:
    return {"metadata": {"invocation_id": invocation}, "results": []}


def three_commands(number: int = 7) -> FakeDbtCloud:
    """dbt run → dbt test → dbt docs generate, each with what a real dbt writes."""
    fake = FakeDbtCloud(
        [run(number, 1, run_steps=steps(None, None, "dbt deps", "dbt run", "dbt test", "dbt docs generate"))]
    )
    fake.give(number, 4, manifest=MANIFEST | {"of": "run"}, run_results=results("r"))
    fake.give(number, 5, manifest=MANIFEST | {"of": "test"}, run_results=results("t"))
    fake.give(number, 6, manifest=MANIFEST | {"of": "docs"}, run_results=results("d"), catalog=CATALOG)
    return fake


def open_client(url: str) -> DbtCloudClient:
    return DbtCloudClient(url, TOKEN, pacer=Unpaced(), retries=RetryPolicy(attempts=3, first_wait=0.01))


async def fetch(
    fake: FakeDbtCloud,
    number: int = 7,
    store: ArtifactStore | None = None,
    seen: list[ArtifactProgress] | None = None,
) -> FetchedArtifacts:
    async with serving(fake.app()) as url, open_client(url) as client:
        choice = await choose_run(client, ACCOUNT, None, None, run_id=number, now=NOW)
        told = seen if seen is not None else []
        return await (store or ArtifactStore()).fetch(client, ACCOUNT, choice, told.append)


def texts(found: FetchedArtifacts) -> str:
    return "\n".join(note.text for note in found.notes)


def of(found: FetchedArtifacts) -> str:
    return str(json.loads(found.manifest.path.read_bytes())["of"])


async def test_every_step_gives_what_it_wrote(places: Places) -> None:
    found = await fetch(three_commands())
    assert (found.manifest.step, found.manifest.command, of(found)) == (6, "dbt docs generate", "docs")
    assert found.catalog is not None
    assert found.catalog.step == 6
    assert [(file.step, file.command, file.invocation_id) for file in found.run_results] == [
        (4, "dbt run", "r"),
        (5, "dbt test", "t"),
        (6, "dbt docs generate", "d"),
    ]
    assert found.sources is None
    assert found.size == sum(file.path.stat().st_size for file in found.files)
    assert all(file.path.is_relative_to(places.cache) for file in found.files)
    assert "Test results come from step 5 (dbt test)." in texts(found)


@pytest.mark.parametrize(
    ("commands", "step", "note"),
    [
        (("dbt run", "dbt test"), 1, "no compiled code"),
        (("dbt seed", "dbt build", "dbt source freshness"), 2, "no compiled code"),
        (("dbt docs generate", "dbt build"), 2, ""),
        (("dbt run", "dbt docs generate --no-compile"), 1, ""),
        (("dbt seed", "dbt test"), 2, ""),
    ],
)
async def test_the_manifest_is_of_the_last_step_that_compiles(
    commands: tuple[str, ...], step: int, note: str
) -> None:
    fake = FakeDbtCloud([run(7, 1, run_steps=steps(*commands))])
    for index in range(1, len(commands) + 1):
        fake.give(7, index, manifest=MANIFEST, run_results=results(str(index)))
    found = await fetch(fake)
    assert found.manifest.step == step
    assert " ".join(note.split()) in " ".join(texts(found).split())


async def test_manifest_of_another_step_is_used_instead() -> None:
    fake = three_commands()
    del fake.artifacts[7, 6, "manifest.json"]
    assert of(await fetch(fake)) == "run"
    del fake.artifacts[7, 4, "manifest.json"]
    assert of(await fetch(fake)) == "test"


async def test_a_run_of_unknown_steps_is_read_from_the_last() -> None:
    fake = FakeDbtCloud([run(7, 1, run_steps=[])])
    fake.give(7, 0, manifest=MANIFEST, run_results=results("x"), catalog=CATALOG)
    found = await fetch(fake)
    assert [(file.name, file.step) for file in found.files] == [
        ("manifest.json", None),
        ("catalog.json", None),
        ("run_results.json", None),
    ]


async def test_steps_that_never_ran_are_not_asked() -> None:
    fake = three_commands()
    fake.runs[0] |= {
        "status": 20,
        "run_steps": steps(None, None, "dbt deps", "dbt run", "dbt test", "dbt docs generate", failed=5),
    }
    found = await fetch(fake)
    assert [file.step for file in found.run_results] == [4, 5]
    assert found.manifest.step == 4
    assert found.catalog is None or found.catalog.step is None
    assert not any("step=6" in question or "step=1" in question for question in fake.asked)


async def test_a_missing_catalog_and_missing_results_say_what_is_lost() -> None:
    fake = FakeDbtCloud([run(7, 1, has_docs_generated=False, run_steps=steps("dbt run"))])
    fake.give(7, 1, manifest=MANIFEST)
    found = await fetch(fake)
    assert found.catalog is None
    assert found.run_results == ()
    assert "Add dbt docs generate to the job" in texts(found)
    assert "no test result is sent" in texts(found)
    assert [question for question in fake.asked if "catalog" in question] == [
        "catalog.json?step=1",
        "catalog.json?",
    ]


@pytest.mark.parametrize(
    ("commands", "writer"),
    [
        (("dbt build", "dbt compile --write-catalog", "dbt test"), 2),
        (("dbt build", "dbt test"), 1),
        (("dbt compile --write-catalog", "dbt build"), 1),
        (("dbtf build --select +marts", "dbt seed"), 1),
    ],
)
async def test_a_catalog_is_found_in_any_step_that_writes_it(commands: tuple[str, ...], writer: int) -> None:
    fake = FakeDbtCloud(
        [run(7, 1, has_docs_generated=False, dbt_version="latest-fusion", run_steps=steps(*commands))]
    )
    fake.give(7, 1, manifest=MANIFEST)
    fake.give(7, writer, catalog={"nodes": {}})
    found = await fetch(fake)
    assert found.catalog is not None
    assert found.catalog.step == writer
    assert "docs generate" not in texts(found)


async def test_a_hidden_manifest_is_a_matter_of_permissions() -> None:
    fake = FakeDbtCloud([run(7, 1)], hides=("artifacts",))
    with pytest.raises(HiddenOrMissing) as caught:
        await fetch(fake)
    assert caught.value.exit_code is ExitCode.AUTH
    assert "no permission" in caught.value.causes[0]


async def test_a_run_that_left_nothing_says_why_it_ended() -> None:
    message = "This run timed out after running for 1 day"
    fake = FakeDbtCloud([run(7, 1, 20, status_message=message)], hides=("files",))
    with pytest.raises(ActionableError, match="has no manifest") as caught:
        await fetch(fake)
    assert message in caught.value.causes[0]


async def test_freshness_is_fetched_from_its_step() -> None:
    fake = FakeDbtCloud([run(7, 1, run_steps=steps("dbt build", "dbt source freshness"))])
    fake.give(7, 1, manifest=MANIFEST, run_results=results("b"))
    fake.give(7, 2, sources={"results": []}, run_results=results("b"))
    found = await fetch(fake)
    assert found.sources is not None
    assert found.sources.step == 2
    assert [file.step for file in found.run_results] == [1]


async def test_no_manifest_is_an_error_that_names_the_steps() -> None:
    fake = FakeDbtCloud([run(7, 1, 20, run_steps=steps("dbt deps", failed=1))])
    with pytest.raises(ActionableError, match=r"Run 7 has no manifest\.json") as caught:
        await fetch(fake)
    assert "dbt deps" in caught.value.evidence[0]


async def test_a_server_that_ignores_the_step_is_noticed() -> None:
    fake = three_commands()
    for index in (4, 5):
        fake.give(7, index, run_results=results("d"))
    found = await fetch(fake)
    assert [file.step for file in found.run_results] == [6]
    assert "ignores which step is asked for: 3 steps gave the same run_results.json" in texts(found)
    assert "The test results of step 5 may be lost." in texts(found)


async def test_results_that_a_step_found_lying_there_are_not_counted_twice() -> None:
    fake = FakeDbtCloud([run(7, 1, run_steps=steps("dbt build", "dbt run-operation x", "dbt docs generate"))])
    fake.give(7, 1, manifest=MANIFEST, run_results=results("b"))
    fake.give(7, 2, run_results=results("b"))
    fake.give(7, 3, run_results=results("d"))
    found = await fetch(fake)
    assert [file.step for file in found.run_results] == [1, 3]
    assert "ignores" not in texts(found)


async def test_the_second_time_nothing_is_downloaded() -> None:
    fake = three_commands()
    async with serving(fake.app()) as url, open_client(url) as client:
        choice = await choose_run(client, ACCOUNT, None, None, run_id=7, now=NOW)
        first = await ArtifactStore().fetch(client, ACCOUNT, choice)
        before = len(fake.asked)
        seen: list[ArtifactProgress] = []
        second = await ArtifactStore().fetch(client, ACCOUNT, choice, seen.append)
        assert len(fake.asked) == before
        assert [file.path for file in second.files] == [file.path for file in first.files]
        assert {progress.state for progress in seen} == {"cached"}
        assert all(file.from_cache for file in second.files)
        for damage in (b"", b'{"metadata": {}, "cut', os.urandom(first.manifest.size)):
            first.manifest.path.write_bytes(damage)
            assert of(await ArtifactStore().fetch(client, ACCOUNT, choice)) == "docs"


async def test_hosts_and_runs_do_not_share_files() -> None:
    one, two = three_commands(), three_commands()
    two.give(7, 6, manifest=MANIFEST | {"of": "another host"})
    assert of(await fetch(one)) == "docs"
    assert of(await fetch(two)) == "another host"


async def test_progress_is_reported_in_bytes() -> None:
    fake = three_commands()
    fake.give(7, 6, manifest=MANIFEST | {"of": "x" * 400_000})
    seen: list[ArtifactProgress] = []
    found = await fetch(fake, seen=seen)
    told = [progress for progress in seen if progress.name == "manifest.json"]
    assert [told[0].state, told[-1].state] == ["asking", "done"]
    assert told[-1].done == told[-1].total == found.manifest.size
    growing = [progress.done for progress in told if progress.state == "downloading"]
    assert growing == sorted(growing)
    assert len(growing) > 1
    assert {progress.total for progress in told if progress.state == "downloading"} == {found.manifest.size}


@pytest.mark.parametrize("broken", [b"<html>not this</html>", b'{"metadata": {"dbt_version"', b"[]", b" "])
async def test_a_broken_file_is_named_with_its_step(broken: bytes, places: Places) -> None:
    fake = three_commands()
    fake.artifacts[7, 6, "manifest.json"] = broken
    with pytest.raises(ActionableError, match=r"manifest\.json of step 6 is not whole JSON") as caught:
        await fetch(fake)
    assert f"{len(broken)} bytes" in caught.value.evidence[0]
    assert not list(places.cache.rglob("*.part"))
    assert not list(places.cache.rglob("6-manifest.json"))


@pytest.mark.parametrize(
    ("name", "step"), [("run_results.json", 5), ("catalog.json", 6), ("sources.json", 4)]
)
async def test_broken_optional_file_is_left_out_with_a_note(name: str, step: int) -> None:
    fake = three_commands()
    fake.runs[0]["run_steps"][3] = steps(None, None, "dbt deps", "dbt source freshness")[3]
    fake.artifacts[7, step, name] = b'{"metadata": {"dbt_version"'
    found = await fetch(fake)
    assert name not in {file.name for file in found.files if file.step == step}
    note = next(note for note in found.notes if note.kind is NoteKind.BROKEN_FILE)
    assert note.text.startswith(f"{name} of step {step} is not whole JSON and is left out (27 bytes")


@pytest.mark.parametrize(
    "broken", [b'{"metadata": 5}', b'{"metadata": {"a": }', b'{"a":' + b"[" * 100_000 + b"}"]
)
async def test_odd_results_are_left_to_the_decoder(broken: bytes) -> None:
    fake = three_commands()
    fake.artifacts[7, 5, "run_results.json"] = broken
    found = await fetch(fake)
    assert [(file.step, file.invocation_id) for file in found.run_results] == [(4, "r"), (5, ""), (6, "d")]


@pytest.mark.parametrize(
    ("commands", "taken", "others"),
    [
        (("dbt run", "dbt test", "dbt docs generate"), 3, []),
        (("dbt build",), 1, []),
        (("dbt run -s a", "dbt run -s b", "dbt test"), 2, [1]),
        (("dbt run -s a", "dbt run -s b", "dbt snapshot"), 3, [2, 1]),
        (("dbt build", "dbt run -s a"), 1, []),
        (("dbt run -s a", "dbt retry"), 2, [1]),
        (("dbt build", "dbt build --empty"), 1, []),
        (("dbt run -s a", "dbt run -s b --sample='3 days'"), 1, []),
        (("dbt build --empty",), 1, []),
    ],
)
async def test_sql_is_of_every_step_that_compiled_some(
    commands: tuple[str, ...], taken: int, others: list[int]
) -> None:
    """A manifest holds the compiled code of its own step's selection alone."""
    fake = FakeDbtCloud([run(7, 1, run_steps=steps(*commands))])
    for index in range(1, len(commands) + 1):
        fake.give(7, index, manifest=MANIFEST, run_results=results(str(index)))
    found = await fetch(fake)
    assert found.manifest.step == taken
    assert [file.step for file in found.other_manifests] == others


async def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ActionableError, match="artifact cache cannot be written") as caught:
        await fetch(three_commands(), store=ArtifactStore(tmp_path / "file"))
    assert "DBTCOLLATE_CACHE_DIR" in caught.value.fixes[0].label


async def test_only_the_runs_used_last_are_kept(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    fake = three_commands()
    async with serving(fake.app()) as url, open_client(url) as client:
        choice = await choose_run(client, ACCOUNT, None, None, run_id=7, now=NOW)
        found = await store.fetch(client, ACCOUNT, choice)
        account = found.manifest.path.parent.parent
        for number in range(100, 100 + KEPT_RUNS + 3):
            (account / str(number)).mkdir()
            os.utime(account / str(number), (number, number))
        again = await store.fetch(client, ACCOUNT, choice)
    assert again.manifest.path.exists()
    assert len(list(account.iterdir())) == KEPT_RUNS


async def test_a_cancelled_fetch_leaves_nothing_half(places: Places) -> None:
    fake = three_commands()
    fake.give(7, 6, manifest=MANIFEST | {"of": "x" * 3_000_000})
    async with serving(fake.app()) as url, open_client(url) as client:
        choice = await choose_run(client, ACCOUNT, None, None, run_id=7, now=NOW)
        under_way = asyncio.Event()

        def told(progress: ArtifactProgress) -> None:
            if progress.state == "downloading" and progress.name == "manifest.json":
                under_way.set()

        task = asyncio.create_task(ArtifactStore().fetch(client, ACCOUNT, choice, told))
        await under_way.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert not list(places.cache.rglob("*.part"))
    assert not list(places.cache.rglob("6-manifest.json"))


@asynccontextmanager
async def _sandboxed(scenario: str) -> AsyncIterator[tuple[Sandbox, DbtCloudClient]]:
    async with (
        Sandbox(scenario) as sandbox,
        DbtCloudClient(
            sandbox.dbt_cloud_url,
            sandbox.dbt_cloud_token,
            pacer=Unpaced(),
            retries=RetryPolicy(attempts=4, first_wait=0.01),
        ) as client,
    ):
        yield sandbox, client


def sandboxed(scenario: str) -> AbstractAsyncContextManager[tuple[Sandbox, DbtCloudClient]]:
    return _sandboxed(scenario)


async def fetch_from(sandbox: Sandbox, client: DbtCloudClient) -> FetchedArtifacts:
    choice = await choose_run(client, sandbox.account_id, sandbox.project_id, sandbox.job_id)
    return await ArtifactStore().fetch(client, sandbox.account_id, choice)


@pytest.mark.parametrize("scenario", ["", "cut-download", "flaky"])
async def test_the_sandboxs_run_comes_whole(scenario: str) -> None:
    async with sandboxed(scenario) as (sandbox, client):
        found = await fetch_from(sandbox, client)
    assert found.manifest.command == "dbt docs generate"
    assert found.catalog is not None
    assert found.sources is not None
    assert [file.command for file in found.run_results] == [
        "dbt seed",
        "dbt snapshot",
        "dbt run",
        "dbt test",
        "dbt docs generate",
    ]
    for file in found.files:
        assert json.loads(file.path.read_bytes())["metadata"]["dbt_version"]


async def test_sandbox_faults_are_logged() -> None:
    async with sandboxed("broken-manifest") as (sandbox, client):
        with pytest.raises(ActionableError, match="is not whole JSON"):
            await fetch_from(sandbox, client)
    async with sandboxed("missing-permission") as (sandbox, client):
        with pytest.raises(MissingPermission):
            await fetch_from(sandbox, client)
    async with sandboxed("missing-catalog") as (sandbox, client):
        assert "has no catalog.json" in texts(await fetch_from(sandbox, client))
    async with sandboxed("step-ignored") as (sandbox, client):
        found = await fetch_from(sandbox, client)
        assert len(found.run_results) == 1
        assert "ignores which step is asked for" in texts(found)
