"""Everything that can go wrong, as one tree::

    CaseManagementError
      ConfigurationError          who you are or where you call is not usable; nothing was sent
        SessionClosedError        the session was used after it was closed
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
      TransportError              no usable answer arrived
        RequestTimeoutError       the call's deadline passed
        ConnectionFailedError     the connection could not be made, or broke
        ResponseTooLargeError     the body is over the session's cap
      OutcomeUnknownError         a create was sent and may or may not have happened
      DecodeError                 the answer has not the shape it should have

Every error is a plain class: it can be copied and pickled, and it is chained to its cause.
None of them ever shows a key or a token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import frozen

__all__ = [
    "STATUS_ERRORS",
    "AuthenticationError",
    "BadRequestError",
    "CaseManagementError",
    "ConfigurationError",
    "ConflictError",
    "ConnectionFailedError",
    "DecodeError",
    "ErrorDetail",
    "InvalidArgumentError",
    "NotFoundError",
    "OutcomeUnknownError",
    "PermissionDeniedError",
    "RateLimitError",
    "RedirectError",
    "RequestTimeoutError",
    "ResponseTooLargeError",
    "ServerError",
    "SessionClosedError",
    "StatusError",
    "TransportError",
    "UnprocessableError",
    "status_error",
]


class CaseManagementError(Exception):
    """The root: catching it catches everything this library raises on purpose."""


class ConfigurationError(CaseManagementError):
    """Credentials, site or base URL are missing or not usable; raised before any I/O."""


class SessionClosedError(ConfigurationError):
    """The session was used before it was opened or after it was closed; nothing was sent."""


class InvalidArgumentError(CaseManagementError, ValueError):
    """An argument breaks a rule of the API; raised before any I/O."""

    def __init__(self, argument: str, rule: str) -> None:
        super().__init__(argument, rule)
        self.argument = argument
        """The name of the argument, as the caller wrote it."""
        self.rule = rule
        """What it has to be."""

    def __str__(self) -> str:
        return f"{self.argument}: {self.rule}"


@frozen
class ErrorDetail:
    """One error of an answer, from any of the three shapes that the service sends."""

    title: str
    """What happened, in a few words."""
    detail: str | None = None
    """What exactly is wrong, where the service said so."""
    code: str | None = None
    """A code for programs, such as `resource_not_found`."""
    status: str | None = None
    """The status the service repeated inside the body."""

    def __str__(self) -> str:
        return f"{self.title}: {self.detail}" if self.detail else self.title


class StatusError(CaseManagementError):
    """The service answered with an error status.

    `errors` holds what the body said; where the body was not JSON, one entry with its start.
    """

    def __init__(
        self,
        status: int,
        errors: Sequence[ErrorDetail] = (),
        route: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(status, tuple(errors), route, request_id, retry_after)
        self.status = status
        """The HTTP status."""
        self.errors = tuple(errors)
        """What the body said, in the order it said it."""
        self.route = route
        """The name of the operation."""
        self.request_id = request_id
        """The service's id of the request, for its support, where it sent one."""
        self.retry_after = retry_after
        """Seconds until the service wants to be asked again, where it said so."""

    def __str__(self) -> str:
        said = "; ".join(map(str, self.errors)) or "the body said nothing"
        text = f"{self.route or 'request'} answered {self.status}: {said}"
        if self.retry_after is not None:
            text += f" (retry after {self.retry_after:g} s)"
        return text + (f" [request {self.request_id}]" if self.request_id else "")


class BadRequestError(StatusError):
    """400: the service refuses the request as it is."""


class AuthenticationError(StatusError):
    """401: the keys or the token are not accepted."""


class PermissionDeniedError(StatusError):
    """403: the credentials are known but lack the scope or permission."""


class NotFoundError(StatusError):
    """404: there is no such thing, or these credentials cannot see it."""


class ConflictError(StatusError):
    """409: the request contradicts what is there already."""


class UnprocessableError(StatusError):
    """422: the body was understood and is not acceptable."""


class RateLimitError(StatusError):
    """429: the budget of this rate limit is used up; `retry_after` says for how many seconds."""


class ServerError(StatusError):
    """5xx: the service failed."""


class RedirectError(StatusError):
    """3xx: a redirect, which is never followed because it would carry the keys elsewhere."""


STATUS_ERRORS: Final[Mapping[int, type[StatusError]]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: UnprocessableError,
    429: RateLimitError,
}
"""Which class a status becomes; the rest go by their hundred."""


def status_error(status: int, *args: Any, **kwargs: Any) -> StatusError:
    """Make the error of the class that belongs to `status`."""
    kind = STATUS_ERRORS.get(status) or {3: RedirectError, 5: ServerError}.get(status // 100) or StatusError
    return kind(status, *args, **kwargs)


class TransportError(CaseManagementError):
    """No usable answer arrived."""


class RequestTimeoutError(TransportError, TimeoutError):
    """The deadline of the call passed."""


class ConnectionFailedError(TransportError, ConnectionError):
    """The connection could not be made, or broke before the answer was whole."""


class ResponseTooLargeError(TransportError):
    """The body, decompressed, is over the session's cap; it was not read on."""


class OutcomeUnknownError(CaseManagementError):
    """A create was sent and its answer was lost: it may or may not have happened.

    It is never sent twice. Look for the thing before you try again; `__cause__` says what happened.
    """

    def __init__(self, route: str, sent: bytes | None = None, reason: str = "") -> None:
        super().__init__(route, sent, reason)
        self.route = route
        """The name of the operation."""
        self.sent = sent
        """The body that was sent."""
        self.reason = reason
        """Why the outcome is not known."""

    def __str__(self) -> str:
        return f"{self.route} was sent and may or may not have happened: {self.reason}"


class DecodeError(CaseManagementError):
    """A success whose body is not what it should be."""

    def __init__(self, message: str, path: str = "$", route: str | None = None) -> None:
        super().__init__(message, path, route)
        self.message = message
        """What is wrong."""
        self.path = path
        """Where, as a JSON path such as `$.data[3].attributes.created_at`."""
        self.route = route
        """The name of the operation, where known."""

    def __str__(self) -> str:
        where = f"{self.route}: " if self.route else ""
        return f"{where}{self.message} - at `{self.path}`"
