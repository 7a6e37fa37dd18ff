"""Fields, values and names of ``fields=`` that a server calls unknown."""

from collections.abc import Awaitable

import pytest
from starlette.responses import Response

from dbtcollate_tui.collate.errors import InvalidRequestError
from dbtcollate_tui.collate.unknown_fields import (
    MOST_DROPS,
    Dropped,
    Unknown,
    UnknownFields,
    call_of,
    leave_out,
    unknown_in,
)
from tests.collate.server import Asked, FakeCollate, connected, refuse, say

BODY_ERROR = (
    'Unrecognized field "dbtSourceProject" (class org.openmetadata.schema.type.DataModel), not marked as '
    'ignorable (2 known properties: "path", "sql"])\n at [Source: (org.glassfish.jersey.message.internal.'
    "ReaderInterceptorExecutor$UnCloseableInputStream); line: 6, column: 19] (through reference chain: "
    'org.openmetadata.schema.api.data.CreateTable["dataModel"]->org.openmetadata.schema.type.DataModel'
    '["dbtSourceProject"])'
)
FIELD_ERROR = (
    'Unrecognized field "dbtSourceProject" (class org.openmetadata.schema.type.DataModel), not marked as '
    'ignorable (through reference chain: org.openmetadata.schema.type.DataModel["dbtSourceProject"])'
)
ENUM_ERROR = (
    "Cannot construct instance of `org.openmetadata.schema.tests.TestPlatform`, problem: dbt\n at "
    "[Source: x] (through reference chain: org.openmetadata.schema.api.tests.CreateTestDefinition"
    '["testPlatforms"]->java.util.ArrayList[0])'
)


@pytest.mark.parametrize(
    ("message", "unknown"),
    [
        (BODY_ERROR, Unknown("field", "dbtSourceProject", ("dataModel", "dbtSourceProject"))),
        ('Unrecognized field "domains"', Unknown("field", "domains", ("domains",))),
        (ENUM_ERROR, Unknown("value", "dbt", ("testPlatforms",))),
        (
            'Cannot deserialize value of type `x.State` from String "stopped": not one of the values '
            'accepted for Enum class: [failed] (through reference chain: x.Status["pipelineState"])',
            Unknown("value", "stopped", ("pipelineState",)),
        ),
        ("Invalid field name owners", Unknown("requested", "owners")),
        ("[name must not be null]", None),
    ],
)
def test_unknown_things_are_read_from_the_message(message: str, unknown: Unknown | None) -> None:
    assert unknown_in(message) == unknown


@pytest.mark.parametrize(
    ("unknown", "body", "expected"),
    [
        (Unknown("field", "b", ("a", "b")), {"a": {"b": 1, "c": 2}, "b": 3}, {"a": {"c": 2}, "b": 3}),
        (Unknown("field", "b", ("b",)), {"b": 1, "c": {"b": 2}}, {"c": {"b": 2}}),
        (Unknown("field", "x", ("x",)), {"config": {"x": 1, "y": 2}}, {"config": {"y": 2}}),
        (
            Unknown("field", "x", ("columns", "x")),
            {"columns": [{"x": 1}, {"y": 2}]},
            {"columns": [{}, {"y": 2}]},
        ),
        (Unknown("value", "v", ("a",)), {"a": ["v", "w"], "b": "v"}, {"a": ["w"], "b": "v"}),
        (Unknown("value", "v", ("a",)), {"a": "v", "b": 1}, {"b": 1}),
        (
            Unknown("field", "domains", ("domains",)),
            [{"op": "test", "path": "/name", "value": "n"}, {"op": "add", "path": "/domains", "value": []}],
            [{"op": "test", "path": "/name", "value": "n"}],
        ),
        (
            Unknown("field", "x", ("dataModel", "x")),
            [{"op": "add", "path": "/dataModel", "value": {"x": 1, "sql": "y"}}],
            [{"op": "add", "path": "/dataModel", "value": {"sql": "y"}}],
        ),
        (
            Unknown("field", "style", ("tags", "style")),
            [{"op": "add", "path": "/tags", "value": [{"tagFQN": "a.b", "tags": {"style": 1}}]}],
            [{"op": "add", "path": "/tags", "value": [{"tagFQN": "a.b", "tags": {}}]}],
        ),
    ],
)
def test_only_the_unknown_thing_is_left_out(unknown: Unknown, body: object, expected: object) -> None:
    assert leave_out(unknown, body, None)[0] == expected


def test_a_body_without_it_stays_the_same_object() -> None:
    body = {"a": [{"b": 1}]}
    assert leave_out(Unknown("field", "zzz", ("zzz",)), body, None)[0] is body


def test_calls_are_named_without_ids_and_names() -> None:
    assert call_of("PUT", "/tables/0b7a/dataModel") == "PUT tables/dataModel"
    assert call_of("GET", "/tables/name/shop.wh.raw.orders") == "GET tables/name"


async def test_a_refused_field_is_dropped_and_remembered() -> None:
    """It is sent once; the request without it follows at once, and later ones never hold it."""

    def handler(asked: Asked) -> Response | Awaitable[Response]:
        return (
            refuse(400, FIELD_ERROR)(asked)
            if "dbtSourceProject" in asked.body
            else say({"id": "0b7a"})(asked)
        )

    fake = FakeCollate(answers={"PUT /tables/0b7a/dataModel": handler})
    reported: list[Dropped] = []
    async with connected(fake) as client:
        client.unknown.on_dropped = reported.append
        for _ in range(3):
            await client.put_data_model("0b7a", {"modelType": "DBT", "dbtSourceProject": "shop"})
    sent = ["dbtSourceProject" in body for body in fake.bodies("PUT /tables/0b7a/dataModel")]
    assert sent == [True, False, False, False]
    (item,) = reported
    assert item == Dropped(
        "PUT tables/dataModel", Unknown("field", "dbtSourceProject", ("dbtSourceProject",))
    )
    assert "OpenMetadata 1.9.7 does not know the field dbtSourceProject" in item.sentence("1.9.7")


async def test_a_server_that_refuses_everything_is_left_alone() -> None:
    numbers = iter(range(1, 100))
    fake = FakeCollate(
        answers={"PUT /tables": lambda asked: refuse(400, f'Unrecognized field "f{next(numbers)}"')(asked)}
    )
    async with connected(fake) as client:
        with pytest.raises(InvalidRequestError):
            await client.call(
                "PUT", "/tables", body={f"f{number}": number for number in range(1, 50)}, doing="write"
            )
    assert len(fake.asked) == MOST_DROPS + 1


async def test_a_refused_field_that_was_not_sent_is_an_error() -> None:
    fake = FakeCollate(answers={"PUT /tables": refuse(400, 'Unrecognized field "zzz"')})
    async with connected(fake) as client:
        with pytest.raises(InvalidRequestError):
            await client.call("PUT", "/tables", body={"a": 1}, doing="write")
    assert len(fake.asked) == 1


def test_a_lost_text_is_said() -> None:
    lost = Dropped("PUT metrics", Unknown("field", "description", ("description",)))
    assert lost.holds_text
    assert "A text from dbt is not written there." in lost.sentence("2.1.0")


def test_what_is_known_is_left_out_before_the_first_request() -> None:
    known = UnknownFields([Dropped("GET tables", Unknown("requested", "domains"))])
    assert known.without("GET tables", None, {"fields": "columns,domains", "limit": 5}) == (
        None,
        {"fields": "columns", "limit": 5},
    )
