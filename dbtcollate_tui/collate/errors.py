"""What OpenMetadata's answers mean: transport errors become errors a person can act on."""

import json
import re
from typing import NoReturn

from dbtcollate_tui.collate.plain_text import plain_text
from dbtcollate_tui.collate.server_words import CollateSays, collate_says, refused_operations
from dbtcollate_tui.errors import ActionableError, AuthError, UnreachableError
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.fixes import RETRY, Advice, EnterToken, Fix, GoToStep, Retry, Step
from dbtcollate_tui.printable import safe
from dbtcollate_tui.redact import redact
from dbtcollate_tui.transport.errors import ForeignRedirect, HttpError, NoAnswer, NotJson, TransportError

GATEWAY_STATUSES = (502, 503, 504)
"""What a gateway answers for a server that is down or too slow."""
_GUARD_STATUSES = frozenset({400, 409, 412, 422, 500})
BOTS_PAGE = "Settings → Bots → ingestion-bot → Token"
PERSONAL_TOKENS_PAGE = "your profile → Access Tokens → Generate New Token"
"""Only admins see Bots; source of both: docs.open-metadata.org, API Reference, Authentication."""


class CollateError(ActionableError):
    """The server answered with a refusal; ``status`` is the HTTP status, ``message`` its own words."""

    def __init__(
        self,
        title: str,
        *,
        status: int,
        message: str,
        causes: tuple[str, ...] = (),
        fixes: tuple[Fix, ...] = (),
        evidence: tuple[str, ...] = (),
    ) -> None:
        super().__init__(title, causes=causes, fixes=fixes, evidence=evidence)
        self.status = status
        self.message = message


class NotFoundError(CollateError):
    """404: the entity is not there."""


class ConflictError(CollateError):
    """409 or 412: it is there already, or changed meanwhile."""


class GuardFailedError(ConflictError):
    """A patch's ``test`` operation failed: the value changed since it was read. Nothing was written."""


class InvalidRequestError(CollateError):
    """400, 413, 422: the server does not take the request."""


class TooLongError(InvalidRequestError):
    """A name or a text is longer than the server stores."""


class ExclusiveTagsError(InvalidRequestError):
    """Two tags exclude each other on one entity."""


class NotSpokenError(CollateError):
    """This version of the server does not have the call."""


class PlanLimitError(CollateError):
    """429 that speaks of a limit of features: the Collate plan does not hold more of this."""


class TooManyRequestsError(CollateError):
    """429 that does not: what was sent came too fast, also after the pauses that were asked for."""


class ServerFailedError(CollateError):
    """500 and above: the server failed."""


class SearchDownError(ServerFailedError):
    """500, since the search index does not answer: it is needed for some reads and writes."""


class ForbiddenError(AuthError):
    """403: the token is good, but a policy forbids the operation."""


class TokenError(AuthError):
    """401: the server does not take the token."""


def whole_message(error: HttpError) -> str:
    """The server's own words, redacted, as far as they were read."""
    body = error.json()
    text = ""
    if isinstance(body, dict):
        text = str(body.get("message") or body.get("responseMessage") or body.get("reason") or "")
    if not text:
        match = re.search(
            r'"(?:message|responseMessage)"\s*:\s*("(?:[^"\\]|\\.)*)', error.body.decode("utf-8", "replace")
        )
        if match is not None:
            try:
                text = str(json.loads(match.group(1) + '"'))
            except ValueError:
                text = match.group(1)
    return safe(text or error.body.decode("utf-8", "replace"))


def server_message(error: HttpError) -> str:
    """The server's own words as a person reads them: redacted, one line, at most 300 characters."""
    return plain_text(whole_message(error))[:300]


def _says(error: HttpError) -> frozenset[CollateSays]:
    """What the whole message means; a long one is looked at from both ends."""
    return collate_says(f"{whole_message(error)} {safe(error.ending.decode('utf-8', 'replace'))}")


def is_speed_limit(error: HttpError) -> bool:
    """Whether a 429 asks for a pause: it says how long, or its words speak of no limit of features."""
    return error.retry_after is not None or CollateSays.PLAN_LIMIT not in collate_says(server_message(error))


def evidence_of(error: HttpError) -> str:
    """One line: method, path, status, the server's words."""
    words = server_message(error)
    record = error.record
    line = f"{record.method} {record.host}{record.path} answered {error.status}"
    return f'{line} "{words}"' if words else line


def raise_for(error: TransportError, *, doing: str, version: str = "") -> NoReturn:
    """Raise the actionable error that ``error`` means; ``doing`` completes "Could not …"."""
    raise explain(error, doing=doing, version=version) from error


def explain(error: TransportError, *, doing: str, version: str = "") -> ActionableError:
    """The actionable error that ``error`` means."""
    if isinstance(error, HttpError):
        return _explain_status(error, doing, version)
    if isinstance(error, NoAnswer):
        return _explain_silence(error)
    if isinstance(error, NotJson):
        kind = error.content_type.split(";")[0] or "no content type"
        return UnreachableError(
            f"{error.record.host} is not the API of Collate or OpenMetadata",
            causes=[
                "The address is that of another web site, or a proxy or sign-in page answers in its place.",
            ],
            evidence=[
                f"{error.record.method} {error.record.path} answered {error.record.status} with {kind}"
            ],
            fixes=[
                GoToStep("Enter another address", Step.COLLATE),
                Advice("Paste the address of any page of Collate from the browser."),
                RETRY,
            ],
        )
    if isinstance(error, ForeignRedirect):
        return UnreachableError(
            f"{error.record.host} redirects to another host",
            causes=["It has moved, or a sign-in page comes first. The token was not sent there."],
            evidence=[f"{error.record.method} {error.record.path} → {error.location}"],
            fixes=[GoToStep("Enter the new address", Step.COLLATE), RETRY],
        )
    return UnreachableError(redact(str(error)), fixes=[RETRY])


def _explain_status(error: HttpError, doing: str, version: str) -> ActionableError:
    words = server_message(error)
    says = _says(error)
    evidence = (evidence_of(error),)
    status = error.status
    if CollateSays.GUARD_FAILED in says and error.record.method == "PATCH" and status in _GUARD_STATUSES:
        return GuardFailedError(
            f"Could not {doing}: it changed in Collate since it was read",
            status=status,
            message=words,
            causes=("Somebody else wrote the same value since it was read. Nothing was written.",),
            evidence=evidence,
            fixes=(Retry("Plan again"),),
        )
    if status in (401, 500) and CollateSays.TOKEN_OF_OTHER_SERVER in says:
        return TokenError(
            "The Collate token belongs to another server",
            causes=["It was made by another Collate or OpenMetadata server than this one."],
            evidence=evidence,
            fixes=[
                EnterToken("Enter another token", "collate"),
                Advice(f"On this server, {BOTS_PAGE} shows the bot's token."),
                RETRY,
            ],
        )
    if status == 401 or (status == 500 and CollateSays.TOKEN_REFUSED in says):
        expired = CollateSays.TOKEN_EXPIRED in says
        return TokenError(
            "The Collate token has expired" if expired else "Collate does not accept the token",
            causes=(
                ["Its expiry date has passed."]
                if expired
                else [
                    "It was revoked or replaced, or part of it is missing.",
                    "It belongs to another Collate or OpenMetadata server.",
                ]
            ),
            evidence=evidence,
            fixes=[
                EnterToken("Enter another token", "collate"),
                Advice(f"{BOTS_PAGE} shows the bot's token and creates a new one."),
                RETRY,
            ],
        )
    if status == 403 or (status == 500 and CollateSays.FORBIDDEN in says):
        refused = refused_operations(words)
        operation = f" (operation {refused})" if refused else ""
        return ForbiddenError(
            f"The Collate token may not {doing}{operation}",
            causes=["No policy of the bot's roles allows it, or one denies it."],
            evidence=evidence,
            fixes=[
                Advice("Give the bot the role Ingestion bot role, or a policy with this operation."),
                EnterToken("Enter another token", "collate"),
                RETRY,
            ],
        )
    missing = (status == 500 and CollateSays.CALL_UNKNOWN in says) or (
        status == 404 and CollateSays.CALL_NOT_FOUND in says
    )
    if status == 405 or missing:
        spoken = f"OpenMetadata {version}" if version else "This version of OpenMetadata"
        return NotSpokenError(
            f"{spoken} cannot {doing}",
            status=status,
            message=words,
            causes=("The request needs a later version.",),
            evidence=evidence,
        )
    if status in (400, 500) and CollateSays.TOO_LONG in says:
        return TooLongError(
            f"Could not {doing}: a name or a text is too long for this server",
            status=status,
            message=words,
            causes=(f"Collate says: {words}",),
            evidence=evidence,
            fixes=(Advice("Shorten it in dbt. A dbt test can have its own name (name:)."),),
        )
    if status in (400, 500) and CollateSays.TAGS_EXCLUSIVE in says:
        return ExclusiveTagsError(
            f"Could not {doing}: {words}",
            status=status,
            message=words,
            causes=("The tags belong to a classification of which an asset has one tag.",),
            evidence=evidence,
            fixes=(RETRY,),
        )
    said = (f"Collate says: {words}",) if words else ()
    if status == 404 or (status == 500 and CollateSays.ENTITY_NOT_FOUND in says):
        return NotFoundError(
            f"Could not {doing}: not found in Collate",
            status=status,
            message=words,
            causes=said,
            evidence=evidence,
            fixes=(RETRY,),
        )
    if status in (409, 412):
        return ConflictError(
            f"Could not {doing}: it already exists or changed in Collate",
            status=status,
            message=words,
            causes=said,
            evidence=evidence,
            fixes=(RETRY,),
        )
    if status == 429 and is_speed_limit(error):
        return TooManyRequestsError(
            f"Could not {doing}: Collate asks for a pause",
            status=status,
            message=words,
            causes=("The server, or a proxy in front of it, received too many requests.",),
            evidence=evidence,
            fixes=(RETRY,),
        )
    if status == 429:
        return PlanLimitError(
            f"Could not {doing}: a limit of the Collate plan is reached",
            status=status,
            message=words,
            causes=("This is a limit of the plan, not a rate limit, so waiting does not help.",),
            evidence=evidence,
            fixes=(Advice("Settings → Preferences → Plan shows the limits and their use."),),
        )
    if status < 500:
        return InvalidRequestError(
            f"Could not {doing}: {words}" if words else f"Could not {doing}: Collate refused",
            status=status,
            message=words,
            evidence=evidence,
            fixes=(RETRY,),
        )
    if status == 500 and CollateSays.SEARCH_DOWN in says:
        return SearchDownError(
            f"Could not {doing}: Collate's search does not answer",
            status=status,
            message=words,
            causes=("The search index (Elasticsearch or OpenSearch) behind the server is down.",),
            evidence=evidence,
            fixes=(RETRY,),
        )
    failed = ServerFailedError(
        f"Could not {doing}: Collate failed",
        status=status,
        message=words,
        causes=(*said, "A part of the server is down or overloaded (database, search, pipeline service)."),
        evidence=evidence,
        fixes=(RETRY,),
    )
    if status in GATEWAY_STATUSES:
        failed.exit_code = ExitCode.UNREACHABLE
    return failed


_SILENCE = {
    "name": (
        "The host {host} is not known",
        "The URL is misspelled, or only known inside a VPN.",
    ),
    "refused": ("{host} refuses connections", "The server is down, or it listens on another port."),
    "timeout": (
        "{host} did not answer in time",
        "It is overloaded, or a firewall drops the packets.",
    ),
    "tls": (
        "No secure connection to {host}",
        "Its certificate is not trusted here, often a proxy's.",
    ),
    "proxy": ("The proxy before {host} failed", "The proxy's address or its password is wrong."),
    "closed": ("{host} closed the connection", "The server restarted, or something on the way cut it off."),
    "too large": ("{host} sent more than an answer holds", "The server or a proxy sends something else."),
    "unreadable": ("{host} sent an answer that cannot be read", "A proxy changed or broke it."),
}


def _explain_silence(error: NoAnswer) -> UnreachableError:
    title, cause = _SILENCE[error.kind]
    fixes: list[Fix] = [RETRY, GoToStep("Enter another address", Step.COLLATE)]
    if error.kind == "tls":
        fixes.insert(0, Advice("Set SSL_CERT_FILE to a bundle with your company's certificate."))
    return UnreachableError(
        title.format(host=error.host),
        causes=[cause],
        evidence=[safe(error.detail)],
        fixes=fixes,
        kind=error.kind,
    )
