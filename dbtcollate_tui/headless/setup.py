"""The guided setup without the app: the answers from options, the tokens from the environment or a prompt."""

import asyncio
import getpass
import tempfile
from pathlib import Path

from dbtcollate_tui.command_options import Common
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.fixes import Advice, Step
from dbtcollate_tui.headless.common import renderer, say_waits_for_keyring
from dbtcollate_tui.pasted import clean_secret
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.settings.secrets import ENV, LABELS, FoundSecret, Origin, Side, kept_words
from dbtcollate_tui.settings.state import StateStore
from dbtcollate_tui.setup.guided import GuidedSetup
from dbtcollate_tui.setup.unattended import Answers, answer_all


async def set_up(common: Common, answers: Answers, *, overwrite: bool) -> ExitCode:
    """Ask both servers what the answers leave open, and write the profile; no metadata is changed.

    Tokens of the environment are kept nowhere, typed ones in the keyring once the servers took them. Raises
    `UsageError` where a choice is open, a token is missing, or the profile is there and ``overwrite`` is not
    set; and what the servers say.
    """
    out = renderer(common.json, profile=common.profile)
    services = Services()
    if answers.profile_name and not overwrite:
        await _refuse_taken(services, answers.profile_name)
    dbt_token, collate_token = (
        await _token(common, services, "dbt_cloud"),
        await _token(common, services, "collate"),
    )

    def print_step(step: Step, words: str) -> None:
        out.note(f"  {step.value.replace('_', ' '):10}  {words}")

    with tempfile.TemporaryDirectory(prefix="dbtcollate-setup-") as folder:
        aside = Services(services.profiles, StateStore(Path(folder)))
        say_waits_for_keyring(aside)
        async with GuidedSetup(aside) as setup:
            profile = await answer_all(
                setup,
                answers,
                dbt_token.secret,
                collate_token.secret,
                where="keyring",
                origins={"dbt_cloud": dbt_token.origin, "collate": collate_token.origin},
                on_step=print_step,
                overwrite=overwrite,
            )
            where: Origin = "session" if setup.not_kept is not None else "keyring"
            tokens = kept_words(
                where if setup.tokens_to_keep else "environment", aside.secrets.backend, setup.not_kept
            )
    facts = {"name": profile.name, "path": str(services.profiles.path(profile.name)), "tokens": tokens}
    out.facts("profile", facts)
    return ExitCode.OK


async def _refuse_taken(services: Services, name: str) -> None:
    if name in await asyncio.to_thread(services.profiles.names):
        raise UsageError(
            f"There is already a profile {name}",
            fixes=[Advice("Give another --name, or replace it with --overwrite.")],
        )


async def _token(common: Common, services: Services, side: Side) -> FoundSecret:
    found = services.secrets.from_environment(side)
    if found is not None:
        return found
    if not common.may_ask:
        raise UsageError(
            f"There is no {LABELS[side]}",
            causes=[f"{ENV[side]} is not set, and nobody can be asked here."],
            fixes=[Advice(f"Set {ENV[side]} in the environment of this command.")],
        )
    typed = await asyncio.to_thread(getpass.getpass, f"{LABELS[side]} (not shown): ")
    return FoundSecret(clean_secret(typed).secret, "session")
