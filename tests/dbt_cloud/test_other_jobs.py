"""Several jobs of one project complete each other; runs of another environment or branch never do."""

from typing import Any

import pytest

from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.dbt_cloud.models import Run
from dbtcollate_tui.dbt_cloud.other_jobs import completes
from dbtcollate_tui.fixes import ProfileField, SetField
from dbtcollate_tui.sandbox.dbt_cloud.content import DOCS_ID, TESTS_ID
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.setup.fix_fields import changed_profile
from tests.dbt_cloud.fake import run
from tests.support.world import world

HERE: dict[str, Any] = {"environment_id": 3, "git_branch": "main"}


@pytest.mark.parametrize(
    ("fields", "does"),
    [
        ({}, True),
        ({"environment_id": 4}, False),
        ({"git_branch": "fix"}, False),
        ({"project_id": 12}, False),
        ({"status": 20}, False),
        ({"trigger": {"cause_category": "ci", "github_pull_request_id": 7}}, False),
        ({"trigger": {"schema_override": "dbt_ana"}}, False),
    ],
)
def test_only_runs_of_the_same_place_complete(fields: dict[str, Any], does: bool) -> None:
    main = Run.model_validate(run(1, 1) | HERE)
    assert completes(main, Run.model_validate(run(2, 0.5, job_definition_id=9) | HERE | fields)) is does


async def test_missing_parts_are_offered_and_then_merged() -> None:
    async with world("split-jobs") as shop:
        rows = await shop.check(["artifacts.catalog", "artifacts.results"])
        catalog = rows["artifacts.catalog"]
        assert catalog.state is CheckState.WARN
        offer = catalog.fixes[0]
        assert isinstance(offer, SetField)
        assert "nightly-docs" in offer.label
        assert "ago" in offer.label
        with_docs = changed_profile(shop.profile, offer)
        assert with_docs.dbt_cloud.jobs == (DOCS_ID,)
        both = changed_profile(shop.profile, SetField("", ProfileField.JOBS, f"{DOCS_ID},{TESTS_ID}"))
        context = shop.context(both)
        fetched, project = await context.fetched(), await context.project()
        assert fetched.catalog is not None
        assert fetched.catalog.run_id is not None
        assert fetched.sources is not None
        assert fetched.manifest.run_id is None
        assert any(node.in_catalog for node in project.nodes.values())
        assert len(project.results) == len(project.tests)
        told = " ".join(note.text for note in fetched.notes)
        assert "of nightly-docs: catalog.json, source freshness" in told
        assert "of nightly-tests: test results" in told
        assert await context.offers("catalog.json") == ()


async def test_freshness_alone_is_offered_from_another_job() -> None:
    """The tests come from a job that is read already; only source freshness is left to offer."""
    async with world("split-jobs") as shop:
        shop.profile = changed_profile(shop.profile, SetField("", ProfileField.JOBS, str(TESTS_ID)))
        results = (await shop.check(["artifacts.results"]))["artifacts.results"]
    assert results.state is CheckState.PASS
    assert "no source freshness" in results.detail
    offer = results.fixes[0]
    assert isinstance(offer, SetField)
    assert "nightly-docs: its run" in offer.label
    assert offer.to == f"{TESTS_ID},{DOCS_ID}"


async def test_a_job_without_a_run_here_is_named() -> None:
    async with world("split-jobs") as shop:
        values = shop.profile.model_dump()
        values["dbt_cloud"]["jobs"] = [1]
        choice = await shop.context(Profile.model_validate(values)).choice()
    assert choice.companions == ()
    assert any("Job 1 has no successful run" in note.text for note in choice.notes)
