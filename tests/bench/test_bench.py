"""The benchmark's own parts: its project's proportions, its table, and its sides on the sandbox's shop."""

import shutil
from pathlib import Path

import dbtcollate_tui.sandbox
from tests.bench import dbt_project, report, sides
from tests.bench.report import Measured
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


def measured(row: str, who: str, seconds: float, calls: int, *, failed: bool = False) -> Measured:
    tally = Tally(calls={"PUT lineage": calls}, writes=0 if row == "unchanged" else calls)
    return Measured(1000, 0, row, who, seconds, seconds, 100.0, "broke" if failed else "", failed, tally)


def test_the_aims_are_told_as_met_and_missed_and_a_failed_side_is_held_to_none() -> None:
    rows = [
        measured("first", "reference", 100.0, 42_000),
        measured("first", "ours", 9.0, 7_000),
        measured("first", "floor", 6.0, 6_900),
        measured("unchanged", "reference", 80.0, 35_000),
        measured("unchanged", "ours", 3.0, 40),
    ]
    text = report.table(rows, ["the reference at 5,000 models (--reference-up-to)"])
    lines = {line.split("  ")[0].strip(): line for line in text.splitlines() if "1,000 models, 0 ms" in line}
    told = {name.partition(": ")[2]: line.rsplit(None, 1)[1] for name, line in lines.items()}
    assert told == {
        "first sync, time against the floor": "missed",
        "first sync, calls against the floor": "met",
        "first sync, time against the reference": "met",
        "first sync, calls against the reference": "met",
        "first sync, memory against the reference": "missed",
        "unchanged sync, time against the reference": "met",
        "unchanged sync, calls against the reference": "met",
        "writes of an unchanged sync": "met",
    }
    assert "Not measured: the reference at 5,000 models" in text
    failed = report.table([measured("first", "ours", 1.0, 1, failed=True), rows[2]], [])
    assert "against" not in failed
    assert "Failed: 1,000 models, 0 ms, first, ours" in failed


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
