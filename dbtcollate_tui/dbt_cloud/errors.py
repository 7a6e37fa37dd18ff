"""What a failed request to dbt Cloud means: causes, evidence and fixes as cards.

The rules come from dbt's own error bodies (401 "Invalid token.", 403 "Token is not scoped to account."),
dbt's pages on tokens and limits, and the guide's troubleshooting table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import SecretStr, ValidationError

from dbtcollate_tui.dbt_cloud.error_bodies import (
    blocked_account,
    is_hint_at_permissions,
    is_ip_restricted,
    is_wrong_account,
    reasons,
    user_message,
)
from dbtcollate_tui.dbt_cloud.models import Account
from dbtcollate_tui.dbt_cloud.pages import (
    ACCESS_URL_PLACE,
    GROUPS_PLACE,
    IP_RESTRICTIONS_PLACE,
    SERVICE_TOKENS_PLACE,
    account_settings,
)
from dbtcollate_tui.dbt_cloud.regions import host_kind, is_known_dbt_host
from dbtcollate_tui.dbt_cloud.tokens import token_shape
from dbtcollate_tui.errors import ActionableError, AuthError, UnreachableError
from dbtcollate_tui.fixes import (
    RETRY,
    ChooseRun,
    EnterToken,
    Fix,
    GoToStep,
    OpenUrl,
    ProfileField,
    Retry,
    SetField,
    Step,
)
from dbtcollate_tui.printable import safe
from dbtcollate_tui.redact import redact
from dbtcollate_tui.transport.errors import ForeignRedirect, HttpError, NoAnswer, NotJson, TransportError
from dbtcollate_tui.transport.request_log import RequestRecord

What = Literal[
    "accounts",
    "account",
    "projects",
    "jobs",
    "job",
    "runs",
    "run",
    "environments",
    "connections",
    "connection",
    "artifacts",
    "artifact",
    "run of job",
    "cancel",
    "retry",
]
WRITES: frozenset[What] = frozenset({"run of job", "cancel", "retry"})
"""Calls that start or stop a run: they need more than a permission to read."""
ADD_PERMISSION = "Open the account's settings to add the permission"


class TokenRefused(AuthError):
    """401: the host does not know the token."""


class WrongAccount(AuthError):
    """403: the token is known, and belongs to another account."""


class MissingPermission(AuthError):
    """403: the token belongs to the account, and may not read this."""


class HiddenOrMissing(MissingPermission):
    """404 with a hint at permissions: the token may not see it, or it does not exist."""


class IpRestricted(AuthError):
    """403: the account lets certain IP addresses in, and this machine's is not among them."""


class NotFound(ActionableError):
    """404: no such object."""


class TooManyRequests(UnreachableError):
    """429: dbt Cloud rests."""


class WrongHost(UnreachableError):
    """Something else than dbt Cloud's API answers at the address, or it redirects elsewhere."""


_WRITING: dict[What, str] = {"run of job": "a run of job", "cancel": "stopping run", "retry": "retrying run"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for: dbt's word, the account and project, the object's id, the artifact's name."""

    what: What
    account_id: int | None = None
    project_id: int | None = None
    subject: int | None = None
    name: str = ""

    def as_words(self) -> str:
        """Such as "run 98431 of account 70403"."""
        if self.what in WRITES:
            return f"{_WRITING[self.what]} {self.subject} of account {self.account_id}"
        words = self.name or self.what
        if self.subject is not None:
            of_run = self.what in ("artifact", "artifacts")
            words = f"{words} of run {self.subject}" if of_run else f"{words} {self.subject}"
        if self.project_id is not None:
            words += f" of project {self.project_id}"
        if self.account_id is not None and self.what != "account":
            words += f" of account {self.account_id}"
        elif self.what == "account":
            words = f"account {self.account_id}"
        return words


def as_actionable(
    error: TransportError,
    asked: Asked,
    base_url: str,
    token: SecretStr,
    *,
    guessed: bool,
    plan: str = "",
) -> ActionableError:
    """The card for a request that failed.

    ``guessed`` says that nobody gave the address; ``plan`` is the account's, where it is known.
    """
    match error:
        case HttpError(status=401):
            return _refused(error, base_url, token, guessed=guessed)
        case HttpError(status=403):
            return _forbidden(error, asked, base_url, token, plan)
        case HttpError(status=404) if is_hint_at_permissions(error):
            return _hidden_or_missing(error, asked, base_url, token, plan)
        case HttpError(status=404):
            return _not_found(error, asked)
        case HttpError(status=429):
            return _too_many(error)
        case HttpError():
            return _other_status(error, asked)
        case NotJson():
            return _not_json(error, base_url)
        case ForeignRedirect():
            return _redirected(error)
        case NoAnswer():
            return _no_answer(error)
    return ActionableError(
        f"dbt Cloud could not be asked for {asked.as_words()}", evidence=[redact(str(error))]
    )


def unreadable(asked: Asked, record: RequestRecord, error: ValidationError) -> ActionableError:
    """The card for an answer whose fields are not those of dbt's OpenAPI document."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the whole"
    return ActionableError(
        f"dbt Cloud's answer about {asked.as_words()} could not be read",
        causes=[f"{place}: {first['msg']}"],
        evidence=[evidence_of(record)],
        fixes=[RETRY],
    )


def without_data(asked: Asked, record: RequestRecord, content: bytes) -> ActionableError:
    """The card for an answer of success that held nothing, twice in a row."""
    said = "an empty answer" if not content.strip() else "an answer without data"
    return UnreachableError(
        f"dbt Cloud gave no data about {asked.as_words()}",
        brief="gave no data",
        causes=[
            "dbt Cloud, or a proxy in between, answers without data for a while.",
            "The address is that of another server.",
        ],
        evidence=[f"{evidence_of(record)}: {said}, twice"],
        fixes=[RETRY, GoToStep(f"Enter another address; {ACCESS_URL_PLACE} shows it", Step.ADDRESS)],
    )


def endless_list(asked: Asked, host: str) -> ActionableError:
    """The card for a list whose pages bring nothing new, or which has more pages than any account needs."""
    return ActionableError(
        f"dbt Cloud's list of {asked.what} does not end",
        causes=["Its pages repeat, or a proxy answers every page with the same one."],
        evidence=[f"{host} names more {asked.what} than its pages hold"],
        fixes=[RETRY],
    )


def evidence_of(record: RequestRecord, said: str = "") -> str:
    """One line: the request, its status, what the server said."""
    status = f" → {record.status}" if record.status is not None else ""
    return redact(f"{record.method} {record.host}{record.path}{status}" + (f" {said!r}" if said else ""))


def _refused(error: HttpError, base_url: str, token: SecretStr, *, guessed: bool) -> TokenRefused:
    shape = token_shape(token)
    host = error.record.host
    not_valid = (
        "The token was revoked or has expired, or a part of it is missing: compare it with the list in "
        "Account settings → API tokens."
    )
    other_host = (
        "The token is right and the address is not: the account lives on a host of its own, like "
        f"ab123.us1.dbt.com. {ACCESS_URL_PLACE} shows it."
    )
    unsure = guessed or host_kind(host) == "shared"
    causes = [other_host, not_valid] if unsure else [not_valid]
    if shape.kind in ("legacy", "collate_jwt", "unknown") and shape.warning:
        causes.insert(0, shape.warning)
    if not unsure:
        causes.append(
            f"The token belongs to an account on another host than {host}: {ACCESS_URL_PLACE} shows it."
        )
    fixes: list[Fix] = [
        GoToStep("Paste the address of any dbt Cloud page", Step.ADDRESS),
        EnterToken("Enter another token", "dbt_cloud"),
        OpenUrl("Open the list of tokens", account_settings(base_url, None)),
        RETRY,
    ]
    if not unsure:
        fixes[0], fixes[1] = fixes[1], fixes[0]
    return TokenRefused(
        f"{host} does not accept this token",
        causes=causes,
        evidence=[
            evidence_of(error.record, user_message(error)),
            f"{shape.label}, {shape.length} characters",
        ],
        fixes=fixes,
    )


_NO_SERVICE_TOKENS = "The account's plan has no service tokens for this API: use a personal token instead."


def _forbidden(error: HttpError, asked: Asked, base_url: str, token: SecretStr, plan: str) -> AuthError:
    evidence = [evidence_of(error.record, user_message(error))]
    if is_ip_restricted(error):
        return _ip_restricted(error, asked, base_url)
    if is_wrong_account(error) and asked.account_id is not None:
        return WrongAccount(
            f"The token does not belong to account {asked.account_id}",
            causes=[
                f"The account id {asked.account_id} is wrong; {error.record.host} knows the token itself.",
                "The token was made in another account of the same host.",
            ],
            evidence=evidence,
            fixes=[
                GoToStep("Choose among the accounts that the token sees", Step.ACCOUNT),
                EnterToken("Enter another token", "dbt_cloud"),
            ],
        )
    permission, place = needed_permission(asked, token, plan)
    causes = [f"It has no permission {_for_what(asked)}: {permission}, under {place}."]
    if token_shape(token).kind == "service" and (not plan or not Account(id=0, plan=plan).has_service_tokens):
        causes.append(_NO_SERVICE_TOKENS)
    causes.append(f"The account allows certain IP addresses only: {IP_RESTRICTIONS_PLACE}.")
    return MissingPermission(
        f"The token may not {_may_not(asked)}",
        causes=causes,
        evidence=evidence,
        fixes=[
            OpenUrl(ADD_PERMISSION, account_settings(base_url, asked.account_id)),
            EnterToken("Enter another token", "dbt_cloud"),
            RETRY,
        ],
    )


def _for_what(asked: Asked) -> str:
    return "to start or stop runs" if asked.what in WRITES else f"to read {asked.what}"


def _may_not(asked: Asked) -> str:
    verbs: dict[What, str] = {"run of job": "run job", "cancel": "cancel run", "retry": "retry run"}
    if asked.what in verbs:
        return f"{verbs[asked.what]} {asked.subject} of account {asked.account_id}"
    return f"read {asked.as_words()}"


def _ip_restricted(error: HttpError, asked: Asked, base_url: str) -> IpRestricted:
    account_id = blocked_account(error) or asked.account_id
    page = account_settings(base_url, account_id)
    whose = "The account" if account_id is None else f"Account {account_id}"
    return IpRestricted(
        f"{whose} does not allow this machine's IP address",
        causes=[
            f"Its IP restrictions let listed addresses in only: {IP_RESTRICTIONS_PLACE}.",
            "This machine left the network or VPN whose address is listed.",
        ],
        evidence=[evidence_of(error.record, user_message(error))],
        fixes=[
            OpenUrl("Open the account's settings to allow the address", page),
            Retry("Connect to the allowed network or VPN, then try again"),
        ],
    )


_PLAN_SETS: dict[str, tuple[str, str]] = {"team": ("Read-Only, Member or Job Admin", "Job Admin or Member")}
"""Permission sets of plans without the Enterprise sets, to read and to run (dbt's page on service tokens)."""


def permission_sets(asked: Asked, plan: str) -> str:
    """The permission sets of the plan that allow this."""
    for prefix, (reading, running) in _PLAN_SETS.items():
        if plan.startswith(prefix):
            return running if asked.what in WRITES else reading
    if asked.what in WRITES:
        return "Job Runner or Job Admin"
    if asked.what in ("connections", "connection"):
        return "Database Admin or Account Admin"
    if asked.what in ("accounts", "account"):
        return "Account Viewer"
    return "Account Viewer (or Job Viewer on the project)"


def needed_permission(asked: Asked, token: SecretStr, plan: str = "") -> tuple[str, str]:
    """What to add so that the token may do this, and the path of the page to add it on."""
    sets = permission_sets(asked, plan)
    if token_shape(token).kind == "personal":
        return f"give a group of the token's user {sets}", GROUPS_PLACE
    return f"add the permission {sets} to the token", SERVICE_TOKENS_PLACE


def _hidden_or_missing(
    error: HttpError, asked: Asked, base_url: str, token: SecretStr, plan: str
) -> HiddenOrMissing:
    permission, place = needed_permission(asked, token, plan)
    other = _choose_another(asked)
    causes = [
        f"The token has no permission {_for_what(asked)}: {permission}, under {place}.",
        _deleted(asked),
    ]
    if token_shape(token).kind == "service" and not Account(id=0, plan=plan).has_service_tokens:
        causes.insert(1, _NO_SERVICE_TOKENS)
    elif token_shape(token).kind == "service" and not plan:
        causes.append(_NO_SERVICE_TOKENS)
    title = f"dbt Cloud does not show {asked.as_words()} to this token"
    return HiddenOrMissing(
        f"The token may not {_may_not(asked)}" if asked.what in WRITES else title,
        causes=causes,
        evidence=[evidence_of(error.record, user_message(error))],
        fixes=[
            OpenUrl(ADD_PERMISSION, account_settings(base_url, asked.account_id)),
            EnterToken("Enter another token", "dbt_cloud"),
            *((other,) if other is not None else ()),
            RETRY,
        ],
    )


def _deleted(asked: Asked) -> str:
    return f"It was deleted, or its id is of another account than {asked.account_id}."


def _choose_another(asked: Asked) -> Fix | None:
    if asked.what in ("job", "projects", "jobs", "run of job"):
        return GoToStep("Choose another job", Step.JOB)
    if asked.what in ("run", "artifacts", "artifact", "runs"):
        return ChooseRun("Choose another run")
    if asked.what == "account":
        return GoToStep("Choose among the accounts that the token sees", Step.ACCOUNT)
    return None


def _not_found(error: HttpError, asked: Asked) -> ActionableError:
    causes = [_deleted(asked)]
    other = _choose_another(asked)
    if asked.what in ("run", "artifacts", "artifact", "runs"):
        causes.append("dbt Cloud no longer keeps that run's artifacts.")
    return NotFound(
        f"dbt Cloud has no {asked.as_words()}",
        causes=causes,
        evidence=[evidence_of(error.record, user_message(error))],
        fixes=[*((other,) if other is not None else ()), RETRY],
    )


def _too_many(error: HttpError) -> ActionableError:
    wait = error.retry_after
    waiting = f"{wait:.0f} s" if wait is not None else "5 minutes, its cool-down"
    return TooManyRequests(
        "dbt Cloud asks for a pause: too many requests",
        causes=[
            "More requests than the account's limit were sent, by this program or by others; "
            f"it answers again in {waiting}."
        ],
        evidence=[evidence_of(error.record, user_message(error))],
        fixes=[Retry(f"Try again in {waiting}")],
    )


def _other_status(error: HttpError, asked: Asked) -> ActionableError:
    if error.status >= 500:
        return UnreachableError(
            f"dbt Cloud failed to answer for {asked.as_words()} ({error.status})",
            causes=["dbt Cloud has an incident or is under maintenance; see https://status.getdbt.com."],
            evidence=[evidence_of(error.record, user_message(error))],
            fixes=[RETRY, OpenUrl("Open dbt Cloud's status page", "https://status.getdbt.com")],
        )
    return ActionableError(
        f"dbt Cloud refused the request for {asked.as_words()} ({error.status})",
        causes=reasons(error) or ["The server has another version than this program expects."],
        evidence=[evidence_of(error.record, user_message(error))],
        fixes=[RETRY],
    )


def _not_json(error: NotJson, base_url: str) -> ActionableError:
    kind = error.content_type.split(";")[0] or "no content type"
    return WrongHost(
        f"{error.record.host} is not dbt Cloud's API",
        brief="is not dbt Cloud's API",
        causes=[
            "The address is that of another web page: a wrong host answers 200 with a page.",
            "A proxy or a log-in page is in between.",
        ],
        evidence=[f"{evidence_of(error.record)}, {kind} instead of dbt Cloud's JSON"],
        fixes=[GoToStep(f"Enter another address; {ACCESS_URL_PLACE} shows it", Step.ADDRESS), RETRY],
    )


def _redirected(error: ForeignRedirect) -> ActionableError:
    scheme, _, rest = error.location.partition("://")
    host = rest.split("/", 1)[0].split("?", 1)[0]
    fixes: list[Fix] = [GoToStep("Enter another address", Step.ADDRESS)]
    known = scheme == "https" and is_known_dbt_host(host.rsplit(":", 1)[0].lower())
    if known:
        fixes.insert(0, SetField(f"Use https://{host}", ProfileField.BASE_URL, f"https://{host}"))
    return WrongHost(
        f"{error.record.host} redirects to another host, {host}",
        brief=f"redirects to another host, {host}",
        causes=[
            "The account has moved there."
            if known
            else "A log-in page or a proxy is in between; the token was not sent there."
        ],
        evidence=[
            f"{evidence_of(error.record)}, Location: {redact(error.location)}",
            "The token was not sent on.",
        ],
        fixes=fixes,
    )


_NO_ANSWER: dict[str, tuple[str, Sequence[str]]] = {
    "name": (
        "has no address in the DNS",
        ("The host name is misspelled.", "There is no network, or a VPN is needed."),
    ),
    "refused": (
        "refuses the connection",
        ("Nothing listens there.", "A firewall is in between, or a VPN is needed."),
    ),
    "timeout": (
        "did not answer in time",
        (
            "The network or dbt Cloud is slow.",
            "A firewall drops the packets, or a VPN or HTTPS_PROXY is needed.",
        ),
    ),
    "tls": (
        "could not be trusted",
        (
            "A proxy uses a certificate of its own: let SSL_CERT_FILE name the bundle of its CA.",
            "The host is wrong.",
        ),
    ),
    "proxy": (
        "could not be reached through the proxy",
        ("HTTPS_PROXY is wrong, or the proxy refuses the host.",),
    ),
    "closed": ("cut the connection off", ("The network or a proxy broke it.",)),
    "too large": ("sent more than any answer of dbt Cloud holds", ("A proxy changed the answer.",)),
    "unreadable": ("sent an answer that cannot be read", ("A proxy changed or broke it.",)),
}


def _no_answer(error: NoAnswer) -> UnreachableError:
    what, causes = _NO_ANSWER[error.kind]
    return UnreachableError(
        f"{error.host} {what}",
        causes=causes,
        evidence=[safe(error.detail)],
        fixes=[RETRY, GoToStep("Enter another address", Step.ADDRESS)],
        kind=error.kind,
        brief=what,
    )
