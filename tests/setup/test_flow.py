"""Order, what is asked, what a change of answer invalidates, where fixes lead."""

import pytest

from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import ProfileField, SetField, Step
from dbtcollate_tui.setup.draft import SetupDraft, draft_of
from dbtcollate_tui.setup.fix_fields import changed_profile
from dbtcollate_tui.setup.flow import FlowFacts, invalidate, next_step, previous_step, rail_number

FULL = SetupDraft(
    profile_name="shop",
    reached=Step.REVIEW,
    dbt_base_url="https://ab123.us1.dbt.com",
    account_id=1,
    account_name="Shop",
    project_id=2,
    project_name="shop",
    job_id=3,
    job_name="nightly",
    collate_base_url="https://shop.getcollate.io",
    service="warehouse",
)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (FlowFacts(1, 1), ["dbt_token", "job", "collate", "service", "options", "review"]),
        (FlowFacts(2, 1), ["dbt_token", "account", "job", "collate", "service", "options", "review"]),
        (
            FlowFacts(2, 9),
            ["dbt_token", "account", "project", "job", "collate", "service", "options", "review"],
        ),
    ],
)
def test_only_real_choices_are_asked_and_back_is_the_same_way(facts: FlowFacts, expected: list[str]) -> None:
    step, way = Step.ADDRESS, list[str]()
    while step is not Step.REVIEW:
        step = next_step(step, SetupDraft(), facts)
        way.append(step.value)
    assert way == expected
    back: list[str] = []
    at: Step | None = step
    while at is not None:
        back.insert(0, at.value)
        at = previous_step(at, SetupDraft(), facts)
    assert back == ["address", *expected]


def test_what_the_address_said_is_not_asked() -> None:
    draft = SetupDraft(address_account_id=1, address_project_id=2)
    assert next_step(Step.DBT_TOKEN, draft, FlowFacts(5, 5)) is Step.JOB


@pytest.mark.parametrize(
    ("changed", "emptied", "words"),
    [
        (Step.ADDRESS, ("dbt_base_url", "account_id", "project_id", "job_id"), "account, project, job"),
        (Step.ACCOUNT, ("project_id", "job_id"), "project, job"),
        (Step.PROJECT, ("job_id", "job_name"), "job"),
        (Step.COLLATE, ("service",), "service"),
        (Step.JOB, (), ""),
        (Step.OPTIONS, (), ""),
    ],
)
def test_changed_answer_clears_its_dependents_only(
    changed: Step, emptied: tuple[str, ...], words: str
) -> None:
    after, said = invalidate(FULL, changed)
    before_values, after_values = FULL.model_dump(), after.model_dump()
    differing = {name for name, value in after_values.items() if value != before_values[name]}
    assert set(emptied) <= differing
    assert all(not after_values[name] for name in differing)
    assert (words in said) if words else said == ""
    kept = {"options", "pipeline", "profile_name", "collate_base_url"}
    assert not kept & differing


def test_an_incomplete_draft_names_the_first_missing_answer() -> None:
    draft, _ = invalidate(FULL, Step.PROJECT)
    with pytest.raises(UsageError) as caught:
        draft.profile()
    assert caught.value.fixes[0].value == "job"
    assert draft_of(FULL.profile()).profile() == FULL.profile()


def test_the_rails_numbers() -> None:
    assert [rail_number(step) for step in Step] == [1, 2, 2, 3, 3, 4, 5, 6, 7]


def test_a_fix_that_sets_a_field_changes_the_profile() -> None:
    profile = FULL.profile()
    assert changed_profile(profile, SetField("", ProfileField.SERVICE, "other")).collate.service == "other"
    changed = changed_profile(profile, SetField("", ProfileField.MATCH_CASE, "exact"))
    assert changed.options.match_case == "exact"
    assert changed_profile(profile, SetField("", ProfileField.SCHEDULE, "0 * * * *")).pipeline.schedule
    moved = changed_profile(profile, SetField("", ProfileField.BASE_URL, "https://cd456.eu1.dbt.com"))
    assert moved.dbt_cloud.base_url == "https://cd456.eu1.dbt.com"
    with pytest.raises(UsageError):
        changed_profile(profile, SetField("", ProfileField.RUN_RULE, "oldest"))


def test_every_field_of_a_fix_is_one_of_a_profile() -> None:
    profile = FULL.profile()
    for field in ProfileField:
        held: object = profile
        for name in field.value.split("."):
            held = getattr(held, name)
        assert changed_profile(profile, SetField("", field, held)) == profile  # type: ignore[arg-type]
