"""The commands that write, without the app: a sync by either engine, the pipeline deployed, or taken away."""

import asyncio
import sys
from dataclasses import replace
from typing import Literal

from pydantic import SecretStr

from dbtcollate_tui import wording
from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.errors import CollateError, ForbiddenError
from dbtcollate_tui.collate.export import connector_yaml, ingestion_yaml, pipeline_curl, pipeline_json
from dbtcollate_tui.collate.pipelines import IngestionPipelines
from dbtcollate_tui.command_options import Common
from dbtcollate_tui.errors import ActionableError, UsageError
from dbtcollate_tui.events.types import EngineName, PipelinePlanReady
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.fixes import Advice
from dbtcollate_tui.headless.common import (
    Renderer,
    connect,
    follow,
    follow_or_cancel,
    load_profile,
    renderer,
)
from dbtcollate_tui.headless.job_follow import wait_for_run
from dbtcollate_tui.headless.plan import plan_and_write
from dbtcollate_tui.plan.pipeline import PipelinePlan, own_pipeline, pipeline_spec
from dbtcollate_tui.plan.selection.scope import Scope
from dbtcollate_tui.session.connections import Connections
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.settings.model import PipelineReads, Profile
from dbtcollate_tui.standard_streams import write_utf8
from dbtcollate_tui.sync.engine import connected
from dbtcollate_tui.sync.in_collate import prepare_collate, run_collate

Export = Literal["yaml", "pipeline", "curl", "connector"]


async def _choose_engine(profile: Profile, collate: CollateClient) -> EngineName:
    """``collate`` where the server runs pipelines and the profile's is deployed there, else ``direct``."""
    pipelines = IngestionPipelines(collate)
    try:
        if not (await pipelines.service_status()).available:
            return "direct"
        found = own_pipeline(await pipelines.of_service(profile.collate.service), profile)
    except (CollateError, ForbiddenError):
        return "direct"
    return "collate" if found is not None and found.deployed else "direct"


async def sync(
    common: Common,
    *,
    yes: bool,
    run_id: int | None,
    scope: Scope,
    engine: Literal["auto", "direct", "collate"] = "auto",
    kill: bool = False,
    wait: bool = False,
) -> ExitCode:
    """Plan, show, ask unless ``yes``, write, read back; by the engine that is named, or that fits.

    ``wait`` first waits for the run of the profile's job that is queued or in progress.

    A named run and a ``scope`` are for the direct engine. ``kill``: an interrupt stops Collate's run too.
    """
    if engine == "collate" and (run_id is not None or scope):
        raise UsageError(
            "--run and what chooses a part are for the direct sync",
            causes=["A pipeline in Collate uses the latest run, and all of it."],
            fixes=[Advice("Use --engine direct, or leave them out.")],
        )
    _may_write(common, yes=yes)
    services = Services()
    profile = await load_profile(services, common.profile)
    out = renderer(common.json, verbose=not yes, profile=common.profile)
    async with connect(common, services, profile) as connections:
        if wait:
            await wait_for_run(
                out, profile, await connections.dbt_cloud(), limit_seconds=common.follow_seconds
            )
        return await sync_with(
            out,
            services,
            profile,
            connections,
            yes=yes,
            run_id=run_id,
            scope=scope,
            engine=engine,
            kill=kill,
            limit_seconds=common.follow_seconds,
        )


async def sync_with(
    out: Renderer,
    services: Services,
    profile: Profile,
    connections: Connections,
    *,
    yes: bool,
    run_id: int | None,
    scope: Scope,
    engine: Literal["auto", "direct", "collate"],
    kill: bool = False,
    limit_seconds: float | None = None,
) -> ExitCode:
    """`sync` with what is open already; a run in Collate is followed for at most ``limit_seconds``."""
    if engine != "direct" and run_id is None and not scope:
        if engine == "auto":
            engine = await _choose_engine(profile, await connections.collate())
        if engine == "collate":
            return await _prepare_and_run(
                out,
                services,
                profile,
                connections,
                yes=yes,
                trigger=True,
                kill=kill,
                limit_seconds=limit_seconds,
            )
    return await plan_and_write(out, services, profile, connections, yes=yes, run_id=run_id, scope=scope)


async def sync_all(
    common: Common,
    *,
    yes: bool,
    run_id: int | None,
    scope: Scope,
    engine: Literal["auto", "direct", "collate"] = "auto",
    kill: bool = False,
    wait: bool = False,
) -> ExitCode:
    """Sync every profile, one after the other, then print one line each; return the worst exit code.

    A profile that fails does not keep the others from being synced; an interrupt ends all. Raises
    `UsageError` where a single profile or run is named.
    """
    if common.profile is not None or run_id is not None:
        raise UsageError("--all excludes --profile and --run")
    services = Services()
    names = await asyncio.to_thread(services.profiles.names)
    if not names:
        await load_profile(services, None)
    out = renderer(common.json, profile=common.profile)
    ended: dict[str, tuple[ExitCode, str]] = {}
    for name in names:
        out.note(f"Profile {name}")
        try:
            code = await sync(
                replace(common, profile=name),
                yes=yes,
                run_id=None,
                scope=scope,
                engine=engine,
                kill=kill,
                wait=wait,
            )
            ended[name] = code, code.meaning
        except ActionableError as error:
            out.error(error)
            ended[name] = error.exit_code, error.title
    worst = max((code for code, _ in ended.values()), default=ExitCode.OK)
    out.say(f"Synced {wording.count(len(ended), 'profile')}")
    for name, (code, words) in ended.items():
        if common.json:
            out.facts("profile_synced", {"profile": name, "exit_code": int(code), "text": words})
        else:
            out.say(f"  {'ok' if code is ExitCode.OK else 'FAIL':4}  {name:28} {words}")
    return worst


async def deploy(common: Common, *, yes: bool, reads: PipelineReads | None = None) -> ExitCode:
    """Show what would change in the pipeline, ask unless ``yes``, write it with its token, deploy it.

    ``reads`` is saved in the profile after the yes.
    """
    _may_write(common, yes=yes)
    services = Services()
    kept = await load_profile(services, common.profile)
    profile = kept
    if reads is not None and reads != kept.pipeline.reads:
        pipeline = kept.pipeline.model_copy(update={"reads": reads})
        profile = kept.model_copy(update={"pipeline": pipeline})
    out = renderer(common.json, verbose=True, profile=common.profile)
    async with connect(common, services, profile) as connections:
        return await _prepare_and_run(
            out, services, profile, connections, yes=yes, trigger=False, save=profile is not kept
        )


async def export(common: Common, kind: Export) -> ExitCode:
    """The pipeline on standard output, ready to use elsewhere; tokens are environment variables in it."""
    services = Services()
    profile = await load_profile(services, common.profile)
    async with connect(common, services, profile) as connections:
        collate = await connections.collate()
        service = await collate.database_service(profile.collate.service)
        if service is None:
            raise UsageError(
                f"Collate has no database service named {profile.collate.service}",
                fixes=[Advice("Choose another one in the setup, or correct the profile.")],
            )
        spec = pipeline_spec(profile, service, SecretStr(""))
        if kind == "yaml":
            text = ingestion_yaml(spec, collate.dialect, collate.base_url)
        elif kind == "connector":
            text = connector_yaml(spec, collate.dialect, collate.base_url)
        elif kind == "pipeline":
            text = pipeline_json(spec, collate.dialect)
        else:
            text = pipeline_curl(spec, collate.dialect, collate.base_url)
    write_utf8(sys.stdout)
    sys.stdout.write(text)
    return ExitCode.OK


async def _prepare_and_run(
    out: Renderer,
    services: Services,
    profile: Profile,
    connections: Connections,
    *,
    yes: bool,
    trigger: bool,
    kill: bool = False,
    limit_seconds: float | None = None,
    save: bool = False,
) -> ExitCode:
    """Show the pipeline's changes, ask unless ``yes``, then deploy, run where asked, follow and verify.

    ``save`` keeps the profile first. An interrupt stops the following, with ``kill`` the run on the server
    too.
    """
    engine = await connected(connections, services)
    token = await connections.secret("dbt_cloud")
    prepared = prepare_collate(engine, token, needs_run=trigger)
    found, finished = await follow(out, prepared, PipelinePlanReady)
    if found is None:
        return finished.exit_code
    plan = found.plan
    if not yes and not await _says_yes("Deploy and run" if trigger else "Deploy", plan):
        out.say("Nothing was written.")
        return ExitCode.OK
    if save:
        await asyncio.to_thread(services.profiles.save, profile)
    events = run_collate(
        engine,
        token,
        plan=plan,
        deploy="needed" if trigger else "always",
        trigger=trigger,
        kill_on_cancel=kill,
    )
    _, finished = await follow_or_cancel(
        out, events, PipelinePlanReady, engine.cancel, limit_seconds=limit_seconds
    )
    return finished.exit_code


def _may_write(common: Common, *, yes: bool) -> None:
    if not yes and not common.may_ask:
        raise UsageError(
            "Nothing is written without a yes",
            causes=["Nobody can be asked here: there is no terminal, or asking is turned off."],
            fixes=[
                Advice("Add --yes to write. What a direct sync would write: dbtcollate plan."),
            ],
        )


async def _says_yes(verb: str, plan: PipelinePlan) -> bool:
    answer = await asyncio.to_thread(input, f"{verb} {plan.name}? [y/N] ")
    return answer.strip().lower() in {"y", "yes"}
