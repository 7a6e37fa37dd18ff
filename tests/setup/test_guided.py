"""The guided setup from the first question to the saved profile, over HTTP on the sandbox."""

from contextlib import aclosing
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dbtcollate_tui.dbt_cloud.discovery import HostAnswer
from dbtcollate_tui.dbt_cloud.regions import Region
from dbtcollate_tui.dbt_cloud.schedules import next_times_words
from dbtcollate_tui.errors import ActionableError, AuthError, UnreachableError, UsageError
from dbtcollate_tui.fixes import ProfileField, SetField, Step
from dbtcollate_tui.sandbox.dbt_cloud.content import DOCS_ID, TESTS_ID
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import SampleAnswers, Services
from dbtcollate_tui.settings.model import SyncOptions
from dbtcollate_tui.settings.secrets import KeyringError
from dbtcollate_tui.setup.answers import load_draft
from dbtcollate_tui.setup.guided import GuidedSetup
from dbtcollate_tui.setup.help_links import collate_token_help, dbt_token_help
from dbtcollate_tui.setup.unattended import Answers, answer_all, answers_of
from tests.conftest import Places
from tests.dbt_cloud.fake import TOKEN, envelope, refusal, serving
from tests.support.memory_keyring import ForgetfulKeyring, MemoryKeyring


async def _try(setup: GuidedSetup, token: SecretStr) -> list[HostAnswer]:
    return [answer async for answer in setup.dbt_cloud.try_token(token)]


def _page(sandbox: Sandbox, *, project: bool = True, job: bool = False) -> str:
    page = f"{sandbox.dbt_cloud_url}/deploy/{sandbox.account_id}"
    if project or job:
        page += f"/projects/{sandbox.project_id}"
    return page + (f"/jobs/{sandbox.job_id}" if job else "")


def _files(places: Places) -> str:
    found = [path for path in Path(places.root).rglob("*") if path.is_file()]
    return "\n".join(path.read_bytes().decode("utf-8", "replace") for path in found)


async def test_the_sample_answers_make_the_whole_setup(places: Places) -> None:
    told: list[tuple[Step, str]] = []
    async with Sandbox() as sandbox:
        sample = SampleAnswers(
            f"{sandbox.dbt_cloud_url}/deploy/{sandbox.account_id}/projects/{sandbox.project_id}",
            sandbox.collate_url,
            sandbox.job_id,
            "shop_warehouse",
        )
        services = Services()
        async with GuidedSetup(services) as setup:
            profile = await answer_all(
                setup,
                answers_of(sample),
                sandbox.dbt_cloud_token,
                sandbox.collate_token,
                on_step=lambda step, words: told.append((step, words)),
            )
        assert profile == services.profiles.load("demo")
        assert services.profiles.default_name() == "demo"
        assert (profile.dbt_cloud.account_id, profile.dbt_cloud.job_id) == (
            sandbox.account_id,
            sandbox.job_id,
        )
        assert (profile.collate.service, profile.pipeline.schedule) == ("shop_warehouse", "0 7 * * *")
        assert (Step.OPTIONS, f"next {next_times_words('0 7 * * *')}") in told
        held = await services.secrets.get("demo", "dbt_cloud")
        assert held is not None
        assert (held.secret, held.origin) == (sandbox.dbt_cloud_token, "session")
        assert services.state.load("setup", "draft") is None
        assert sandbox.dbt_cloud_token.get_secret_value() not in _files(places)
        assert sandbox.collate_token.get_secret_value() not in _files(places)
    steps = [step for step, _ in told]
    assert list(dict.fromkeys(steps)) == list(Step)
    assert any("25 of 26 dbt nodes" in words for _, words in told)


async def test_without_answers_the_clear_choices_are_taken_and_open_ones_named() -> None:
    async with Sandbox() as sandbox:
        services = Services()
        answers = Answers(dbt_cloud_address=_page(sandbox), collate_address=sandbox.collate_url)
        async with GuidedSetup(services) as setup:
            profile = await answer_all(setup, answers, sandbox.dbt_cloud_token, sandbox.collate_token)
        assert (profile.name, profile.dbt_cloud.job_name) == ("shop-nightly", "nightly")
        open_project = Answers(dbt_cloud_address=sandbox.dbt_cloud_url, collate_address=sandbox.collate_url)
        async with GuidedSetup(services) as setup:
            with pytest.raises(UsageError) as caught:
                await answer_all(setup, open_project, sandbox.dbt_cloud_token, sandbox.collate_token)
        assert "project" in caught.value.title
        assert "finance" in caught.value.causes[0]


async def test_each_step_by_hand_with_what_the_address_answers() -> None:
    async with Sandbox() as sandbox, GuidedSetup(Services()) as setup:
        address = setup.dbt_cloud.set_address(_page(sandbox, job=True))
        assert address is not None
        assert await setup.advance() is Step.DBT_TOKEN
        answers = await _try(setup, SecretStr(f'  "Bearer {sandbox.dbt_cloud_token.get_secret_value()}"\n'))
        assert [answer.state for answer in answers] == ["asking", "ok"]
        assert await setup.advance() is Step.JOB
        assert {(item.step, item.source) for item in setup.answered()} == {
            (Step.ADDRESS, "address"),
            (Step.ACCOUNT, "address"),
            (Step.PROJECT, "address"),
        }
        async with aclosing(setup.dbt_cloud.iter_jobs()) as lists:
            jobs = [listed async for listed in lists][-1]
        assert jobs.complete
        assert jobs.proposed is not None
        assert (jobs.proposed.id, jobs.proposed.badge) == (sandbox.job_id, "address")
        ci = next(row for row in jobs.rows if row.badge == "CI")
        assert ci.poor
        assert "pull request" in ci.reason
        assert jobs.rows[0].facts[1:] == ("daily 06:00", "docs")
        preview = await setup.dbt_cloud.run_preview(jobs.proposed.id)
        assert preview.choice is not None
        assert "catalog.json" in preview.artifacts
        await setup.dbt_cloud.choose_job(jobs.proposed.id)
        assert await setup.advance() is Step.COLLATE
        facts = await setup.collate.connect(f"{sandbox.collate_url}/explore/tables", sandbox.collate_token)
        assert (facts.version, facts.is_bot, facts.read_only) == ("2.0.7", True, False)
        assert facts.pipeline_service.available
        assert await setup.advance() is Step.SERVICE
        async with aclosing(setup.collate.iter_services()) as rounds:
            lists_of = [listed async for listed in rounds]
        assert not lists_of[0].complete
        assert lists_of[-1].complete
        proposed = lists_of[-1].proposed
        assert proposed is not None
        assert (proposed.service.name, proposed.matched, proposed.expected) == ("shop_warehouse", 25, 26)
        assert "26 nodes" in lists_of[-1].basis
        setup.collate.choose_service("shop_warehouse")
        assert await setup.advance() is Step.OPTIONS
        setup.set_options(SyncOptions(update_owners=False))
        proposal = await setup.dbt_cloud.schedule_proposal()
        assert (proposal.cron, proposal.words) == ("0 7 * * *", "daily at 07:00 UTC")
        assert await setup.advance() is Step.REVIEW
        assert setup.draft.profile_name == "shop-nightly"
        assert setup.back() is Step.OPTIONS
        assert setup.draft.options.update_owners is False


async def test_best_is_the_scheduled_production_job_that_makes_docs() -> None:
    async with Sandbox() as sandbox, GuidedSetup(Services()) as setup:
        setup.dbt_cloud.set_address(_page(sandbox))
        await _try(setup, sandbox.dbt_cloud_token)
        await setup.dbt_cloud.settle_project()
        async with aclosing(setup.dbt_cloud.iter_jobs()) as lists:
            jobs = [listed async for listed in lists][-1]
        assert jobs.proposed is not None
        assert (jobs.proposed.job.name, jobs.proposed.badge) == ("nightly", "best")
        assert jobs.proposed.production
        assert "production environment, on a schedule, makes docs" in jobs.proposed.reason
        await setup.dbt_cloud.choose_job(None)
        assert setup.draft.any_job
        assert (await setup.dbt_cloud.run_preview()).choice is not None
        assert "3 hours" in (await setup.dbt_cloud.schedule_proposal()).reason


async def test_jobs_read_whole_are_not_asked_for_again_until_one_says_so() -> None:
    async with Sandbox() as sandbox, GuidedSetup(Services()) as setup:
        setup.dbt_cloud.set_address(_page(sandbox))
        await _try(setup, sandbox.dbt_cloud_token)
        await setup.dbt_cloud.settle_project()

        async def read(*, again: bool = False) -> tuple[int, int]:
            async with aclosing(setup.dbt_cloud.iter_jobs(again=again)) as lists:
                jobs = [listed async for listed in lists]
            asked = sum(request.path.endswith("/jobs/") for request in sandbox.requests)
            return len(jobs[-1].rows), asked

        first, asked = await read()
        assert await read() == (first, asked)
        assert await read(again=True) == (first, asked + 1)


async def test_a_job_that_had_no_run_is_looked_at_again() -> None:
    async with Sandbox("no-runs") as sandbox, GuidedSetup(Services()) as setup:
        setup.dbt_cloud.set_address(_page(sandbox))
        await _try(setup, sandbox.dbt_cloud_token)
        await setup.dbt_cloud.settle_project()
        assert (await setup.dbt_cloud.run_preview(sandbox.job_id)).choice is None
        async with httpx.AsyncClient() as client:
            await client.post(f"{sandbox.dbt_cloud_url}/_sandbox/scenario", json={"name": "healthy"})
        assert (await setup.dbt_cloud.run_preview(sandbox.job_id)).choice is not None


async def test_plan_without_service_tokens_needs_a_personal_one() -> None:
    async def accounts(_: Request) -> Response:
        return envelope([{"id": 7, "name": "acme", "plan": "starter_2025"}])

    for token, told in ((TOKEN, True), (SecretStr("dbtu_PlantedFakePersonalToken0123456789"), False)):
        async with (
            serving(Starlette(routes=[Route("/{path:path}", accounts)])) as url,
            GuidedSetup(Services()) as setup,
        ):
            setup.dbt_cloud.set_address(url)
            await _try(setup, token)
            assert any("use a personal token" in note for note in setup.answers.notes) is told


async def test_five_thousand_jobs_come_page_by_page_and_can_be_left() -> None:
    async with Sandbox(scale=True) as sandbox, GuidedSetup(Services()) as setup:
        setup.dbt_cloud.set_address(_page(sandbox, project=False))
        await _try(setup, sandbox.dbt_cloud_token)
        assert setup.draft.project_id is None
        setup.step = Step.DBT_TOKEN
        assert await setup.advance() is Step.PROJECT
        setup.dbt_cloud.choose_project(None)
        async with aclosing(setup.dbt_cloud.iter_jobs()) as lists:
            async for listed in lists:
                assert len(listed.rows) <= 100
                assert not listed.complete
                break
        asked = sum(request.path.endswith("/jobs/") for request in sandbox.requests)
        assert asked <= 5


async def test_a_refused_token_says_both_causes_while_the_host_is_a_guess() -> None:
    async with Sandbox("expired-token") as sandbox:
        regions = (
            Region("One", sandbox.dbt_cloud_url),
            Region("Two", sandbox.dbt_cloud_url.replace("127.0.0.1", "localhost")),
        )
        async with GuidedSetup(Services(), regions=regions) as setup:
            setup.dbt_cloud.set_address("")
            with pytest.raises(AuthError) as caught:
                await _try(setup, sandbox.dbt_cloud_token)
            assert not setup.answers.has_token("dbt_cloud")
    assert "host of its own" in caught.value.causes[0]
    assert "revoked" in caught.value.causes[1]


async def test_an_account_that_the_token_does_not_see_is_said_and_the_right_one_taken() -> None:
    async with Sandbox("wrong-account") as sandbox, GuidedSetup(Services()) as setup:
        setup.dbt_cloud.set_address(_page(sandbox))
        await _try(setup, sandbox.dbt_cloud_token)
        assert setup.draft.account_id not in (None, sandbox.account_id)
        assert f"names account {sandbox.account_id}" in setup.answers.notes[0]
        setup.step = Step.DBT_TOKEN
        assert await setup.advance() is Step.PROJECT


async def test_a_token_of_the_other_side_is_sent_nowhere() -> None:
    async with Sandbox() as sandbox, GuidedSetup(Services()) as setup:
        setup.dbt_cloud.set_address(_page(sandbox))
        with pytest.raises(AuthError, match="Collate's kind"):
            await _try(setup, sandbox.collate_token)
        with pytest.raises(AuthError, match="dbt Cloud's kind"):
            await setup.collate.connect(sandbox.collate_url, sandbox.dbt_cloud_token)
        with pytest.raises(UsageError, match="No dbt Cloud token"):
            await _try(setup, SecretStr("  \n"))
        assert sandbox.requests == ()


@pytest.mark.parametrize(
    ("scenario", "kind", "says"),
    [
        ("collate-expired-token", AuthError, "expired"),
        ("collate-html", UnreachableError, "not the API"),
        ("collate-down", ActionableError, "failed"),
    ],
)
async def test_a_collate_that_refuses_leaves_the_setup_where_it_is(
    scenario: str, kind: type[ActionableError], says: str
) -> None:
    async with Sandbox(scenario) as sandbox, GuidedSetup(Services()) as setup:
        with pytest.raises(kind) as caught:
            await setup.collate.connect(sandbox.collate_url, sandbox.collate_token)
        assert says in caught.value.title
        assert caught.value.fixes
        assert not setup.answers.has_token("collate")
        assert setup.draft.collate_base_url == ""


async def test_a_read_only_token_works_and_says_so() -> None:
    async with Sandbox("collate-read-only") as sandbox, GuidedSetup(Services()) as setup:
        facts = await setup.collate.connect(sandbox.collate_url, sandbox.collate_token)
    assert facts.read_only
    assert "may read only" in facts.sentences[1]


async def test_the_draft_is_kept_half_way_without_a_token_and_taken_up_again(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Sandbox() as sandbox:
        async with GuidedSetup(Services()) as setup:
            setup.dbt_cloud.set_address(_page(sandbox))
            await setup.advance()
            await _try(setup, sandbox.dbt_cloud_token)
            await setup.advance()
            await setup.dbt_cloud.choose_job(sandbox.job_id)
            assert await setup.advance() is Step.COLLATE
        assert sandbox.dbt_cloud_token.get_secret_value() not in _files(places)
        assert str(sandbox.job_id) in _files(places)
        async with GuidedSetup(Services(), load_draft(Services())) as again:
            assert again.first_open() is Step.DBT_TOKEN
            assert again.draft.job_id == sandbox.job_id
            await _try(again, sandbox.dbt_cloud_token)
            assert again.answers.cleared == ""
            assert again.draft.job_id == sandbox.job_id
            assert again.first_open() is Step.COLLATE
        monkeypatch.setenv("DBT_CLOUD_TOKEN", sandbox.dbt_cloud_token.get_secret_value())
        async with GuidedSetup(Services(), load_draft(Services())) as third:
            assert await third.use_kept_tokens() == {"dbt_cloud"}
            assert third.first_open() is Step.COLLATE
            assert third.answers.origins == {"dbt_cloud": "environment"}
            third.discard()
    assert load_draft(Services()) is None


async def test_another_address_drops_the_token_and_what_hung_on_it() -> None:
    async with Sandbox() as sandbox, GuidedSetup(Services()) as setup:
        setup.dbt_cloud.set_address(_page(sandbox))
        await _try(setup, sandbox.dbt_cloud_token)
        await setup.dbt_cloud.settle_project()
        await setup.dbt_cloud.choose_job(sandbox.job_id)
        setup.dbt_cloud.set_address(_page(sandbox, job=True))
        assert setup.answers.has_token("dbt_cloud")
        assert setup.draft.project_id == sandbox.project_id
        await setup.dbt_cloud.choose_job(sandbox.job_id)
        setup.dbt_cloud.set_address("https://ab123.us1.dbt.com/deploy/7/projects/8")
        assert not setup.answers.has_token("dbt_cloud")
        emptied = setup.draft.model_dump(include={"account_id", "project_id", "job_id"})
        assert set(emptied.values()) == {None}
        assert "account, project, job" in setup.answers.cleared
        assert setup.first_open() is Step.DBT_TOKEN


async def test_tokens_go_to_the_keyring_once_accepted_and_the_profile_can_be_edited(
    memory_keyring: MemoryKeyring, places: Places
) -> None:
    async with Sandbox() as sandbox:
        services = Services()
        answers = Answers(dbt_cloud_address=_page(sandbox), collate_address=sandbox.collate_url)
        async with GuidedSetup(services) as setup:
            profile = await answer_all(
                setup, answers, sandbox.dbt_cloud_token, sandbox.collate_token, where="keyring"
            )
        assert sandbox.collate_token.get_secret_value() in memory_keyring.items.values()
        assert sandbox.dbt_cloud_token.get_secret_value() not in _files(places)
        async with GuidedSetup.edit(Services(), profile.name) as edited:
            assert edited.step is Step.REVIEW
            assert await edited.use_kept_tokens() == {"dbt_cloud", "collate"}
            assert edited.apply(SetField("", ProfileField.SERVICE, "analytics")) is Step.SERVICE
            assert edited.apply(SetField("", ProfileField.RUN_RULE, "newest_completed")) is Step.JOB
            assert edited.propose_name() == profile.name
            saved = await edited.save("keyring")
        assert saved.collate.service == "analytics"
        assert saved.dbt_cloud.run_rule == "newest_completed"
        assert services.profiles.names() == (profile.name,)


async def test_a_token_of_the_environment_is_kept_nowhere(memory_keyring: MemoryKeyring) -> None:
    async with Sandbox() as sandbox, GuidedSetup(Services()) as setup:
        answers = Answers(dbt_cloud_address=_page(sandbox), collate_address=sandbox.collate_url)
        await answer_all(
            setup,
            answers,
            sandbox.dbt_cloud_token,
            sandbox.collate_token,
            where="keyring",
            origins={"dbt_cloud": "environment", "collate": "environment"},
        )
    assert memory_keyring.items == {}


async def test_a_keyring_that_forgets_still_gives_a_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring.core

    monkeypatch.setattr(keyring.core, "_keyring_backend", ForgetfulKeyring())
    async with Sandbox() as sandbox:
        services = Services()
        answers = Answers(dbt_cloud_address=_page(sandbox), collate_address=sandbox.collate_url)
        async with GuidedSetup(services) as setup:
            profile = await answer_all(
                setup, answers, sandbox.dbt_cloud_token, sandbox.collate_token, where="keyring"
            )
            assert services.profiles.names() == (profile.name,) == ("shop-nightly",)
            assert setup.not_kept is not None
            assert setup.not_kept.state == "forgets"
            services.profiles.delete(profile.name)
            with pytest.raises(KeyringError, match="did not store"):
                await setup.save("keyring")
            assert services.profiles.names() == ()


def test_where_to_make_the_tokens() -> None:
    page = dbt_token_help("https://ab123.us1.dbt.com")
    assert page.path.startswith("Account settings → API tokens → Service tokens")
    assert "Account Viewer" in page.permission
    assert page.url.startswith("https://ab123.us1.dbt.com/settings")
    assert "Bots" in collate_token_help("https://shop.getcollate.io").path


async def test_each_service_is_ranked_with_the_number_of_its_tables() -> None:
    async with Sandbox() as sandbox, GuidedSetup(Services()) as setup:
        await answer_all(
            setup,
            Answers(
                dbt_cloud_address=sandbox.dbt_cloud_url,
                collate_address=sandbox.collate_url,
                job_id=sandbox.job_id,
                profile_name="counted",
            ),
            sandbox.dbt_cloud_token,
            sandbox.collate_token,
        )
        ranked = await setup.collate.rank_services()
        assert [score.service.name for score in ranked.scores] == ["shop_warehouse", "legacy_crm"]
        assert [bool(score.tables) for score in ranked.scores] == [True, True]
        assert ranked.scores[0].tables == 24


async def test_further_jobs_are_offered_and_survive_an_edit(places: Places) -> None:
    async with Sandbox("split-jobs") as sandbox:
        services = Services()
        sample = SampleAnswers(
            _page(sandbox, job=True), sandbox.collate_url, sandbox.job_id, "shop_warehouse"
        )
        async with GuidedSetup(services) as setup:
            answers = answers_of(sample)
            await answer_all(setup, answers, sandbox.dbt_cloud_token, sandbox.collate_token)
            found = {offer.job.id: offer.parts for offer in await setup.dbt_cloud.other_jobs()}
            assert found[TESTS_ID] == ("test results",)
            assert found[DOCS_ID] == ("catalog.json", "source freshness")
            setup.dbt_cloud.set_jobs([TESTS_ID, DOCS_ID, TESTS_ID])
            await setup.save("session")
        async with GuidedSetup.edit(services, "demo") as edited:
            assert list(edited.draft.jobs) == [TESTS_ID, DOCS_ID]
            assert edited.draft.profile() == services.profiles.load("demo")
            async for _ in edited.dbt_cloud.try_token(sandbox.dbt_cloud_token):
                pass
            await edited.dbt_cloud.choose_job(sandbox.job_id)
            assert list(edited.draft.jobs) == [TESTS_ID, DOCS_ID]
            await edited.dbt_cloud.choose_job(DOCS_ID)
            assert not edited.draft.jobs


@pytest.mark.parametrize("accepted", [True, False])
async def test_an_accounts_own_host_comes_before_the_shared_one(accepted: bool) -> None:
    shop = [{"id": 7, "name": "Shop", "static_subdomain": "ab123"}, {"id": 8, "name": "Test"}]
    own_answer = envelope(shop[:1]) if accepted else refusal(401, "Invalid token.")

    async def shared_host(_: Request) -> Response:
        return envelope(shop)

    async def own_host(_: Request) -> Response:
        return own_answer

    async with (
        serving(Starlette(routes=[Route("/{path:path}", shared_host)])) as shared,
        serving(Starlette(routes=[Route("/{path:path}", own_host)])) as own,
    ):
        setup = GuidedSetup(
            Services(),
            regions=(Region("North America", shared),),
            find_own=lambda base, subdomain: own if base == shared and subdomain == "ab123" else "",
        )
        async with setup:
            answers = [answer.state for answer in await _try(setup, TOKEN)]
            assert answers == ["asking", "ok", "asking", "ok" if accepted else "refused"]
            assert [(row.account.id, row.base_url) for row in setup.dbt_cloud.accounts] == [
                (7, own if accepted else shared),
                (8, shared),
            ]
            await setup.dbt_cloud.choose_account(7)
            assert setup.draft.dbt_base_url == (own if accepted else shared)
            said = f"from its own host, {own}" if accepted else "did not accept the token"
            assert said in setup.answers.notes[-1]
            assert "deprecated" in setup.answers.notes[-1]
