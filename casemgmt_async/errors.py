"""All errors of the library, as one tree::

    CaseManagementError
      ConfigurationError          credentials or address are not usable; nothing was sent
        SessionClosedError        the session is closed
      InvalidArgumentError        an argument breaks a rule; nothing was sent
      StatusError                 the service answered with an error status
        BadRequestError           400
        AuthenticationError       401
        PermissionDeniedError     403
        NotFoundError             404
        ConflictError             409
        UnprocessableError        422
        RateLimitError            429, with `retry_after` in seconds
        ServerError               5xx
        RedirectError             3xx, never followed
      TransportError              no complete answer arrived
        RequestTimeoutError       the deadline of the call passed
        ConnectionFailedError     the connection could not be made, or broke
        ResponseTooLargeError     the body is larger than the session accepts
      OutcomeUnknownError         a create was sent and may or may not have taken effect
      DecodeError                 the answer does not have the expected shape
      PaginationError             the pages of a listing contradict one another
      NameLookupError             a name could not be resolved to one id
        UnknownNameError          nothing has the name
        AmbiguousNameError        several things have the name

Every error can be copied and pickled, and is chained to its cause. No error shows a key or a token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen

__all__ = [
    "STATUS_ERRORS",
    "AmbiguousNameError",
    "AuthenticationError",
    "BadRequestError",
    "Candidate",
    "CaseManagementError",
    "ConfigurationError",
    "ConflictError",
    "ConnectionFailedError",
    "DecodeError",
    "ErrorDetail",
    "InvalidArgumentError",
    "NameLookupError",
    "NotFoundError",
    "OutcomeUnknownError",
    "PaginationError",
    "PermissionDeniedError",
    "RateLimitError",
    "RedirectError",
    "RequestTimeoutError",
    "ResponseTooLargeError",
    "ServerError",
    "SessionClosedError",
    "StatusError",
    "TransportError",
    "UnknownNameError",
    "UnprocessableError",
    "status_error",
]


class CaseManagementError(Exception):
    """The base class of all errors that this library raises."""


class ConfigurationError(CaseManagementError):
    """Credentials, site or base URL are missing or not usable; raised before any I/O."""


class SessionClosedError(ConfigurationError):
    """The session is closed; nothing was sent."""


class InvalidArgumentError(CaseManagementError, ValueError):
    """An argument breaks a rule; raised before any I/O."""

    def __init__(self, argument: str, rule: str) -> None:
        super().__init__(argument, rule)
        self.argument = argument
        """The name of the argument, as the caller wrote it."""
        self.rule = rule
        """The rule, and what is wrong with the value."""

    def __str__(self) -> str:
        return f"{self.argument}: {self.rule}"


@frozen
class ErrorDetail:
    """One entry of an error answer, in any of the three shapes that the service sends."""

    title: str
    """What happened, in a few words."""
    detail: str | None = None
    """The details, if the service gave any."""
    code: str | None = None
    """A code for programs, such as `resource_not_found`."""
    status: str | None = None
    """The HTTP status as the body repeats it."""
    meta: Mapping[str, Any] | None = field(default=None, hash=False)
    """The `meta` member as it was received. Some errors name in it the key that is concerned."""
    extra: Mapping[str, Any] = field(factory=dict, hash=False)
    """All other members of the entry as they were received."""

    def __str__(self) -> str:
        return f"{self.title}: {self.detail}" if self.detail else self.title


class StatusError(CaseManagementError):
    """The service answered with an error status.

    `errors` holds the entries of the body; if the body is not JSON, one entry with its start.
    """

    def __init__(
        self,
        status: int,
        errors: Sequence[ErrorDetail] = (),
        route: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        *,
        ids: Mapping[str, str] | None = None,
        body: str = "",
    ) -> None:
        super().__init__(status, errors, route, request_id, retry_after)
        self.status = status
        """The HTTP status."""
        self.errors = tuple(errors)
        """The entries of the body, in their order."""
        self.route = route
        """The name of the operation."""
        self.request_id = request_id
        """The service's id of the request, to quote to its support; None if it sent none."""
        self.retry_after = retry_after
        """Seconds to wait before the next request, if the service asked for a wait."""
        self.ids = dict(ids or {})
        """The ids in the path of the request, by the names of their parameters."""
        self.body = body
        """The body as text, without credentials, cut after 4,096 characters."""

    def __str__(self) -> str:
        ids = ", ".join(f"{name}={value!r}" for name, value in self.ids.items())
        reasons = "; ".join(map(str, self.errors)) or "the body gave no reason"
        text = f"{self.route or 'request'}{f'({ids})' if ids else ''} answered {self.status}: {reasons}"
        if self.retry_after is not None:
            text += f" (retry after {self.retry_after:g} s)"
        return text + (f" [request {self.request_id}]" if self.request_id else "")


class BadRequestError(StatusError):
    """400: the request is not valid."""


class AuthenticationError(StatusError):
    """401: the keys or the token are not accepted."""


class PermissionDeniedError(StatusError):
    """403: the credentials are known but lack the scope or permission."""


class NotFoundError(StatusError):
    """404: it does not exist, or these credentials cannot see it."""


class ConflictError(StatusError):
    """409: the request conflicts with the current state."""


class UnprocessableError(StatusError):
    """422: the body is well-formed and not acceptable."""


class RateLimitError(StatusError):
    """429: the rate limit is used up; `retry_after` says for how many seconds, if that is known."""


class ServerError(StatusError):
    """5xx: the service failed."""


class RedirectError(StatusError):
    """3xx: a redirect. It is never followed, because that would send the keys to another address."""


STATUS_ERRORS: Final[Mapping[int, type[StatusError]]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: UnprocessableError,
    429: RateLimitError,
}
"""The class of a status; other statuses are `RedirectError`, `ServerError` or `StatusError`."""


def status_error(status: int, *args: Any, **kwargs: Any) -> StatusError:
    """Make the error of a status."""
    kind = STATUS_ERRORS.get(status) or {3: RedirectError, 5: ServerError}.get(status // 100) or StatusError
    return kind(status, *args, **kwargs)


class TransportError(CaseManagementError):
    """No complete answer arrived."""


class RequestTimeoutError(TransportError, TimeoutError):
    """The deadline of the call passed."""


class ConnectionFailedError(TransportError, ConnectionError):
    """The connection could not be made, or broke before the answer was complete."""


class ResponseTooLargeError(TransportError):
    """The body is larger than `max_body` bytes, decompressed; reading stopped there."""


class OutcomeUnknownError(CaseManagementError):
    """A create was sent and its answer was lost: it may or may not have taken effect.

    A create is never sent twice. Search for the result before you try again. `__cause__` is the error of the attempt.
    """

    def __init__(self, route: str, sent: bytes | None = None, reason: str = "") -> None:
        super().__init__(route, sent, reason)
        self.route = route
        """The name of the operation."""
        self.sent = sent
        """The body that was sent."""
        self.reason = reason
        """Why the outcome is unknown."""

    def __str__(self) -> str:
        return f"{self.route} was sent and may or may not have taken effect: {self.reason}"


class DecodeError(CaseManagementError):
    """A success whose body does not have the expected shape."""

    def __init__(self, message: str, path: str = "$", route: str | None = None) -> None:
        super().__init__(message, path, route)
        self.message = message
        """What is wrong."""
        self.path = path
        """The JSON path, such as `$.data[3].attributes.created_at`."""
        self.route = route
        """The name of the operation, if known."""

    def __str__(self) -> str:
        where = f"{self.route}: " if self.route else ""
        return f"{where}{self.message} - at `{self.path}`"


class PaginationError(CaseManagementError):
    """The pages of a listing contradict one another, so that reading on would never end or would miss items."""


@frozen
class Candidate:
    """Something that a name may have meant."""

    id: str
    """The id; a look-up by it is never ambiguous."""
    label: str
    """What people call it, such as a name with an e-mail address."""
    note: str | None = None
    """Why it does not count, such as `disabled`."""

    def __str__(self) -> str:
        return f"{self.label} (id {self.id}{f', {self.note}' if self.note else ''})"


class NameLookupError(CaseManagementError, LookupError):
    """A name could not be resolved to one id.

    A look-up of several names raises this class itself if more than one fails, with all of them in `errors`.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        candidates: Sequence[Candidate] = (),
        reason: str = "",
        errors: Sequence[NameLookupError] = (),
    ) -> None:
        super().__init__(kind, name, tuple(candidates), reason, tuple(errors))
        self.kind = kind
        """What was looked for, such as `user` or `case type`."""
        self.name = name
        """The name as it was given."""
        self.candidates = tuple(candidates)
        """What the name may have meant, with ids: all matches of an ambiguous name, near matches of an unknown one."""
        self.reason = reason
        """Why the name could not be resolved."""
        self.errors = tuple(errors)
        """The errors of the single names, if several failed; else empty."""

    def __str__(self) -> str:
        return "; ".join(map(str, self.errors)) or self.reason


class UnknownNameError(NameLookupError):
    """Nothing has the name, or only something that cannot be used; `candidates` holds near matches."""


class AmbiguousNameError(NameLookupError):
    """Several things have the name; `candidates` holds them all. Use the id of one."""
