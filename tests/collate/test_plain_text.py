"""Server messages as a person reads them."""

import pytest

from dbtcollate_tui.collate.plain_text import plain_text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (
            '{"message":"Workflow [dbt_cloud_sync] has been created"}',
            "Workflow [dbt_cloud_sync] has been created",
        ),
        (
            "Follow [this guide](https://docs.open-metadata.org/x) for further **details** on `airflow`.",
            "Follow this guide (https://docs.open-metadata.org/x) for further details on airflow.",
        ),
        ("<html><body><h1>Bad&nbsp;Gateway</h1><p>nginx</p></body></html>", "Bad Gateway nginx"),
        (
            "An exception with message [table instance for a.b not found] was thrown while "
            "processing request.",
            "table instance for a.b not found",
        ),
        (
            'Unrecognized field "x" (class org.C), not marked as ignorable (2 known properties: "a"])\n at '
            '[Source: y; line: 1] (through reference chain: org.C["x"])',
            'Unrecognized field "x" (class org.C)',
        ),
        ('{"reason": "{\\"error\\": \\"no DAG\\"}"}', "no DAG"),
        ('entityLink must match "^<#E::\\w+>$"', 'entityLink must match "^<#E::\\w+>$"'),
        ("a < b and b > c, x[0] and y*2*z", "a < b and b > c, x[0] and y*2*z"),
        ("Could not load my_model__v2 and __init__.py", "Could not load my_model__v2 and __init__.py"),
        ('{"data": []}', '{"data": []}'),
    ],
)
def test_messages_lose_what_is_around_them(text: str, plain: str) -> None:
    assert plain_text(text) == plain
