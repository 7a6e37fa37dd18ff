"""The command line: parses, then calls what the screens call. Every import of weight is deferred."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import click

from dbtcollate_tui import __version__
from dbtcollate_tui.command_options import Common, scope_of, scope_options
from dbtcollate_tui.errors import ActionableError, Fix, UsageError
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.platforms import STOP_SIGNALS, on_signals
from dbtcollate_tui.printable import safe
from dbtcollate_tui.standard_streams import has_screen

EXIT_CODES = "Exit codes: " + "; ".join(f"{int(code)} {code.meaning}" for code in ExitCode) + "."
SECRETS = (
    "Tokens come from DBT_CLOUD_TOKEN and COLLATE_TOKEN, else from the system's keyring; "
    "they are never read from the command line or from a file."
)


def _common(function: Callable[..., Any]) -> Callable[..., Any]:
    decorators = (
        click.option("--profile", "-p", help="Name of the profile; without it the one last used."),
        click.option("--json", "as_json", is_flag=True, help="One JSON object a line on standard output."),
        click.option("--no-input", is_flag=True, help="Never ask; a missing answer ends with exit code 2."),
    )
    for decorator in decorators:
        function = decorator(function)
    return function


def _merge(common: Common, profile: str | None, as_json: bool, no_input: bool) -> Common:
    return Common(
        profile=profile or common.profile,
        json=as_json or common.json,
        no_input=no_input or common.no_input,
        animation=common.animation,
    )


@click.group(invoke_without_command=True, epilog=f"{SECRETS} {EXIT_CODES}")
@click.option("--profile", "-p", help="Name of the profile; without it the one last used.")
@click.option("--no-animation", is_flag=True, help="Nothing moves on the screen.")
@click.option(
    "--ascii/--no-ascii", default=None, help="Only ASCII on the screen; without it the locale says."
)
@click.version_option(__version__, prog_name="dbtcollate")
@click.pass_context
def dbtcollate(context: click.Context, profile: str | None, no_animation: bool, ascii: bool | None) -> None:
    """Set up, check and run the sync of dbt Cloud metadata into Collate. Without a command: the app."""
    if ascii is not None:
        os.environ["DBTCOLLATE_ASCII"] = str(int(ascii))
    context.obj = Common(profile=profile, animation=not no_animation)
    if context.invoked_subcommand is None:
        from dbtcollate_tui.tui.start import open_app

        context.exit(int(open_app(profile, animation=not no_animation)))


@dbtcollate.command(epilog=EXIT_CODES)
@click.option("--headless", is_flag=True, help="Without the app: the same steps with the sample answers.")
@click.option("--scenario", default="", show_default=True, help="What is wrong in the sandbox.")
@click.option(
    "--server-version", default="newest", show_default=True, help="Collate's dialect: newest or 1.1."
)
@_common
@click.pass_context
def demo(
    context: click.Context,
    headless: bool,
    scenario: str,
    server_version: str,
    profile: str | None,
    as_json: bool,
    no_input: bool,
) -> None:
    """Start the sandbox (a dbt Cloud and a Collate on this machine) and open the app on it."""
    common = _merge(context.obj, profile, as_json, no_input)
    from dbtcollate_tui import demonstration

    if headless or as_json or not has_screen():
        code = _run(common, lambda: demonstration.headless(scenario, server_version, common.json))
    else:
        code = demonstration.in_app(scenario, server_version, animation=common.animation)
    context.exit(int(code))


@dbtcollate.command(epilog=EXIT_CODES)
@click.option("--scenario", default="", show_default=True, help="What is wrong in the sandbox.")
@click.option(
    "--server-version", default="newest", show_default=True, help="Collate's dialect: newest or 1.1."
)
@click.pass_context
def sandbox(context: click.Context, scenario: str, server_version: str) -> None:
    """Run the sandbox alone until interrupted, for other clients to connect to."""
    from dbtcollate_tui import demonstration

    context.exit(int(_run(context.obj, lambda: demonstration.serve(scenario, server_version))))


@dbtcollate.command(epilog=EXIT_CODES)
@click.option("--port", default=8580, show_default=True, help="Port of 127.0.0.1.")
@click.option("--demo", is_flag=True, help="The demo in place of your profiles.")
@click.option("--profile", "-p", help="Name of the profile; without it the one last used.")
@click.pass_context
def serve(context: click.Context, port: int, demo: bool, profile: str | None) -> None:
    """Show the app in a browser of this machine, for whom a terminal is not at hand.

    Only this machine's own browser gets it: the page acts with your tokens and your keyring.
    """
    name = profile or context.obj.profile
    arguments = [*(["--profile", name] if name else []), *(["demo"] if demo else [])]
    try:
        from dbtcollate_tui.tui.serve import serve as serve_app
    except ModuleNotFoundError as error:
        raise UsageError(
            "dbtcollate serve needs the package textual-serve",
            causes=[str(error)],
            fixes=[Fix("advice", "pip install 'dbtcollate-tui[serve]'")],
        ) from error
    asyncio.run(serve_app(arguments, port))


@dbtcollate.command(epilog=EXIT_CODES)
@click.option("--strict", is_flag=True, help="A warning counts as a failure.")
@click.option("--check", "checks", multiple=True, help="Only this check, by id; may be repeated.")
@click.option("--requests", is_flag=True, help="Then every request as a curl command, without a token.")
@_common
@click.pass_context
def verify(
    context: click.Context,
    strict: bool,
    checks: tuple[str, ...],
    requests: bool,
    profile: str | None,
    as_json: bool,
    no_input: bool,
) -> None:
    """Run the verification checklist. Changes no metadata."""
    common = _merge(context.obj, profile, as_json, no_input)
    from dbtcollate_tui.headless import checks as headless_checks

    context.exit(
        int(
            _run(common, lambda: headless_checks.verify(common, strict=strict, ids=checks, requests=requests))
        )
    )


@dbtcollate.command(epilog=EXIT_CODES)
@click.argument("symptom", default="")
@click.option("--list", "listed", is_flag=True, help="List the symptoms; asks no server.")
@click.option("--support-message", is_flag=True, help="Then the text to send to whoever may mend it.")
@click.option(
    "--report", type=click.Path(dir_okay=False, path_type=Path), help="Write the report into this file."
)
@_common
@click.pass_context
def troubleshoot(
    context: click.Context,
    symptom: str,
    listed: bool,
    letter: bool,
    report: Path | None,
    profile: str | None,
    as_json: bool,
    no_input: bool,
) -> None:
    """Walk the chain for SYMPTOM up to the first broken link; without one, the whole chain.

    Report and letter hold no secret. Changes nothing.
    """
    common = _merge(context.obj, profile, as_json, no_input)
    from dbtcollate_tui.headless import troubleshoot as walking

    if listed:
        context.exit(int(walking.symptoms(common)))
    work = partial(walking.troubleshoot, common, symptom, report_to=report, letter=letter)
    context.exit(int(_run(common, work)))


def _run_options(function: Callable[..., Any]) -> Callable[..., Any]:
    run = click.option("--run", "run_id", type=int, help="This run in place of the profile's rule.")
    return run(scope_options(function))


@dbtcollate.command(epilog=EXIT_CODES)
@_run_options
@_common
@click.pass_context
def plan(
    context: click.Context,
    /,
    run_id: int | None,
    profile: str | None,
    as_json: bool,
    no_input: bool,
    **scope: Any,
) -> None:
    """Show every change that a direct sync would write, with old and new value. Writes nothing."""
    common = _merge(context.obj, profile, as_json, no_input)
    from dbtcollate_tui.headless import plan as headless_plan

    def work() -> Awaitable[ExitCode]:
        return headless_plan.plan(common, run_id=run_id, scope=scope_of(scope))

    context.exit(int(_run(common, work)))


@dbtcollate.command(epilog=EXIT_CODES)
@click.option("--yes", is_flag=True, help="Write without asking; needed where nobody can be asked.")
@click.option(
    "--engine",
    type=click.Choice(["auto", "collate", "direct"]),
    default="auto",
    show_default=True,
    help="collate: by the pipeline in Collate, deployed where needed; direct: from here; "
    "auto: collate where the profile's pipeline is deployed, else direct.",
)
@click.option("--kill-on-interrupt", "kill", is_flag=True, help="An interrupt also stops the run in Collate.")
@click.option("--wait", is_flag=True, help="Wait for the dbt Cloud job's run that is in progress.")
@_run_options
@_common
@click.pass_context
def sync(
    context: click.Context,
    /,
    yes: bool,
    engine: Literal["auto", "collate", "direct"],
    kill: bool,
    wait: bool,
    run_id: int | None,
    profile: str | None,
    as_json: bool,
    no_input: bool,
    **scope: Any,
) -> None:
    """Bring Collate up to date, from here or by its own pipeline, and read back what arrived."""
    common = _merge(context.obj, profile, as_json, no_input)
    from dbtcollate_tui.headless import sync as headless_sync

    def work() -> Awaitable[ExitCode]:
        asked = scope_of(scope)
        return headless_sync.sync(
            common, yes=yes, run_id=run_id, scope=asked, engine=engine, kill=kill, wait=wait
        )

    context.exit(int(_run(common, work)))


@dbtcollate.command("run-job", epilog=EXIT_CODES)
@click.option("--wait", is_flag=True, help="Follow the run until it has finished.")
@click.option("--sync", "then_sync", is_flag=True, help="Then sync what it built; implies --wait.")
@click.option("--yes", is_flag=True, help="Run without asking; needed where nobody can be asked.")
@click.option("--job", "job_id", type=int, help="Job id. Default: the profile's job.")
@click.option("--retry", "retry_of", type=int, help="Failed run to retry from where it failed.")
@click.option(
    "--generate-docs/--no-generate-docs",
    "generate_docs",
    default=None,
    help="Generate docs in this run. Default: the job's own setting.",
)
@click.option("--command", "commands", multiple=True, help="Command in place of the job's; may be repeated.")
@click.option("--branch", default="", help="Git branch to run. Default: the environment's.")
@click.option("--commit", default="", help="Git commit to run.")
@click.option("--dbt-version", default="", help="dbt version or release track for this run.")
@click.option("--cause", default="", help="Reason that dbt Cloud shows with the run.")
@click.option("--cancel-on-interrupt", is_flag=True, help="An interrupt also cancels the run in dbt Cloud.")
@_common
@click.pass_context
def run_job(
    context: click.Context,
    wait: bool,
    then_sync: bool,
    yes: bool,
    job_id: int | None,
    retry_of: int | None,
    generate_docs: bool | None,
    commands: tuple[str, ...],
    branch: str,
    commit: str,
    dbt_version: str,
    cause: str,
    cancel_on_interrupt: bool,
    profile: str | None,
    as_json: bool,
    no_input: bool,
) -> None:
    """Run the profile's dbt Cloud job and follow it.

    A run of the job that is queued or in progress is followed, never doubled.
    """
    common = _merge(context.obj, profile, as_json, no_input)
    from dbtcollate_tui.dbt_cloud.job_run import DEFAULT_CAUSE, JobRunOptions
    from dbtcollate_tui.headless import job_run as headless_job_run

    options = JobRunOptions(
        cause=cause or DEFAULT_CAUSE,
        generate_docs=generate_docs,
        commands=commands,
        git_branch=branch,
        git_sha=commit,
        dbt_version=dbt_version,
        retry_of=retry_of,
    )

    def work() -> Awaitable[ExitCode]:
        return headless_job_run.run_job(
            common,
            options,
            yes=yes,
            job_id=job_id,
            wait=wait,
            then_sync=then_sync,
            cancel_on_interrupt=cancel_on_interrupt,
        )

    context.exit(int(_run(common, work)))


@dbtcollate.command(epilog=EXIT_CODES)
@click.option("--yes", is_flag=True, help="Deploy without asking; needed where nobody can be asked.")
@_common
@click.pass_context
def deploy(context: click.Context, yes: bool, profile: str | None, as_json: bool, no_input: bool) -> None:
    """Show the changes of the pipeline in Collate, then write it with its token and deploy it."""
    common = _merge(context.obj, profile, as_json, no_input)
    from dbtcollate_tui.headless import sync as headless_sync

    context.exit(int(_run(common, lambda: headless_sync.deploy(common, yes=yes))))


@dbtcollate.command(epilog=EXIT_CODES)
@click.argument("kind", type=click.Choice(["yaml", "pipeline", "curl"]))
@click.option("--profile", "-p", help="Name of the profile; without it the one last used.")
@click.pass_context
def export(context: click.Context, kind: Literal["yaml", "pipeline", "curl"], profile: str | None) -> None:
    """Print the pipeline for use elsewhere, its tokens as environment variables.

    yaml: for OpenMetadata's "metadata ingest"; pipeline: the request's JSON; curl: a shell script.
    """
    common = _merge(context.obj, profile, False, False)
    from dbtcollate_tui.headless import sync as headless_sync

    context.exit(int(_run(common, lambda: headless_sync.export(common, kind))))


@dbtcollate.command(epilog=EXIT_CODES)
@_common
@click.pass_context
def status(context: click.Context, profile: str | None, as_json: bool, no_input: bool) -> None:
    """Say what the last sync wrote, which run would be used now, and whether Collate is behind."""
    common = _merge(context.obj, profile, as_json, no_input)
    from dbtcollate_tui.headless import status as headless_status

    context.exit(int(_run(common, lambda: headless_status.status(common))))


@dbtcollate.command(epilog=f"{SECRETS} {EXIT_CODES}")
@click.option("--dbt-cloud", "dbt_cloud", required=True, help="The address of any dbt Cloud page.")
@click.option("--collate", required=True, help="The address of any page of Collate.")
@click.option("--account", type=int, help="dbt Cloud account, where the token sees several.")
@click.option("--project", type=int, help="dbt Cloud project, where there are several.")
@click.option("--job", type=int, help="dbt Cloud job; without it the proposed one.")
@click.option("--any-job", is_flag=True, help="Any job: the newest run of the project counts.")
@click.option("--service", default="", help="Database service in Collate; without it the proposed one.")
@click.option(
    "--schedule",
    default="propose",
    show_default=True,
    help='Of the pipeline in Collate: a cron, "propose" (from the job\'s own), or "none".',
)
@click.option("--name", default="", help="Of the profile; without it one of the project and the job.")
@click.option("--overwrite", is_flag=True, help="Write a profile of this name anew.")
@_common
@click.pass_context
def setup(
    context: click.Context,
    dbt_cloud: str,
    collate: str,
    account: int | None,
    project: int | None,
    job: int | None,
    any_job: bool,
    service: str,
    schedule: str,
    name: str,
    overwrite: bool,
    profile: str | None,
    as_json: bool,
    no_input: bool,
) -> None:
    """Set up a profile without the app, from two addresses and two tokens. Changes no metadata."""
    common = _merge(context.obj, profile, as_json, no_input)
    from dbtcollate_tui.headless import setup as headless_setup
    from dbtcollate_tui.setup.unattended import Answers

    answers = Answers(
        dbt_cloud_address=dbt_cloud,
        collate_address=collate,
        account_id=account,
        project_id=project,
        job_id=job,
        any_job=any_job,
        service=service,
        schedule=None if schedule == "none" else schedule,
        profile_name=name or common.profile or "",
    )
    context.exit(int(_run(common, lambda: headless_setup.set_up(common, answers, overwrite=overwrite))))


@dbtcollate.group(invoke_without_command=True, epilog=EXIT_CODES)
@click.option("--action", type=click.Choice(["sync", "deploy", "verify", "walk"]), help="Only these.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many.")
@_common
@click.pass_context
def history(
    context: click.Context,
    action: Literal["sync", "deploy", "verify", "walk"] | None,
    limit: int,
    profile: str | None,
    as_json: bool,
    no_input: bool,
) -> None:
    """List the syncs, deploys, verifications and walks for a symptom of the last 90 days, newest first."""
    common = context.obj = _merge(context.obj, profile, as_json, no_input)
    if context.invoked_subcommand is None:
        from dbtcollate_tui.headless import history as headless_history

        context.exit(int(_run(common, lambda: headless_history.history(common, action=action, limit=limit))))


@history.command("show", epilog=EXIT_CODES)
@click.argument("record_id", metavar="ID")
@_common
@click.pass_context
def history_show(
    context: click.Context, record_id: str, profile: str | None, as_json: bool, no_input: bool
) -> None:
    """Show one record whole: outcome, failures with their causes, plan, log. The id's end is enough."""
    common = _merge(context.obj, profile, as_json, no_input)
    from dbtcollate_tui.headless import history as headless_history

    context.exit(int(_run(common, lambda: headless_history.show(common, record_id))))


@dbtcollate.command(epilog=EXIT_CODES)
@_common
@click.pass_context
def profiles(context: click.Context, profile: str | None, as_json: bool, no_input: bool) -> None:
    """List the profiles and where they are kept."""
    common = _merge(context.obj, profile, as_json, no_input)
    from dbtcollate_tui.headless import status as headless_status

    context.exit(int(_run(common, lambda: headless_status.profiles(common))))


@dbtcollate.command(epilog=EXIT_CODES)
@click.option("--path", is_flag=True, help="Only the log file's place.")
def logs(path: bool) -> None:
    """Show the end of the log file, or its place."""
    from dbtcollate_tui.log import log_path

    place = log_path()
    click.echo(safe(str(place)))
    if not path and place.exists():
        lines = place.read_text(encoding="utf-8", errors="replace").splitlines()
        click.echo(safe("\n".join(lines[-100:])))


def _run(common: Common, work: Callable[[], Awaitable[ExitCode]]) -> ExitCode:
    """Run a headless command to its end; every error becomes a card and an exit code."""
    from dbtcollate_tui.log import LOGGER, log_path, start_logging
    from dbtcollate_tui.render.ndjson import NdjsonRenderer

    try:
        start_logging()
    except OSError as error:
        click.echo(safe(f"No log file: {error}"), err=True)
    try:
        return asyncio.run(_until_signal(work))
    except ActionableError as error:
        if common.json:
            NdjsonRenderer(sys.stdout).error(error)
        else:
            click.echo(safe(error.as_text()), err=True)
        return error.exit_code
    except (KeyboardInterrupt, asyncio.CancelledError):
        click.echo("Interrupted.", err=True)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
        return ExitCode.OK
    except Exception as error:  # noqa: BLE001
        LOGGER.exception("unexpected error")
        line = safe(str(error)).splitlines()[:1]
        text = f"{type(error).__name__}: {line[0] if line else ''}  (details: {log_path()})"
        click.echo(safe(text), err=True)
        return ExitCode.INTERNAL


async def _until_signal(work: Callable[[], Awaitable[ExitCode]]) -> ExitCode:
    task = asyncio.ensure_future(work())
    on_signals(STOP_SIGNALS, task.cancel)
    return await task


def run(arguments: Sequence[str]) -> int:
    """Parse the arguments, run the command, give the exit code."""
    try:
        result = dbtcollate.main(args=list(arguments), prog_name="dbtcollate", standalone_mode=False)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.Abort:
        return int(ExitCode.INTERRUPTED)
    except click.ClickException as error:
        error.show()
        return int(ExitCode.USAGE)
    except ActionableError as error:
        click.echo(safe(error.as_text()), err=True)
        return int(error.exit_code)
    return result if isinstance(result, int) else int(ExitCode.OK)
