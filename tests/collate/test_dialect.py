"""What differs between versions."""

import pytest

from dbtcollate_tui.collate.dialect import Dialect


@pytest.mark.parametrize(
    ("text", "version"),
    [("1.1.0-SNAPSHOT", (1, 1, 0)), ("1.10.14.7", (1, 10, 14)), ("2.0.7", (2, 0, 7)), ("v2.0", (2, 0, 0))],
)
def test_known_versions_need_no_warning(text: str, version: tuple[int, int, int]) -> None:
    dialect = Dialect.of(text)
    assert (dialect.version, dialect.warning) == (version, None)


@pytest.mark.parametrize(("text", "word"), [("2.1.0", "newer"), ("3.0", "newer"), ("0.13.2", "older")])
def test_unknown_versions_are_tried_with_a_warning(text: str, word: str) -> None:
    warning = Dialect.of(text).warning
    assert warning is not None
    assert word in warning
    assert text in warning


def test_what_is_no_version() -> None:
    with pytest.raises(ValueError, match="holds no version"):
        Dialect.of("unknown")


FACTS = {
    "1.1.0": ("owner", False, False, True, "DBT", True, False, False),
    "1.4.8": ("owner", True, False, True, "DBT", True, True, False),
    "1.5.15": ("owners", True, False, True, "DBT", True, True, False),
    "1.7.7": ("owners", True, False, True, "DBT", True, True, False),
    "1.8.12": ("owners", True, True, False, "DBT", True, True, False),
    "1.10.14": ("owners", True, True, False, "DBT", True, True, True),
    "1.11.14": ("owners", True, True, False, "dbt", True, True, True),
    "2.0.7": ("owners", True, True, False, "dbt", False, True, True),
}


@pytest.mark.parametrize("text", FACTS)
def test_each_version_as_its_own_client_speaks_to_it(text: str) -> None:
    dialect = Dialect.of(text)
    assert FACTS[text] == (
        dialect.fields(["owners"]),
        dialect.has_domains,
        dialect.posts_results,
        dialect.needs_test_suite,
        dialect.dbt_platform,
        dialect.definition_needs_description,
        dialect.reads_edges,
        dialect.streams_logs,
    )


def test_domains_are_asked_for_by_the_servers_own_name() -> None:
    names = ["columns", "domains"]
    assert [Dialect.of(v).fields(names) for v in ("1.1", "1.8", "1.9")] == [
        "columns",
        "columns,domain",
        "columns,domains",
    ]


def test_a_data_model_in_an_old_form() -> None:
    body = {
        "modelType": "DBT",
        "resourceType": "model",
        "dbtSourceProject": "shop",
        "owners": [{"id": "u1", "type": "user"}, {"id": "u2", "type": "user"}],
    }
    old = {"modelType": "DBT", "sql": "", "owner": {"id": "u1", "type": "user"}}
    assert Dialect.of("1.1").data_model(body) == old
    assert Dialect.of("2.0").data_model(body) == body


def test_options_that_an_old_server_does_not_know_are_left_out() -> None:
    config = {
        "dbtConfigSource": {"dbtConfigType": "cloud", "dbtCloudAccountId": "1"},
        "includeTags": True,
        "dbtUpdateOwners": True,
        "overrideLineage": False,
        "catalogMapping": {"a": "b"},
    }
    assert Dialect.of("1.1").dbt_config(config) == {
        "dbtConfigSource": {"dbtCloudAccountId": "1"},
        "includeTags": True,
    }
    assert set(Dialect.of("1.13").dbt_config(config)) == set(config) - {"catalogMapping"}
    assert Dialect.of("2.0.6").dbt_config(config) == config
