from dbtcollate_tui.collate.models import DatabaseService
from dbtcollate_tui.plan.matching.nodes import match
from dbtcollate_tui.plan.matching.services import Target, score_services
from dbtcollate_tui.settings.model import SyncOptions
from tests.support.builders import inventory, node, project, table


def test_exact_name_wins_over_one_that_differs_in_case() -> None:
    report = match(project(node("orders")), inventory(table("ORDERS"), table("orders")), SyncOptions())
    assert report.matched["model.shop.orders"].fqn == "pg.wh.marts.orders"
    assert not report.by_case


def test_case_is_ignored_where_the_table_is_the_only_one() -> None:
    upper = table("ORDERS", database="WH", schema="MARTS")
    report = match(project(node("orders")), inventory(upper), SyncOptions())
    assert report.matched["model.shop.orders"].fqn == "pg.WH.MARTS.ORDERS"
    assert report.by_case == {"model.shop.orders"}


def test_two_tables_that_differ_in_case_are_never_guessed() -> None:
    report = match(project(node("orders")), inventory(table("ORDERS"), table("Orders")), SyncOptions())
    (lost,) = report.unmatched
    assert lost.cause == "ambiguous"
    assert lost.candidates == ("pg.wh.marts.ORDERS", "pg.wh.marts.Orders")


def test_exact_matching_names_the_table_that_differs_in_case_and_the_fix() -> None:
    report = match(project(node("orders")), inventory(table("ORDERS")), SyncOptions(match_case="exact"))
    (lost,) = report.unmatched
    assert (lost.cause, lost.candidates) == ("case_differs", ("pg.wh.marts.ORDERS",))
    assert "exact_then_unique" in lost.fix


def test_a_source_is_found_by_its_identifier() -> None:
    source = node("customers", kind="source", schema="raw", identifier="raw_customers")
    report = match(project(source), inventory(table("raw_customers", schema="raw")), SyncOptions())
    assert report.matched[source.unique_id].name == "raw_customers"


def test_databases_are_mapped_to_collates_names_whatever_their_case() -> None:
    options = SyncOptions(database_map={"AwsDataCatalog": "athena_prod"})
    dbt = project(node("orders", database="awsdatacatalog"))
    report = match(dbt, inventory(table("orders", database="athena_prod")), options)
    assert "model.shop.orders" in report.matched


def test_a_node_without_database_takes_the_only_one() -> None:
    report = match(
        project(node("orders", database=None)), inventory(table("orders", database="default")), SyncOptions()
    )
    assert report.matched["model.shop.orders"].database == "default"


def test_a_name_with_a_dot_is_found_by_its_parts() -> None:
    report = match(project(node("odd.name")), inventory(table("odd.name")), SyncOptions())
    assert report.matched["model.shop.odd.name"].fqn == 'pg.wh.marts."odd.name"'


def test_every_unmatched_cause_has_its_fix() -> None:
    dbt = project(
        node("elsewhere", database="other_wh"),
        node("raw_orders", schema="raw_zone"),
        node("orders"),
        node("nothing_like_it"),
        ephemeral=[node("eph")],
        disabled=[node("off")],
    )
    report = match(dbt, inventory(table("orderz"), table("customers", schema="raw_zones")), SyncOptions())
    causes = {item.unique_id.rsplit(".", 1)[-1]: item for item in report.unmatched}
    assert {name: item.cause for name, item in causes.items()} == {
        "elsewhere": "database_not_ingested",
        "raw_orders": "schema_not_ingested",
        "orders": "name_differs",
        "nothing_like_it": "table_not_ingested",
        "eph": "ephemeral",
        "off": "disabled",
    }
    assert causes["orders"].candidates == ("pg.wh.marts.orderz",)
    assert causes["raw_orders"].candidates == ("pg.wh.raw_zones",)
    assert all(item.fix for item in report.missing)
    assert report.expected == 4
    assert report.summary().startswith("0 of 4 tables: ")
    assert [group.harmless for group in report.groups()] == [False] * 4 + [True] * 2


def test_a_service_of_another_type_is_said_to_be_the_wrong_one() -> None:
    report = match(
        project(node("orders"), adapter="snowflake"), inventory(table("t", database="crm")), SyncOptions()
    )
    assert report.unmatched[0].cause == "wrong_service"
    assert "Snowflake" in report.unmatched[0].fix


def test_what_dbt_builds_describes_a_table_that_a_source_also_names() -> None:
    seed = node("customers", kind="seed", schema="raw")
    source = node("customers", kind="source", schema="raw")
    report = match(project(source, seed), inventory(table("customers", schema="raw")), SyncOptions())
    assert report.shared == {"pg.wh.raw.customers": (seed.unique_id, source.unique_id)}


def test_other_services_are_searched_only_for_what_the_chosen_one_lacks() -> None:
    own, other = (
        inventory(table("orders")),
        inventory(table("orders", service="two"), table("events", service="two"), service="two"),
    )
    report = match(project(node("orders"), node("events")), [own, other], SyncOptions())
    assert report.matched["model.shop.orders"].service == "pg"
    assert report.matched["model.shop.events"].service == "two"


def _service(name: str, kind: str) -> DatabaseService:
    return DatabaseService(id=name, name=name, fullyQualifiedName=name, serviceType=kind)


def test_services_are_ranked_by_type_databases_and_tables_found() -> None:
    dbt = project(node("orders"), node("events"))
    services = [_service("crm", "Mysql"), _service("pg_dev", "Postgres"), _service("pg", "Postgres")]
    scores = score_services(
        dbt,
        services,
        {
            "pg": inventory(table("orders"), table("events")),
            "pg_dev": inventory(table("orders", service="pg_dev"), service="pg_dev"),
            "crm": inventory(table("x", service="crm", database="crm"), kind="Mysql", service="crm"),
        },
    )
    assert [item.service.name for item in scores] == ["pg", "pg_dev", "crm"]
    assert (scores[0].matched, scores[0].expected, scores[0].fits) == (2, 2, True)
    assert "2 of 2 dbt nodes have their table" in scores[0].reason
    assert not scores[2].type_fits
    assert "Postgres" in scores[2].reason
    assert scores[2].missing_databases == ("wh",)


def test_before_any_artifact_services_are_ranked_by_the_target() -> None:
    target = Target("duckdb", ("shop",), ("marts",))
    scores = score_services(
        target,
        [_service("legacy", "Mysql"), _service("duck", "CustomDatabase")],
        {"duck": inventory(table("o", service="duck", database="shop"), service="duck")},
    )
    assert scores[0].service.name == "duck"
    assert scores[0].matched is None
    assert "1 of 1 schemas" in scores[0].reason
