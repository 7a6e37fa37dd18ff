"""Errors a person can act on: a title, causes, fixes and evidence, as plain values."""

from collections.abc import Sequence
from typing import Literal

from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.fix_commands import in_words
from dbtcollate_tui.fixes import Advice, Fix, fix_as_dict
from dbtcollate_tui.printable import one_line

NoAnswerKind = Literal["name", "refused", "timeout", "tls", "proxy", "closed", "too large", "unreadable"]
"""Why a server gave no answer: DNS, refused, too slow, certificate, proxy, connection closed."""


class ActionableError(Exception):
    """What is broken in one line, its causes likeliest first, the evidence and the fixes.

    Texts hold no secret: the code that raises it redacts first.
    """

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(
        self,
        title: str,
        *,
        causes: Sequence[str] = (),
        fixes: Sequence[Fix] = (),
        evidence: Sequence[str] = (),
        exit_code: ExitCode | None = None,
    ) -> None:
        super().__init__(title)
        self.title = title
        self.causes = tuple(causes)
        self.fixes = tuple(fixes)
        self.evidence = tuple(evidence)
        if exit_code is not None:
            self.exit_code = exit_code

    def as_text(self, profile: str = "") -> str:
        """The whole card as plain lines, for a terminal without the app; its fixes name commands."""
        lines = [self.title]
        for number, cause in enumerate(self.causes):
            lines.append(f"  {'Cause' if number == 0 else 'Or':9} {cause}")
        lines.extend(f"  {'Evidence':9} {item}" for item in self.evidence)
        lines.extend(f"  {'Fix':9} {in_words(fix, profile)}" for fix in self.fixes)
        return "\n".join(one_line(line) for line in lines)

    def as_dict(self) -> dict[str, object]:
        """The card as JSON values, for ``--json``."""
        return {
            "title": self.title,
            "causes": list(self.causes),
            "fixes": [fix_as_dict(fix) for fix in self.fixes],
            "evidence": list(self.evidence),
        }


class UsageError(ActionableError):
    """The command line, the profile or an answer is missing or wrong."""

    exit_code = ExitCode.USAGE


class AuthError(ActionableError):
    """A token was refused or lacks a permission."""

    exit_code = ExitCode.AUTH


class UnreachableError(ActionableError):
    """A server could not be reached, or did not answer in time.

    Args:
        kind: Why there was no answer; ``None`` where the server did answer.
        brief: The title for a line that already names the host. Default: the title.
    """

    exit_code = ExitCode.UNREACHABLE

    def __init__(
        self,
        title: str,
        *,
        causes: Sequence[str] = (),
        fixes: Sequence[Fix] = (),
        evidence: Sequence[str] = (),
        exit_code: ExitCode | None = None,
        kind: NoAnswerKind | None = None,
        brief: str = "",
    ) -> None:
        super().__init__(title, causes=causes, fixes=fixes, evidence=evidence, exit_code=exit_code)
        self.kind = kind
        self.brief = brief or title


def cannot_listen(host: str, port: int, error: OSError) -> UnreachableError:
    """The card of a port that cannot be listened on."""
    return UnreachableError(
        f"Could not listen on port {port} of {host}",
        causes=[f"{error.strerror or error}"],
        fixes=[Advice("Choose another port with --port, or 0 for a free one.")],
    )
