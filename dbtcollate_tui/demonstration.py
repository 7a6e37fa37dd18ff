"""``dbtcollate demo`` and ``dbtcollate sandbox``: the embedded servers, and the main job on them."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.platforms import leaving_on_signals
from dbtcollate_tui.sandbox.collate.seed import SERVICE
from dbtcollate_tui.sandbox.scenarios import HEALTHY
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import SampleAnswers, Services
from dbtcollate_tui.settings.state import StateStore
from dbtcollate_tui.settings.store import ProfileStore

FOLDERS = ("CONFIG", "STATE", "CACHE")


def sample_answers(sandbox: Sandbox) -> SampleAnswers:
    """The answers that lead through the setup on this sandbox."""
    return SampleAnswers(
        dbt_cloud_address=f"{sandbox.dbt_cloud_url}/deploy/{sandbox.account_id}/projects/{sandbox.project_id}",
        collate_address=sandbox.collate_url,
        job_id=sandbox.job_id,
        service=SERVICE,
        scenario=scenario_words(sandbox),
    )


def scenario_words(sandbox: Sandbox) -> str:
    """Which scenario the sandbox plays and what it breaks; empty for the healthy one."""
    scenario = sandbox.scenario
    return "" if scenario is HEALTHY else f"Scenario {scenario.name}: {scenario.sentence}"


@contextmanager
def _own_folders() -> Iterator[Services]:
    """Stores in a temporary folder, so that the demo touches none of the person's profiles."""
    kept = {name: os.environ.get(f"DBTCOLLATE_{name}_DIR") for name in FOLDERS}
    with tempfile.TemporaryDirectory(prefix="dbtcollate-demo-") as folder:
        for name in FOLDERS:
            os.environ[f"DBTCOLLATE_{name}_DIR"] = str(Path(folder) / name.lower())
        try:
            state = StateStore()
            services = Services(profiles=ProfileStore(state=state), state=state, uses_keyring=False)
            for side in ("dbt_cloud", "collate"):
                services.secrets.ignore_environment(side)
            yield services
        finally:
            for name, value in kept.items():
                if value is None:
                    os.environ.pop(f"DBTCOLLATE_{name}_DIR", None)
                else:
                    os.environ[f"DBTCOLLATE_{name}_DIR"] = value


async def headless(scenario: str, server_version: str, as_json: bool) -> ExitCode:
    """The main job without a terminal: setup with the sample answers, checklist, plan, sync, verification."""
    from dbtcollate_tui.checks.context import CheckContext
    from dbtcollate_tui.fixes import Step
    from dbtcollate_tui.headless.checks import report_checks
    from dbtcollate_tui.headless.common import renderer
    from dbtcollate_tui.headless.plan import plan_and_write
    from dbtcollate_tui.setup.guided import GuidedSetup
    from dbtcollate_tui.setup.unattended import answer_all, answers_of

    out = renderer(as_json)
    with _own_folders() as services:
        async with Sandbox(scenario, server_version) as sandbox:
            for line in sandbox.describe():
                out.say(line)

            def print_step(step: Step, words: str) -> None:
                out.say(f"  {step.value.replace('_', ' '):10}  {words}")

            out.say("Setup")
            async with GuidedSetup(services) as setup:
                profile = await answer_all(
                    setup,
                    answers_of(sample_answers(sandbox)),
                    sandbox.dbt_cloud_token,
                    sandbox.collate_token,
                    on_step=print_step,
                )
                async with setup.connections() as connections:
                    out.say("Verification before the sync")
                    await report_checks(out, CheckContext(profile, connections, services))
                    code = await plan_and_write(out, services, profile, connections, yes=True)
                    out.say("Verification after the sync")
                    checked = await report_checks(out, CheckContext(profile, connections, services))
    return code if code is not ExitCode.OK else checked


def in_app(scenario: str, server_version: str, *, animation: bool) -> ExitCode:
    """The app on a fresh sandbox, with the sample tokens offered on the welcome screen."""
    from dbtcollate_tui.tui.keys import keys_file
    from dbtcollate_tui.tui.start import require_screen, run_app

    require_screen()
    keys = keys_file(ProfileStore())
    with leaving_on_signals(), _own_folders() as services:
        sandbox = Sandbox(scenario, server_version)
        sandbox.start()
        try:
            return run_app(
                services,
                sample=sample_answers(sandbox),
                sample_secrets={"dbt_cloud": sandbox.dbt_cloud_token, "collate": sandbox.collate_token},
                animation=animation,
                keys=keys,
            )
        finally:
            sandbox.stop()


async def serve(scenario: str, server_version: str) -> ExitCode:
    """The sandbox alone, until the command is interrupted."""
    async with Sandbox(scenario, server_version) as sandbox:
        for line in sandbox.describe():
            sys.stdout.write(line + "\n")
        sys.stdout.flush()
        await asyncio.Event().wait()
    return ExitCode.OK
