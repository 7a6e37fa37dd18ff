import pytest

from dbtcollate_tui.dbt_cloud.commands import command_of_step, read_command


@pytest.mark.parametrize(
    ("text", "verb", "selection", "defers"),
    [
        ("dbt build", "build", (), False),
        ("  dbt   run --full-refresh ", "run", (), False),
        ("dbtf build --select marts+ staging", "build", ("--select marts+ staging",), False),
        ("dbt --warn-error --log-level debug test -s tag:a", "test", ("-s tag:a",), False),
        ("dbt --target prod run", "run", (), False),
        ("dbt run --exclude=slow --defer --state x", "run", ("--exclude slow",), True),
        ("dbt build --selector nightly", "build", ("--selector nightly",), False),
        ("dbt build --empty", "build", ("--empty",), False),
        ("dbt docs generate --no-compile", "docs generate", (), False),
        ("dbt source freshness", "source freshness", (), False),
        ("dbt source snapshot-freshness", "source freshness", (), False),
        ("dbt run-operation stage --args '{a: 1}'", "run-operation", (), False),
        ('dbt run --vars \'{"run": "test"}\'', "run", (), False),
        ("dbt seed --select 'unclosed", "seed", ("--select 'unclosed",), False),
        ("dbt wibble", "", (), False),
        ("git clone", "", (), False),
        ("", "", (), False),
    ],
)
def test_a_command_is_read(text: str, verb: str, selection: tuple[str, ...], defers: bool) -> None:
    command = read_command(text)
    assert (command.verb, command.selection, command.defers) == (verb, selection, defers)
    assert command.is_partial is bool(selection)


@pytest.mark.parametrize(
    ("name", "given", "command"),
    [
        ("Invoke dbt with `dbt build --select marts`", None, "dbt build --select marts"),
        ("Generate docs", None, "dbt docs generate"),
        ("Source freshness", None, "dbt source freshness"),
        ("Clone Git Repository", None, ""),
        ("Create Profile from Connection Snowflake", None, ""),
        ("Step 4", "dbt run", "dbt run"),
    ],
)
def test_a_steps_command_is_found(name: str, given: str | None, command: str) -> None:
    assert command_of_step(name, given) == command
