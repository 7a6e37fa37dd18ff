"""The guided setup with all answers given beforehand: for a script, CI and the demo without a terminal."""

from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from pydantic import SecretStr

from dbtcollate_tui.dbt_cloud.schedules import check_cron, next_times_words
from dbtcollate_tui.errors import ActionableError, UsageError
from dbtcollate_tui.fixes import Advice, GoToStep, Step
from dbtcollate_tui.session.services import SampleAnswers
from dbtcollate_tui.settings.model import PipelineReads, Profile, SyncOptions
from dbtcollate_tui.settings.secrets import KeyringError, Origin, Side
from dbtcollate_tui.setup.guided import GuidedSetup, Where

OnStep = Callable[[Step, str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the questions are answered with; what is left out is taken where there is one clear choice.

    ``any_job`` is the guide's empty filter. ``schedule`` is a cron, "propose", or ``None`` for manual syncs.
    ``jobs`` are further jobs of the same environment.
    """

    dbt_cloud_address: str
    collate_address: str
    account_id: int | None = None
    project_id: int | None = None
    any_project: bool = False
    job_id: int | None = None
    job_name: str = ""
    any_job: bool = False
    service: str = ""
    options: SyncOptions | None = None
    schedule: str | None = "propose"
    reads: PipelineReads = "job"
    jobs: tuple[int, ...] = ()
    profile_name: str = ""
    allow_http: bool = False


def answers_of(sample: SampleAnswers) -> Answers:
    """The demo's answers."""
    return Answers(
        dbt_cloud_address=sample.dbt_cloud_address,
        collate_address=sample.collate_address,
        job_id=sample.job_id,
        service=sample.service,
        profile_name=sample.profile_name,
    )


async def answer_all(
    setup: GuidedSetup,
    answers: Answers,
    dbt_token: SecretStr,
    collate_token: SecretStr,
    *,
    where: Where = "session",
    origins: Mapping[Side, Origin] | None = None,
    on_step: OnStep = lambda step, words: None,
    overwrite: bool = False,
) -> Profile:
    """Answer every step and save the profile; ``on_step`` gets each step with its outcome in words.

    A token whose origin is "environment" is kept nowhere. Where the keyring does not take the tokens, the
    profile is saved all the same, and ``setup.not_kept`` says why. Without ``origins`` both are of the
    session. Raises `UsageError` where a choice is open, and what the servers say.
    """
    origin_of: Mapping[Side, Origin] = origins or {}
    setup.step = Step.ADDRESS
    setup.dbt_cloud.set_address(answers.dbt_cloud_address)
    on_step(
        Step.ADDRESS,
        setup.answers.address.host if setup.answers.address is not None else "the shared hosts are tried",
    )
    setup.step = Step.DBT_TOKEN
    async for answer in setup.dbt_cloud.try_token(dbt_token, origin=origin_of.get("dbt_cloud", "session")):
        if answer.state != "asking":
            on_step(Step.DBT_TOKEN, f"{answer.host}: {answer.words}, {answer.seconds:.1f} s")
    if answers.account_id is not None:
        await setup.dbt_cloud.choose_account(answers.account_id)
    if setup.draft.account_id is None:
        listed = [f"{row.account.name} ({row.account.id})" for row in setup.dbt_cloud.accounts]
        raise _open("account", listed, Step.ACCOUNT)
    on_step(Step.ACCOUNT, f"{setup.draft.account_name} (account {setup.draft.account_id})")
    for note in setup.answers.notes:
        on_step(Step.ACCOUNT, note)
    setup.answers.notes.clear()
    await _project_and_job(setup, answers, on_step)
    setup.step = Step.COLLATE
    setup.collate.allow_http(answers.allow_http)
    facts = await setup.collate.connect(
        answers.collate_address, collate_token, origin=origin_of.get("collate", "session")
    )
    for sentence in facts.sentences:
        on_step(Step.COLLATE, sentence)
    await _service(setup, answers, on_step)
    setup.step = Step.OPTIONS
    if answers.options is not None:
        setup.set_options(answers.options)
    schedule = answers.schedule
    if schedule == "propose":
        proposal = await setup.dbt_cloud.schedule_proposal()
        schedule = proposal.cron
        on_step(Step.OPTIONS, f"schedule {proposal.words}: {proposal.reason}")
    if schedule is not None:
        schedule = check_cron(schedule)
        on_step(Step.OPTIONS, f"next {next_times_words(schedule)}")
    if answers.jobs:
        setup.dbt_cloud.set_jobs(answers.jobs)
    setup.set_pipeline(setup.draft.pipeline.model_copy(update={"schedule": schedule, "reads": answers.reads}))
    setup.set_name(answers.profile_name or setup.draft.profile_name or _name(setup, overwrite=overwrite))
    await setup.advance()
    on_step(Step.REVIEW, f"profile {setup.draft.profile_name}")
    try:
        return await setup.save(where)
    except KeyringError as refused:
        setup.not_kept = refused.health
        return await setup.save("session")


def _name(setup: GuidedSetup, *, overwrite: bool) -> str:
    """A name for the profile; raises `UsageError` where one with the same job and service exists already."""
    same = setup.twin_of_draft()
    if same is None:
        return setup.propose_name()
    if overwrite:
        return same
    raise UsageError(
        f"The profile {same} already syncs this job to this service",
        fixes=[
            Advice("Replace it with --overwrite."),
            Advice("Or create a second one with --name NAME."),
        ],
    )


async def _project_and_job(setup: GuidedSetup, answers: Answers, on_step: OnStep) -> None:
    setup.step = Step.ACCOUNT
    following = await setup.advance()
    if answers.any_project:
        setup.dbt_cloud.choose_project(None)
    elif answers.project_id is not None:
        setup.dbt_cloud.choose_project(answers.project_id)
    elif answers.job_id is not None and setup.draft.project_id is None:
        named = await setup.dbt_cloud.client.job(setup.draft.account_id or 0, answers.job_id)
        setup.dbt_cloud.choose_project(named.project_id)
    if following is Step.PROJECT and setup.draft.project_id is None and not setup.draft.any_project:
        if not answers.any_job:
            async with aclosing(setup.dbt_cloud.iter_projects()) as pages:
                names = [
                    [f"{row.project.name} ({row.project.id})" for row in page.rows] async for page in pages
                ]
            raise _open("project", names[-1], Step.PROJECT)
        setup.dbt_cloud.choose_project(None)
    if setup.draft.project_id is not None:
        on_step(Step.PROJECT, f"{setup.draft.project_name} (project {setup.draft.project_id})")
    else:
        on_step(Step.PROJECT, "any project")
    setup.step = Step.JOB
    job_id = answers.job_id
    if job_id is None and not answers.any_job:
        job_id = await _find_job(setup, answers.job_name, on_step)
    job = await setup.dbt_cloud.choose_job(job_id)
    preview = await setup.dbt_cloud.run_preview()
    if preview.choice is None:
        raise preview.error or ActionableError("No run was found")
    what = f"{job.name} (job {job.id})" if job is not None else "any job"
    on_step(Step.JOB, f"{what}; run {preview.choice.run.id}, {preview.choice.reason}")


async def _find_job(setup: GuidedSetup, name: str, on_step: OnStep) -> int:
    """The job of that name, or the suggested one; raises `UsageError` where it is not clear which."""
    async with aclosing(setup.dbt_cloud.iter_jobs()) as lists:
        rows = [listed async for listed in lists][-1]
    if name:
        called = [row for row in rows.rows if row.job.name == name]
        if len(called) != 1:
            raise _open("job", [f"{row.job.name} ({row.id})" for row in called or rows.rows], Step.JOB)
        return called[0].id
    if rows.proposed is None:
        raise _open("job", [f"{row.job.name} ({row.id})" for row in rows.rows], Step.JOB)
    on_step(Step.JOB, f"{rows.proposed.job.name}: {rows.proposed.reason}")
    return rows.proposed.id


async def _service(setup: GuidedSetup, answers: Answers, on_step: OnStep) -> None:
    setup.step = Step.SERVICE
    ranked = await setup.collate.rank_services()
    names = [score.service.fullyQualifiedName or score.service.name for score in ranked.scores]
    if answers.service:
        if answers.service not in names:
            raise _open(f"database service {answers.service!r}", names, Step.SERVICE)
        chosen = ranked.scores[names.index(answers.service)]
    elif ranked.proposed is not None:
        chosen = ranked.proposed
    else:
        raise _open("database service", names, Step.SERVICE)
    setup.collate.choose_service(chosen.service.fullyQualifiedName or chosen.service.name)
    on_step(Step.SERVICE, f"{chosen.service.name}: {chosen.reason}")


def _open(what: str, choices: list[str], step: Step) -> UsageError:
    return UsageError(
        f"Which {what} is meant is not clear",
        causes=[
            f"There are: {', '.join(choices[:8])}{' …' if len(choices) > 8 else ''}." if choices else "None."
        ],
        fixes=[GoToStep(f"Name the {step.value}", step)],
    )
