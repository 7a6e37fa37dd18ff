"""The benchmark's own parts: its project's proportions, its table, and its sides on the sandbox's shop."""

import shutil
from pathlib import Path

import dbtcollate_tui.sandbox
from tests.bench import dbt_project, report, sides
from tests.bench.report import Measured
from tests.bench.server import slowness
from tests.bench.serving import Tally, free_ports, served

SHOP = Path(dbtcollate_tui.sandbox.__file__).parent / "data"


def test_a_model_has_1_9_edges_8_columns_and_3_tests(tmp_path: Path) -> None:
    parents = dbt_project.parents(1000)
    assert len(parents) == 1000
    assert sum(map(len, parents.values())) == 1900
    dbt_project.write(tmp_path, 20)
    texts = [path.read_text(encoding="utf-8") for path in (tmp_path / "models").glob("*/*.yml")]
    assert len(texts) == 20
    for text in texts:
        assert text.count("      - name: ") == len(dbt_project.COLUMNS) == 8
        assert "[unique, not_null]" in text
        assert "accepted_values" in text
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    name = dbt_project.change(tmp_path, 20)
    changed = [path.stem for path, content in before.items() if path.read_bytes() != content]
    assert changed == [name, name]


def measured(
    row: str, who: str, seconds: float, writes: int, *, latency: int = 0, failed: bool = False
) -> Measured:
    tally = Tally(calls={"PUT lineage": writes}, writes=writes)
    trouble = "broke" if failed else ""
    return Measured(1000, latency, row, who, seconds, seconds / 2, 100.0, trouble, failed, tally)


def test_aims_are_met_or_missed_and_a_failed_side_has_none() -> None:
    rows = [
        measured("first", "ours h1", 11.0, 5_900),
        measured("first", "floor of ours h1", 10.0, 5_900),
        measured("first", "today h2", 20.0, 6_975),
        measured("first", "ours h1", 15.0, 5_900, latency=20),
        measured("first", "today h2", 15.0, 6_975, latency=20),
        measured("unchanged", "ours h1", 2.0, 0),
        measured("unchanged", "today h2", 4.0, 0),
        measured("changed", "ours h1", 2.4, 8),
    ]
    text = report.table(rows, ["today's build (--today)"])
    lines = [line.split("  ") for line in text.splitlines() if "1,000 models, " in line and "h1: " in line]
    told = {line[0].partition("models, ")[2]: line[-1].strip() for line in lines}
    assert told["0 ms, h1: first sync, wall against its floor"] == "met"
    assert told["0 ms, h1: unchanged sync, wall against today's build"] == "missed"
    assert told["0 ms, h1: one model changed, wall against unchanged"] == "met"
    assert told["0 ms, h1: writes of an unchanged sync"] == "met"
    assert told["0 ms, h1: writes of a first sync"] == "met"
    assert told["0+20 ms, h1: first sync, wall against today's build"] == "met"
    assert told["0+20 ms, h1: first sync, processor against today's build"] == "missed"
    assert "20 ms, h1: first sync, wall against its floor" not in told
    assert "Not measured: today's build" in text
    failed = report.table([measured("first", "ours h1", 1.0, 1, failed=True), rows[1]], [])
    assert "against" not in failed
    assert "Failed: 1,000 models, 0 ms, first, ours h1" in failed


def test_a_slow_server_takes_what_a_real_one_took() -> None:
    whole = "fields=columns,tags,owners,dataModel"
    assert slowness("GET", "/api/v1/tables", f"limit=50&{whole}") == 10.0
    assert slowness("GET", "/api/v1/tables", "limit=50") == 4.0
    assert slowness("PATCH", "/api/v1/tables/x", "") == 0.5


def test_the_floor_sends_what_ours_wrote_and_an_unchanged_sync_writes_nothing(tmp_path: Path) -> None:
    ports, state, home, writes = free_ports(), tmp_path / "state", tmp_path / "home", tmp_path / "writes"
    home.mkdir()
    with served(SHOP, tmp_path / "seeded", ports, 0.0):
        pass
    shutil.copy(tmp_path / "seeded", state)
    with served(SHOP, state, ports, 0.0, writes=writes) as first:
        ended = sides.ours(first.urls, home)
        assert not ended.failed, ended.trouble
    with served(SHOP, state, ports, 0.0) as second:
        ended = sides.ours(second.urls, home)
        assert not ended.failed, ended.trouble
    with served(SHOP, tmp_path / "seeded", ports, 0.0) as third:
        ended = sides.floor(third.urls["collate"], writes, 4, home)
        assert not ended.failed, ended.trouble
    assert first.tally is not None
    assert second.tally is not None
    assert third.tally is not None
    assert third.tally.total == third.tally.writes == first.tally.writes > 100
    assert third.tally.received == first.tally.received
    assert (second.tally.writes, third.tally.refused) == (0, 0)
    assert ended.cost.peak_mb > 10
