"""Records of syncs and verifications: what they keep, for how long, and what a damaged one costs."""

import asyncio
import json
import os
import stat
import threading
import time
from collections.abc import AsyncGenerator, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from pydantic import SecretStr

from dbtcollate_tui.check_ids import CheckId
from dbtcollate_tui.checks.base import CheckResult
from dbtcollate_tui.checks.chain import CheckState, Stage
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.events.outcome import Counts
from dbtcollate_tui.events.types import Applied, Failed, LogLine, PlanReady, RunFinished, Sequencer, SyncEvent
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.history import recording
from dbtcollate_tui.history import records as history
from dbtcollate_tui.history.checked import keep_verification
from dbtcollate_tui.history.recording import Recorder, recorded
from dbtcollate_tui.history.records import (
    HistoryRecord,
    find_record,
    latest,
    list_records,
    load_log,
    load_plan,
    log_path,
    new_id,
    plan_path,
    prune,
    record_path,
)
from dbtcollate_tui.plan.matching.matches import MatchReport, TableRef
from dbtcollate_tui.plan.model import DescriptionChange, Plan, TagsChange
from dbtcollate_tui.printable import CONTROL
from dbtcollate_tui.redact import redact
from dbtcollate_tui.settings.files import write_private
from dbtcollate_tui.settings.model import CollateSettings, DbtCloudSettings, Profile
from dbtcollate_tui.settings.state import StateStore
from tests.conftest import Places

PROFILE = Profile(
    name="shop",
    dbt_cloud=DbtCloudSettings(base_url="https://cloud.getdbt.com", account_id=1),
    collate=CollateSettings(base_url="https://collate.example", service="pg"),
)
REF = TableRef("1", "pg.wh.marts.t", "pg", "wh", "marts", "t")
stamp = Sequencer().stamp


def change(number: int, text: str = "new") -> DescriptionChange:
    return DescriptionChange(table=REF, column=f"c{number}", before="", after=text)


def plan_of(*changes: DescriptionChange) -> Plan:
    return Plan(changes=changes, match=MatchReport(matched={"model.shop.t": REF}))


def ended() -> RunFinished:
    made = RunFinished(
        outcome="ok", counts=Counts(planned=2, written=1, failed=1), exit_code=ExitCode.OK, text="x"
    )
    return stamp(made)


async def kept(recorder: Recorder, *changes: DescriptionChange) -> HistoryRecord:
    await recorder.begin(plan_of(*changes))
    await recorder.take(ended())
    return recorder.record


async def test_a_record_says_what_failed_and_why(places: Places) -> None:
    state = StateStore()
    recorder = Recorder(state, PROFILE, "direct")
    first, second = change(1), change(2)
    await recorder.begin(plan_of(first, second))
    await recorder.take(stamp(Applied(change=first)))
    error = ActionableError("It was refused", causes=["A rule of the server's."])
    await recorder.take(stamp(Failed(change=second, error=error)))
    await recorder.take(ended())
    (record,) = list_records(state, "shop")
    assert record == recorder.record
    assert record.counts == "1 written, 1 failed"
    assert (record.planned_by_kind, record.written_by_kind) == ({"description": 2}, {"description": 1})
    (failure,) = record.failures
    assert (failure.key, failure.label, failure.title) == (second.key, "marts.t.c2", "It was refused")
    assert failure.causes == ("A rule of the server's.",)
    assert (record.matched, record.expected) == (1, 1)
    if os.name == "posix":
        for path in (record_path(state, record), plan_path(state, record), log_path(state, record)):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_record_holds_no_secret(places: Places) -> None:
    redact.learn(SecretStr("live-MARKED"))
    state = StateStore()
    recorder = Recorder(state, PROFILE, "direct")
    await recorder.begin(plan_of(change(1, "see live-MARKED")))
    await recorder.take(stamp(LogLine(source="sync", level="info", text="with live-MARKED")))
    await recorder.take(stamp(Failed(error=ActionableError("live-MARKED", causes=["dbtc_MARKED1234567890"]))))
    await recorder.take(ended())
    files = list(state.history_folder("shop").iterdir())
    assert len(files) == 3
    assert not [path for path in files if "MARKED" in path.read_text(encoding="utf-8")]


async def test_a_plan_is_cut_to_its_bound_and_says_so(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbtcollate_tui.history.recording.PLAN_BYTES", 4_000)
    state = StateStore()
    record = await kept(Recorder(state, PROFILE, "direct"), *(change(n, "é" * 5_000) for n in range(3)))
    plan = load_plan(state, record)
    assert plan is not None
    assert (len(plan.changes), plan.left_out) == (1, 2)
    assert len(plan.changes[0].new) == 2_000
    assert plan.summary.startswith("3 changes")


async def test_a_log_above_its_bound_keeps_the_errors(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbtcollate_tui.history.recording.LOG_LINES", 10)
    state = StateStore()
    recorder = Recorder(state, PROFILE, "direct")
    await recorder.begin()
    for number in range(20):
        await recorder.take(stamp(LogLine(source="sync", level="info", text=str(number))))
    await recorder.take(stamp(Failed(error=ActionableError("broken"))))
    await recorder.take(ended())
    log = load_log(state, recorder.record)
    assert [entry.text for entry in log[:9]] == [str(number) for number in range(9)]
    assert "only warnings and errors" in log[9].text
    assert [entry.text for entry in log[10:]] == ["broken", "x"]


async def test_killed_sync_differs_from_a_running_one(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = StateStore()
    recorder = Recorder(state, PROFILE, "direct")
    await recorder.begin(plan_of(change(1), change(2)))
    monkeypatch.setattr("dbtcollate_tui.history.recording.FLUSH_LINES", 1)
    await recorder.take(stamp(Applied(change=change(1))))
    (record,) = list_records(state, "shop")
    assert (record.outcome, record.counts) == ("running", "1 of 2 written")
    assert latest(state, "shop") is None
    long_ago = time.time() - history.ALIVE_SECONDS - 1
    os.utime(log_path(state, recorder.record), (long_ago, long_ago))
    (record,) = list_records(state, "shop")
    assert (record.outcome, record.counts) == ("interrupted", "1 of 2 written")
    assert latest(state, "shop") == record


async def test_records_older_than_ninety_days_go_and_the_newer_stay(places: Places) -> None:
    state = StateStore()
    record = await kept(Recorder(state, PROFILE, "direct"), change(1))
    now = datetime.now(UTC)
    prune(state, "shop", now + timedelta(days=89))
    assert list_records(state, "shop") == (record,)
    other = state.history_folder("shop") / "notes.json"
    other.write_text("a person's own file", encoding="utf-8")
    prune(state, "shop", now + timedelta(days=91))
    assert [path.name for path in state.history_folder("shop").iterdir()] == ["notes.json"]


async def test_the_oldest_plans_give_way_where_they_are_too_much_together(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = StateStore()
    old = await kept(Recorder(state, PROFILE, "direct"), change(1))
    size = sum(path.stat().st_size for path in (plan_path(state, old), log_path(state, old)))
    monkeypatch.setattr("dbtcollate_tui.history.records.PLANS_AND_LOGS_BYTES", size + 10)
    new = await kept(Recorder(state, PROFILE, "direct"), change(1))
    prune(state, "shop")
    assert list_records(state, "shop") == (new, old)
    assert load_plan(state, new) is not None
    assert load_plan(state, old) is None


async def test_what_cannot_be_read_is_left_out(places: Places) -> None:
    state = StateStore()
    record = await kept(Recorder(state, PROFILE, "direct"), change(1))
    later = new_id("sync", datetime.now(UTC) + timedelta(seconds=5))
    (state.history_folder("shop") / f"{later}.json").write_bytes(b"{")
    with log_path(state, record).open("a", encoding="utf-8") as file:
        file.write('{"at": "20')
    assert list_records(state, "shop", limit=1) == (record,)
    assert [entry.text for entry in load_log(state, record)] == ["x"]


async def test_a_field_of_a_newer_version_does_not_hide_a_record(places: Places) -> None:
    state = StateStore()
    record = await kept(Recorder(state, PROFILE, "direct"), change(1))
    path = record_path(state, record)
    path.write_text(json.dumps({**json.loads(path.read_text()), "moon": "full"}), encoding="utf-8")
    assert list_records(state, "shop") == (record,)


async def test_a_verification_leaves_its_rows(places: Places) -> None:
    state = StateStore()
    rows = [
        CheckResult(CheckId.DBT_TOKEN, "Token", Stage.DBT_CLOUD, CheckState.PASS, "accepted"),
        CheckResult(
            CheckId.RUN_EXISTS, "Run", Stage.RUN, CheckState.FAIL, "no run", causes=("It never ran.",)
        ),
        CheckResult(CheckId.VERIFICATION_TESTS, "Tests", Stage.VERIFICATION, CheckState.SKIPPED),
    ]
    record = keep_verification(state, PROFILE, rows, datetime.now(UTC), 1.26)
    assert list_records(state, "shop", action="verify") == (record,)
    assert list_records(state, "shop", action="sync") == ()
    assert (record.outcome, record.seconds, record.counts) == ("failed", 1.3, "1 pass, 1 fail, 1 skipped")
    assert [(item.key, item.title, item.causes) for item in record.failures] == [
        ("run.exists", "no run", ("It never ran.",))
    ]
    assert [(line.id, line.state) for line in record.verification][2] == ("verification.tests", "skipped")


async def test_a_record_is_found_by_an_end_of_its_id(places: Places) -> None:
    state = StateStore()
    record = await kept(Recorder(state, PROFILE, "direct"), change(1))
    assert find_record(state, "shop", record.id) == record
    assert find_record(state, "shop", record.id[-6:]) == record
    assert find_record(state, "shop", "") is None
    assert find_record(state, "shop", "../../etc") is None


async def test_a_folder_that_cannot_be_written_stops_nothing(places: Places) -> None:
    places.state.parent.mkdir(parents=True)
    places.state.write_text("a file where the folder should be", encoding="utf-8")
    state = StateStore()
    record = await kept(Recorder(state, PROFILE, "direct"), change(1))
    assert record.outcome == "ok"
    assert list_records(state, "shop") == ()


async def test_a_profile_that_is_deleted_takes_its_history_along(places: Places) -> None:
    state = StateStore()
    await kept(Recorder(state, PROFILE, "direct"), change(1))
    state.delete("shop")
    assert not state.folder_of("shop").exists()


async def test_record_of_a_closed_sync_is_not_overwritten(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan's file is still being written in a thread, which writes the record last."""
    entered, release = threading.Event(), threading.Event()
    write = write_private

    def slow(path: Path, text: str | Iterable[str]) -> None:
        if isinstance(text, str) and '"running"' in text and recorder.compared is not None:
            entered.set()
            release.wait(10)
        write(path, text)

    state = StateStore(places.state)
    recorder = Recorder(state, PROFILE, "direct")
    await recorder.begin()
    monkeypatch.setattr(recording, "write_private", slow)
    await recorder.take(stamp(PlanReady(plan=plan_of(change(1)))))
    await asyncio.to_thread(entered.wait, 10)
    closing = asyncio.create_task(asyncio.to_thread(recorder.abandon))
    await asyncio.sleep(0)
    release.set()
    await closing
    await recorder.plan_written()
    assert [record.outcome for record in list_records(state, "shop")] == ["cancelled"]


@pytest.mark.parametrize("lost", ["folder", "ledger"])
async def test_sync_without_a_record_is_not_ok(places: Places, lost: str) -> None:
    state = StateStore()
    tagged = TagsChange(table=REF, before=(), added=("dbtTags.daily",))

    async def sync() -> AsyncGenerator[SyncEvent, None]:
        yield stamp(Applied(change=tagged))
        yield replace(ended(), text="1 written.")

    if lost == "folder":
        state.folder.parent.mkdir(parents=True, exist_ok=True)
        state.folder.write_text("a file in the folder's place")
    else:
        server = sha256(PROFILE.collate.base_url.encode()).hexdigest()[:12]
        (state.folder_of("shop") / f"written-{server}.ndjson").mkdir(parents=True)
    told = [e async for e in recorded(sync(), Recorder(state, PROFILE, "direct"), plan_of())]
    end = told[-1]
    assert isinstance(end, RunFinished)
    assert (end.outcome, end.exit_code) == ("partial", ExitCode.PARTIAL)
    assert end.not_kept
    assert end.text == f"1 written. The history has no whole record of it: {end.not_kept}."
    assert end.as_dict()["not_kept"] == end.not_kept


async def test_sync_with_a_record_is_unchanged(places: Places) -> None:
    async def sync() -> AsyncGenerator[SyncEvent, None]:
        yield end

    end = ended()
    assert [e async for e in recorded(sync(), Recorder(StateStore(), PROFILE, "direct"), plan_of())] == [end]


HOSTILE = "a\x1b[2Jb\x9b31mc\u202ed\x7fe\u2028f"


async def test_files_of_a_record_hold_no_raw_controls(places: Places) -> None:
    """The values are the server's; as bytes of a file, a terminal that shows it obeys nothing."""
    state = StateStore()
    recorder = Recorder(state, PROFILE, "direct")
    odd = change(1, HOSTILE)
    await recorder.begin(replace(plan_of(odd), notes=(HOSTILE,)))
    await recorder.take(stamp(LogLine(source=HOSTILE, level="info", text=HOSTILE)))
    await recorder.take(stamp(Failed(change=odd, error=ActionableError(HOSTILE, causes=[HOSTILE]))))
    await recorder.take(replace(ended(), text=HOSTILE))
    row = CheckResult(CheckId.RUN_EXISTS, HOSTILE, Stage.RUN, CheckState.FAIL, HOSTILE)
    keep_verification(state, PROFILE, [row], datetime.now(UTC), 1.0)
    files = list(state.history_folder("shop").iterdir())
    assert len(files) >= 4
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert not CONTROL.search(text.replace("\r", "")), path.name
    plan = load_plan(state, recorder.record)
    assert plan is not None
    assert plan.changes[0].new == HOSTILE
