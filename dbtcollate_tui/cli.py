"""The command line: parses arguments, then calls what the screens call. Heavy imports are deferred."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from dbtcollate_tui import __version__
from dbtcollate_tui.command_options import Common, scope_of, scope_options
from dbtcollate_tui.completion import COMPLETE_VARIABLE, SHELLS, complete_from
from dbtcollate_tui.errors import ActionableError, UsageError
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.fixes import Advice
from dbtcollate_tui.platforms import STOP_SIGNALS, on_signals
from dbtcollate_tui.printable import safe
from dbtcollate_tui.standard_streams import has_screen, only_errors_redirected, write_any_sign

if TYPE_CHECKING:
    from dbtcollate_tui.settings.model import PipelineReads

EXIT_CODES = "\b\nExit codes:\n" + "\n".join(f"  {int(code):3}  {code.meaning}" for code in ExitCode)
SECRETS = (
    "Tokens are read from DBT_CLOUD_TOKEN and COLLATE_TOKEN, then from the system keyring, never from the "
    "command line or a file."
)
SIGN_OPTIONS = ("--ascii", "--no-ascii")
LIBRARIES = ("textual", "click", "httpx", "pydantic", "msgspec", "sqlglot", "keyring")
READS = click.Choice(["job", "each_job", "project"])
"""`PipelineReads`, whose module is imported later."""
PROFILE_HELP = "Profile to use. Default: the pinned one, else the one last opened in the app."


def _profile_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--profile", "-p", help=PROFILE_HELP, shell_complete=complete_from("profiles"))(
        function
    )


def _common(function: Callable[..., Any]) -> Callable[..., Any]:
    function = click.option("--no-input", is_flag=True, help="Never prompt; exit with 2 instead.")(function)
    function = click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")(
        function
    )
    return _profile_option(function)


def _sandbox_options(function: Callable[..., Any]) -> Callable[..., Any]:
    function = click.option(
        "--server-version",
        default="latest",
        show_default=True,
        help="Release of the sandbox's Collate, such as 1.6.2.",
    )(function)
    return click.option(
        "--scenario",
        default="",
        metavar="NAME",
        shell_complete=complete_from("scenarios"),
        help="What is broken in the sandbox; --scenario list prints all names. Default: nothing.",
    )(function)


def _merge(common: Common, profile: str | None, as_json: bool, no_input: bool) -> Common:
    return Common(
        profile=profile or common.profile,
        json=as_json or common.json,
        no_input=no_input or common.no_input,
        animation=common.animation,
    )


def _print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    import platform
    from importlib.metadata import PackageNotFoundError, version

    click.echo(f"dbtcollate {__version__}")
    click.echo(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    for name in LIBRARIES:
        try:
            click.echo(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    context.exit()


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"{SECRETS}\n\n{EXIT_CODES}",
)
@_profile_option
@click.option("--no-animation", is_flag=True, help="Turn off all motion in the app.")
@click.option(
    "/".join(SIGN_OPTIONS),
    default=None,
    help="Write with ASCII only, in the app and in commands; also after a command. Default: as the locale "
    "requires.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version, and those of Python and the main libraries.",
)
@click.pass_context
def dbtcollate(context: click.Context, profile: str | None, no_animation: bool, ascii: bool | None) -> None:
    """Sync metadata from dbt Cloud to Collate or OpenMetadata.

    Without a command, the app opens: guided setup, verification, troubleshooting and sync.
    """
    if ascii is not None:
        os.environ["DBTCOLLATE_ASCII"] = str(int(ascii))
        write_any_sign(only_ascii=ascii)
    context.obj = Common(profile=profile, animation=not no_animation)
    if context.invoked_subcommand is None:
        from dbtcollate_tui.tui.start import open_app

        context.exit(int(open_app(profile, animation=not no_animation)))


@dbtcollate.command()
@click.option("--headless", is_flag=True, help="Run the same steps without the app and print them.")
@_sandbox_options
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
    """Open the app on sample data.

    Starts a dbt Cloud and a Collate on this machine. No account is needed, and nothing leaves the machine.
    """
    common = _merge(context.obj, profile, as_json, no_input)
    from dbtcollate_tui import demonstration

    if scenario == "list":
        _list_scenarios()
    elif headless or as_json or not (has_screen() or only_errors_redirected()):
        context.exit(int(_run(common, lambda: demonstration.headless(scenario, server_version, common.json))))
    else:
        context.exit(int(demonstration.in_app(scenario, server_version, animation=common.animation)))


@dbtcollate.command()
@_sandbox_options
@click.pass_context
def sandbox(context: click.Context, scenario: str, server_version: str) -> None:
    """Run the sample servers alone, for other clients, until interrupted."""
    from dbtcollate_tui import demonstration

    if scenario == "list":
        _list_scenarios()
    else:
        context.exit(int(_run(context.obj, lambda: demonstration.serve(scenario, server_version))))


def _list_scenarios() -> None:
    from dbtcollate_tui.sandbox.scenarios import SCENARIOS

    for scenario in SCENARIOS.values():
        click.echo(f"{scenario.name:18} {scenario.sentence}")


@dbtcollate.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8580,
    show_default=True,
    help="Port on 127.0.0.1; 0 takes a free one.",
)
@click.option("--demo", is_flag=True, help="Open the demo instead of your profiles.")
@_profile_option
@click.pass_context
def serve(context: click.Context, port: int, demo: bool, profile: str | None) -> None:
    """Open the app in a browser on this machine.

    The page acts with your tokens and your keyring, so only this machine can reach it, with the key in the
    address that is printed. Paste in the page with Ctrl+Shift+V (Cmd+V on a Mac).
    """
    name = profile or context.obj.profile
    arguments = [*(["--profile", name] if name else []), *(["demo"] if demo else [])]
    try:
        from dbtcollate_tui.tui.serve import serve as serve_app
    except ModuleNotFoundError as error:
        raise UsageError(
            "dbtcollate serve needs the package textual-serve",
            causes=[str(error)],
            fixes=[Advice("pip install 'dbtcollate-tui[serve]'")],
        ) from error
    asyncio.run(serve_app(arguments, port))


@dbtcollate.command()
@click.option("--strict", is_flag=True, help="Treat warnings, and tests that failed in dbt, as failures.")
@click.option(
    "--check",
    "checks",
    multiple=True,
    metavar="ID",
    shell_complete=complete_from("checks"),
    help="Run only this check. Repeatable.",
)
@click.option("--requests", is_flag=True, help="Also print every request as a curl command without a token.")
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
    """Check the whole chain from dbt Cloud to Collate.

    Writes no metadata. Exits with 1 if a check failed, 3 if a token was refused, 4 if a server is down.
    """
    common = _merge(context.obj, profile, as_json, no_input)
    from dbtcollate_tui.headless import checks as headless_checks

    context.exit(
        int(
            _run(common, lambda: headless_checks.verify(common, strict=strict, ids=checks, requests=requests))
        )
    )


@dbtcollate.command()
@click.argument("name")
@click.option("--column", default="", metavar="COLUMN", help="Show only the facts of this column.")
@click.option("--mermaid", "graph", flag_value="mermaid", help="Print the lineage as a Mermaid graph.")
@click.option("--dot", "graph", flag_value="dot", help="Print the lineage as a Graphviz graph.")
@click.option(
    "--levels",
    type=click.IntRange(0, 3),
    default=2,
    show_default=True,
    help="Levels of lineage to show.",
)
@click.option("--run", "run_id", type=int, metavar="ID", help="dbt Cloud run. Default: the profile's rule.")
@_common
@click.pass_context
def explain(
    context: click.Context,
    name: str,
    column: str,
    graph: Literal["mermaid", "dot"] | None,
    levels: int,
    run_id: int | None,
    profile: str | None,
    as_json: bool,
    no_input: bool,
) -> None:
    """Explain one table: what dbt says, what Collate has, what the next sync does.

    NAME is a table, model, alias, unique_id, FQN, or a page address of Collate or dbt Cloud. Writes nothing.
    """
    common = _merge(context.obj, profile, as_json, no_input)
    from dbtcollate_tui.headless import explain as headless_explain

    options = headless_explain.ExplainOptions(column, graph or "", levels, run_id)
    context.exit(int(_run(common, lambda: headless_explain.explain(common, name, options))))


@dbtcollate.command()
@click.option(
    "--by",
    type=click.Choice(["schema", "folder", "group", "owner", "tag"]),
    default="schema",
    show_default=True,
    help="What each row is.",
)
@click.option(
    "--artifacts",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Read a dbt target folder instead of a profile; shows dbt's side alone.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a self-contained HTML page to this file.",
)
@click.option(
    "--fail-under",
    "floors",
    multiple=True,
    metavar="FACT=PERCENT",
    help="Exit with 7 if Collate has less of what dbt has. Repeatable.",
)
@_common
@click.pass_context
def coverage(
    context: click.Context,
    by: Literal["schema", "folder", "group", "owner", "tag"],
    artifacts: Path | None,
    as_csv: bool,
    html: Path | None,
    floors: tuple[str, ...],
    profile: str | None,
    as_json: bool,
    no_input: bool,
) -> None:
    """Count how much of what dbt declares is in Collate.

    Shows tables matched, described, owned, tagged, tested and with lineage, side by side. Writes nothing to
    a server.
    """
    common = _merge(context.obj, profile, as_json, no_input)
    from dbtcollate_tui.headless import explain as headless_explain

    async def work() -> ExitCode:
        options = headless_explain.CoverageOptions(
            by, artifacts, as_csv, html, headless_explain.read_floors(floors)
        )
        return await headless_explain.coverage(common, options)

    context.exit(int(_run(common, work)))


@dbtcollate.command()
@click.option(
    "--bundle",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write everything to this file, for a bug report.",
)
@_common
@click.pass_context
def doctor(
    context: click.Context, bundle: Path | None, profile: str | None, as_json: bool, no_input: bool
) -> None:
    """Show versions, folders, settings, reachable servers and the last errors.

    Reads no token; nothing secret is in the output. Exits with 4 if a server does not answer.
    """
    common = _merge(context.obj, profile, as_json, no_input)
    from dbtcollate_tui.headless import doctor as headless_doctor

    context.exit(int(_run(common, lambda: headless_doctor.doctor(common, bundle))))


@dbtcollate.command()
@click.argument("symptom", default="", shell_complete=complete_from("symptoms"))
@click.option("--list", "listed", is_flag=True, help="List the symptoms and exit.")
@click.option(
    "--support-message", is_flag=True, help="Also print a support message for the person who can fix it."
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a Markdown report to this file.",
)
@_common
@click.pass_context
def troubleshoot(
    context: click.Context,
    symptom: str,
    listed: bool,
    support_message: bool,
    report: Path | None,
    profile: str | None,
    as_json: bool,
    no_input: bool,
) -> None:
    """Find the cause of a symptom.

    Checks the chain for SYMPTOM up to the first broken stage; without one, the whole chain. Changes
    nothing. The report and the message hold no secret.
    """
    common = _merge(context.obj, profile, as_json, no_input)
    from dbtcollate_tui.headless import troubleshoot as headless_troubleshoot

    if listed:
        context.exit(int(headless_troubleshoot.symptoms(common)))
    work = partial(
        headless_troubleshoot.troubleshoot, common, symptom, report_to=report, support_message=support_message
    )
    context.exit(int(_run(common, work)))


def _run_options(function: Callable[..., Any]) -> Callable[..., Any]:
    run = click.option(
        "--run",
        "run_id",
        type=int,
        metavar="ID",
        help="dbt Cloud run to use. Default: by the profile's rule.",
    )
    return run(scope_options(function))


@dbtcollate.command()
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
    """Show every change that a direct sync would write.

    Prints old and new values and writes nothing.
    """
    common = _merge(context.obj, profile, as_json, no_input)
    from dbtcollate_tui.headless import plan as headless_plan

    def work() -> Awaitable[ExitCode]:
        return headless_plan.plan(common, run_id=run_id, scope=scope_of(scope))

    context.exit(int(_run(common, work)))


@dbtcollate.command()
@click.option("--all", "every", is_flag=True, help="Sync every profile; exit with the worst exit code.")
@click.option("--yes", is_flag=True, help="Write without asking. Required where nobody can be asked.")
@click.option(
    "--engine",
    type=click.Choice(["auto", "collate", "direct"]),
    default="auto",
    show_default=True,
    help="collate: run the pipeline in Collate. direct: write from this machine. "
    "auto: collate if this profile has a deployed pipeline, else direct.",
)
@click.option("--kill-on-interrupt", "kill", is_flag=True, help="On interrupt, also stop the run in Collate.")
@click.option("--wait", is_flag=True, help="Wait for a run of the dbt Cloud job that is in progress.")
@_run_options
@click.option(
    "--timeout",
    "timeout_minutes",
    type=click.FloatRange(min=0, min_open=True),
    metavar="MINUTES",
    help="Stop following a run after this long; it goes on. Default: 120 in CI, with --json or --no-input; "
    "else no limit.",
)
@_common
@click.pass_context
def sync(
    context: click.Context,
    /,
    every: bool,
    yes: bool,
    engine: Literal["auto", "collate", "direct"],
    kill: bool,
    wait: bool,
    run_id: int | None,
    timeout_minutes: float | None,
    profile: str | None,
    as_json: bool,
    no_input: bool,
    **scope: Any,
) -> None:
    """Bring Collate up to date and verify the result.

    Shows the plan, asks, writes only what changed, then verifies it in Collate.
    """
    common = replace(_merge(context.obj, profile, as_json, no_input), timeout_minutes=timeout_minutes)
    from dbtcollate_tui.headless import sync as headless_sync

    def work() -> Awaitable[ExitCode]:
        asked = scope_of(scope)
        if every:
            return headless_sync.sync_all(
                common, yes=yes, run_id=run_id, scope=asked, engine=engine, kill=kill, wait=wait
            )
        return headless_sync.sync(
            common, yes=yes, run_id=run_id, scope=asked, engine=engine, kill=kill, wait=wait
        )

    context.exit(int(_run(common, work)))


@dbtcollate.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8581,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option("--yes", is_flag=True, help="Write without asking. Required: nobody can be asked.")
@click.option(
    "--engine",
    type=click.Choice(["auto", "collate", "direct"]),
    default="auto",
    show_default=True,
    help="As for sync.",
)
@_common
@click.pass_context
def receive(
    context: click.Context,
    /,
    host: str,
    port: int,
    yes: bool,
    engine: Literal["auto", "collate", "direct"],
    profile: str | None,
    as_json: bool,
    no_input: bool,
) -> None:
    """Sync whenever dbt Cloud's webhook reports a completed run of the job.

    The webhook's secret is read from DBT_CLOUD_WEBHOOK_SECRET. dbt Cloud sends to https addresses: put a
    proxy with a certificate in front.
    """
    common = _merge(context.obj, profile, as_json, no_input)
    from dbtcollate_tui.headless import receive as headless_receive

    def work() -> Awaitable[ExitCode]:
        return headless_receive.receive(common, host=host, port=port, yes=yes, engine=engine)

    context.exit(int(_run(common, work)))


@dbtcollate.command("run-job")
@click.option("--wait", is_flag=True, help="Follow the run until it has finished.")
@click.option("--sync", "then_sync", is_flag=True, help="Then sync what it built; implies --wait.")
@click.option("--yes", is_flag=True, help="Run without asking. Required where nobody can be asked.")
@click.option("--job", "job_id", type=int, metavar="ID", help="Job to run. Default: the profile's job.")
@click.option("--retry", "retry_of", type=int, help="Failed run to retry from where it failed.")
@click.option(
    "--generate-docs/--no-generate-docs",
    "generate_docs",
    default=None,
    help="Generate docs in this run. Default: the job's own setting.",
)
@click.option("--command", "commands", multiple=True, help="Command to run instead of the job's. Repeatable.")
@click.option("--branch", default="", help="Git branch to run. Default: the environment's.")
@click.option("--commit", default="", help="Git commit to run.")
@click.option("--dbt-version", default="", help="dbt version or release track for this run.")
@click.option("--cause", default="", help="Reason that dbt Cloud shows with the run.")
@click.option("--cancel-on-interrupt", is_flag=True, help="On interrupt, also cancel the run in dbt Cloud.")
@click.option(
    "--timeout",
    "timeout_minutes",
    type=click.FloatRange(min=0, min_open=True),
    metavar="MINUTES",
    help="Stop following a run after this long; it goes on. Default: 120 in CI, with --json or --no-input; "
    "else no limit.",
)
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
    timeout_minutes: float | None,
    profile: str | None,
    as_json: bool,
    no_input: bool,
) -> None:
    """Run the profile's dbt Cloud job and follow it.

    A run of the job that is queued or in progress is followed, never doubled.
    """
    common = replace(_merge(context.obj, profile, as_json, no_input), timeout_minutes=timeout_minutes)
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


@dbtcollate.command()
@click.option("--yes", is_flag=True, help="Deploy without asking. Required where nobody can be asked.")
@click.option(
    "--reads",
    type=READS,
    help="What the pipeline reads: the job, each job with a pipeline of its own, or the project. "
    "Saved in the profile. Default: the profile's.",
)
@_common
@click.pass_context
def deploy(
    context: click.Context,
    yes: bool,
    reads: "PipelineReads | None",
    profile: str | None,
    as_json: bool,
    no_input: bool,
) -> None:
    """Create or update the ingestion pipeline in Collate.

    Shows what would change, asks, writes the pipeline with its token and deploys it.
    """
    common = _merge(context.obj, profile, as_json, no_input)
    from dbtcollate_tui.headless import sync as headless_sync

    context.exit(int(_run(common, lambda: headless_sync.deploy(common, yes=yes, reads=reads))))


@dbtcollate.command("ingest-tables")
@click.option("--yes", is_flag=True, help="Run without asking. Required where nobody can be asked.")
@click.option("--no-sync", is_flag=True, help="Stop after the agent's run instead of syncing.")
@_common
@click.pass_context
def ingest_tables(
    context: click.Context, yes: bool, no_sync: bool, profile: str | None, as_json: bool, no_input: bool
) -> None:
    """Bring missing tables into Collate, then sync.

    Shows the metadata agent of the database service (last run, schedule, filters) and what would change,
    asks, runs the agent and follows it. A schema may be added to its include pattern; no pattern is replaced.
    """
    common = _merge(context.obj, profile, as_json, no_input)
    from dbtcollate_tui.headless import ingest_tables as command

    context.exit(int(_run(common, lambda: command.ingest_tables(common, yes=yes, then_sync=not no_sync))))


@dbtcollate.command()
@click.argument("kind", type=click.Choice(["yaml", "pipeline", "curl", "connector"]))
@_profile_option
@click.pass_context
def export(
    context: click.Context, kind: Literal["yaml", "pipeline", "curl", "connector"], profile: str | None
) -> None:
    """Print the pipeline for use elsewhere.

    yaml: for OpenMetadata's "metadata ingest". pipeline: the request body as JSON. curl: a shell script.
    connector: OpenMetadata's own dbt Cloud connector, which shows job runs. Tokens are environment variables.
    """
    common = _merge(context.obj, profile, False, False)
    from dbtcollate_tui.headless import sync as headless_sync

    context.exit(int(_run(common, lambda: headless_sync.export(common, kind))))


@dbtcollate.command()
@_common
@click.pass_context
def status(context: click.Context, profile: str | None, as_json: bool, no_input: bool) -> None:
    """Show the last sync, the run that would be used now, and whether Collate is behind."""
    common = _merge(context.obj, profile, as_json, no_input)
    from dbtcollate_tui.headless import status as headless_status

    context.exit(int(_run(common, lambda: headless_status.status(common))))


@dbtcollate.command(epilog=SECRETS)
@click.option("--dbt-cloud", "dbt_cloud", required=True, metavar="URL", help="URL of any dbt Cloud page.")
@click.option("--collate", required=True, metavar="URL", help="URL of any page of Collate.")
@click.option("--account", type=int, metavar="ID", help="dbt Cloud account, if the token sees several.")
@click.option("--project", type=int, metavar="ID", help="dbt Cloud project, if there are several.")
@click.option(
    "--job",
    metavar="ID|NAME",
    shell_complete=complete_from("jobs"),
    help="dbt Cloud job. Default: the suggested one.",
)
@click.option("--any-job", is_flag=True, help="Use the latest run of any job of the project.")
@click.option(
    "--service", default="", metavar="NAME", help="Database service in Collate. Default: suggested."
)
@click.option(
    "--schedule",
    default="propose",
    show_default=True,
    metavar="CRON",
    help='Schedule of the pipeline in Collate: a cron expression, "propose" or "none".',
)
@click.option(
    "--also-job",
    "jobs",
    type=int,
    multiple=True,
    metavar="ID",
    help="Further job of the same environment, whose latest run adds what the job's run lacks. Repeatable.",
)
@click.option(
    "--reads",
    type=READS,
    default="job",
    show_default=True,
    help="What the pipeline in Collate reads: the job, each job with a pipeline of its own, or the project.",
)
@click.option("--name", default="", help="Name of the profile. Default: from the project and the job.")
@click.option("--overwrite", is_flag=True, help="Replace an existing profile of this name.")
@click.option(
    "--allow-http",
    is_flag=True,
    help="Allow Collate over plain http: the tokens and all metadata travel unencrypted.",
)
@_common
@click.pass_context
def setup(
    context: click.Context,
    dbt_cloud: str,
    collate: str,
    account: int | None,
    project: int | None,
    job: str | None,
    any_job: bool,
    service: str,
    schedule: str,
    jobs: tuple[int, ...],
    reads: "PipelineReads",
    name: str,
    overwrite: bool,
    allow_http: bool,
    profile: str | None,
    as_json: bool,
    no_input: bool,
) -> None:
    """Create a profile without the app.

    Needs two URLs and two tokens; asks both servers for the rest. Changes no metadata.
    """
    common = _merge(context.obj, profile, as_json, no_input)
    from dbtcollate_tui.headless import setup as headless_setup
    from dbtcollate_tui.setup.unattended import Answers

    answers = Answers(
        dbt_cloud_address=dbt_cloud,
        collate_address=collate,
        account_id=account,
        project_id=project,
        job_id=int(job) if job and job.isdecimal() else None,
        job_name="" if job is None or job.isdecimal() else job,
        any_job=any_job,
        service=service,
        schedule=None if schedule == "none" else schedule,
        reads=reads,
        jobs=jobs,
        profile_name=name or common.profile or "",
        allow_http=allow_http,
    )
    context.exit(int(_run(common, lambda: headless_setup.set_up(common, answers, overwrite=overwrite))))


@dbtcollate.group(invoke_without_command=True)
@click.option(
    "--action",
    type=click.Choice(["sync", "deploy", "verify", "troubleshoot"]),
    help="Show only this kind.",
)
@click.option(
    "--limit", type=click.IntRange(1), default=50, show_default=True, help="Maximum number of records."
)
@_common
@click.pass_context
def history(
    context: click.Context,
    action: Literal["sync", "deploy", "verify", "troubleshoot"] | None,
    limit: int,
    profile: str | None,
    as_json: bool,
    no_input: bool,
) -> None:
    """List the syncs, deployments and checks of the last 90 days, latest first."""
    common = context.obj = _merge(context.obj, profile, as_json, no_input)
    if context.invoked_subcommand is None:
        from dbtcollate_tui.headless import history as headless_history

        context.exit(int(_run(common, lambda: headless_history.history(common, action=action, limit=limit))))


@history.command("show")
@click.argument("record_id", metavar="ID")
@_common
@click.pass_context
def history_show(
    context: click.Context, record_id: str, profile: str | None, as_json: bool, no_input: bool
) -> None:
    """Show one record: outcome, failures with their causes, plan and log.

    The end of the ID is enough.
    """
    common = _merge(context.obj, profile, as_json, no_input)
    from dbtcollate_tui.headless import history as headless_history

    context.exit(int(_run(common, lambda: headless_history.show(common, record_id))))


@dbtcollate.group(invoke_without_command=True)
@_common
@click.pass_context
def profiles(context: click.Context, profile: str | None, as_json: bool, no_input: bool) -> None:
    """List the profiles and their folder."""
    common = context.obj = _merge(context.obj, profile, as_json, no_input)
    if context.invoked_subcommand is None:
        from dbtcollate_tui.headless import status as headless_status

        context.exit(int(_run(common, lambda: headless_status.profiles(common))))


@profiles.command("default")
@click.argument("name", default="", shell_complete=complete_from("profiles"))
@click.option("--clear", is_flag=True, help="Go back to the profile last opened in the app.")
@click.pass_context
def profiles_default(context: click.Context, name: str, clear: bool) -> None:
    """Show or pin the profile that commands use without --profile."""
    from dbtcollate_tui.headless import status as headless_status

    context.exit(int(_run(context.obj, lambda: headless_status.pin_default(name, clear=clear))))


@dbtcollate.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.pass_context
def config(context: click.Context, as_json: bool) -> None:
    """Show where settings, state, cache and log are kept."""
    common = context.obj = _merge(context.obj, None, as_json, False)
    if context.invoked_subcommand is None:
        from dbtcollate_tui.headless import config as headless_config

        context.exit(int(_run(common, lambda: headless_config.show(common))))


@config.command("edit")
@click.argument("what", default="keys", metavar="[keys|PROFILE]", shell_complete=complete_from("profiles"))
@click.pass_context
def config_edit(context: click.Context, what: str) -> None:
    """Open keys.toml or a profile in $EDITOR and check it afterwards."""
    from dbtcollate_tui.headless import config as headless_config

    context.exit(int(_run(context.obj, lambda: headless_config.edit(what))))


@dbtcollate.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash:  eval "$(dbtcollate completion bash)"    in ~/.bashrc
    zsh:   eval "$(dbtcollate completion zsh)"     in ~/.zshrc
    fish:  dbtcollate completion fish | source     in ~/.config/fish/config.fish
    """
    from dbtcollate_tui.completion import script_for

    click.echo(script_for(dbtcollate, shell))


@dbtcollate.command("help")
@click.argument("topic", default="", metavar="[TOPIC]", shell_complete=complete_from("topics"))
def help_topic(topic: str) -> None:
    """Read the documentation by topic.

    Lists the topics without TOPIC. Prints Markdown if the output is not a terminal.
    """
    from dbtcollate_tui.headless import help as headless_help

    headless_help.show(topic)


@dbtcollate.command()
@click.option("--path", is_flag=True, help="Print only the path of the log file.")
def logs(path: bool) -> None:
    """Show the end of the log file."""
    from dbtcollate_tui.log import log_path

    place = log_path()
    click.echo(safe(str(place)))
    if not path and place.exists():
        lines = place.read_text(encoding="utf-8", errors="replace").splitlines()
        click.echo(safe("\n".join(lines[-100:])))


def _run(common: Common, work: Callable[[], Awaitable[ExitCode]]) -> ExitCode:
    """Run a headless command to its end; every error becomes a card and an exit code."""
    from dbtcollate_tui.folders import own as own_folders
    from dbtcollate_tui.log import LOGGER, log_path, start_logging
    from dbtcollate_tui.private_files import remove_abandoned
    from dbtcollate_tui.render.ndjson import NdjsonRenderer
    from dbtcollate_tui.settings.secrets import tokens_kept_from_children

    try:
        start_logging()
    except OSError as error:
        click.echo(safe(f"No log file: {error}"), err=True)
    try:
        remove_abandoned(own_folders())
        with tokens_kept_from_children():
            return asyncio.run(_until_signal(work))
    except ActionableError as error:
        if common.json:
            NdjsonRenderer(sys.stdout).error(error)
        else:
            click.echo(safe(error.as_text(common.profile or "")), err=True)
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


def _signs_first(arguments: Sequence[str]) -> list[str]:
    """The arguments, with what chooses the signs in front: it may stand after a command, too."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    chosen = [argument for argument in arguments[:end] if argument in SIGN_OPTIONS]
    rest = [argument for argument in arguments[:end] if argument not in SIGN_OPTIONS]
    return [*chosen, *rest, *arguments[end:]]


def run(arguments: Sequence[str]) -> int:
    """Parse the arguments, run the command, give the exit code."""
    try:
        result = dbtcollate.main(
            args=_signs_first(arguments),
            prog_name="dbtcollate",
            complete_var=COMPLETE_VARIABLE,
            standalone_mode=False,
        )
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
