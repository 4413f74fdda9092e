"""Spans and metrics from a session's events, in OpenTelemetry's stable HTTP conventions.

    from casemgmt_async.integrations.otel import instrument

    async with CaseSession() as session:
        instrument(session)

Needs the extra `casemgmt-async[otel]`, and an SDK that exports, which is the app's choice.

A call is an internal span named by its operation, such as `get_case`. Below it each request sent is
a client span named by method and route, `GET /api/v2/cases/{case_id}`, whose context travels to the
service in `traceparent`. Retries and waits for the rate limit are events of the call's span. Metrics
know operations, statuses and kinds of error, never an id.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from weakref import WeakKeyDictionary

from attrs import define, field
from opentelemetry import metrics, propagate, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from yarl import URL

from casemgmt_async import (
    CallFailed,
    CallSucceeded,
    CaseSession,
    Event,
    RateLimited,
    RequestStarted,
    ResponseReceived,
    RetryScheduled,
    __version__,
)

__all__ = ["instrument", "uninstrument"]

SCOPE: Final = "casemgmt_async"
SCHEMA: Final = "https://opentelemetry.io/schemas/1.27.0"
SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""The bucket boundaries the conventions advise for durations of requests."""
WAITS: Final = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)

Attributes = dict[str, str | int | float | bool]


@define
class _Attempt:
    """A request on its way."""

    span: Span
    labels: Attributes
    began: float = field(factory=time.perf_counter)


@define
class _Call:
    """A call on its way."""

    span: Span
    attempt: _Attempt | None = None


class _Telemetry:
    """Listens to one session."""

    def __init__(
        self, tracer_provider: trace.TracerProvider | None, meter_provider: metrics.MeterProvider | None
    ) -> None:
        self._tracer = trace.get_tracer(SCOPE, __version__, tracer_provider, SCHEMA)
        meter = metrics.get_meter(SCOPE, __version__, meter_provider, SCHEMA)
        self._durations = meter.create_histogram(
            "http.client.request.duration",
            "s",
            "Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=SECONDS,
        )
        self._retries = meter.create_counter("casemgmt.client.retries", "{retry}", "Requests that were sent again.")
        self._waits = meter.create_histogram(
            "casemgmt.client.rate_limit.wait",
            "s",
            "How long the service asked calls to wait, and how long they were held back to avoid that.",
            explicit_bucket_boundaries_advisory=WAITS,
        )
        self._calls: dict[int, _Call] = {}
        self._takes: Mapping[type, Callable[[Any], None]] = {
            RequestStarted: self._started,
            ResponseReceived: self._answered,
            RetryScheduled: self._retried,
            RateLimited: self._limited,
            CallFailed: self._gave_up,
            CallSucceeded: self._ended,
        }

    def __call__(self, event: Event) -> None:
        self._takes[type(event)](event)

    def close(self) -> None:
        """End what is on its way, since nobody will tell how it ends."""
        for call in self._calls.values():
            if call.attempt is not None:
                call.attempt.span.end()
            call.span.end()
        self._calls.clear()

    def _call(self, event: Event) -> _Call:
        call = self._calls.get(event.call)
        if call is None:
            span = self._tracer.start_span(event.route.name, attributes={"casemgmt.resource": event.route.resource})
            call = self._calls[event.call] = _Call(span)
        return call

    def _started(self, event: RequestStarted) -> None:
        call, route = self._call(event), event.route
        url = URL(event.url)
        labels: Attributes = {
            "http.request.method": route.method,
            "server.address": url.host or "",
            "server.port": url.port or 0,
            "url.template": route.path,
        }
        resent = {"http.request.resend_count": event.attempt - 1} if event.attempt > 1 else {}
        context = trace.set_span_in_context(call.span)
        span = self._tracer.start_span(
            f"{route.method} {route.path}",
            context,
            SpanKind.CLIENT,
            attributes={**labels, **resent, "url.full": event.url},
        )
        propagate.inject(event.headers, trace.set_span_in_context(span))
        call.attempt = _Attempt(span, labels)

    def _answered(self, event: ResponseReceived) -> None:
        call = self._calls.get(event.call)
        if call is not None:
            said: Attributes = {"http.response.status_code": event.status}
            if event.status >= 400:
                said["error.type"] = str(event.status)
            self._close_attempt(call, said)

    def _retried(self, event: RetryScheduled) -> None:
        call, kind = self._call(event), _kind(event.error)
        self._close_attempt(call, {"error.type": kind})
        call.span.add_event(
            "retry", {"http.request.resend_count": event.attempt, "casemgmt.wait": event.wait, "error.type": kind}
        )
        self._retries.add(1, {"casemgmt.operation": event.route.name, "error.type": kind})

    def _limited(self, event: RateLimited) -> None:
        if not math.isfinite(event.wait):
            return  # held back until an answer tells what the limit is: there is nothing to measure yet
        answered: Attributes = {"casemgmt.answered": event.answered}
        self._call(event).span.add_event("rate_limited", {**answered, "casemgmt.wait": event.wait})
        self._waits.record(event.wait, {**answered, "casemgmt.operation": event.route.name})

    def _gave_up(self, event: CallFailed) -> None:
        call, kind = self._call(event), _kind(event.error)
        self._close_attempt(call, {"error.type": kind})
        call.span.set_attribute("error.type", kind)
        call.span.set_status(Status(StatusCode.ERROR, str(event.error)))
        self._ended(event)

    def _ended(self, event: CallSucceeded | CallFailed) -> None:
        call = self._calls.pop(event.call, None)
        if call is not None:
            call.span.end()

    def _close_attempt(self, call: _Call, said: Attributes) -> None:
        """End the request that is on its way, if any; what is `said` goes to the span and to the metric."""
        attempt, call.attempt = call.attempt, None
        if attempt is None:
            return
        attempt.span.set_attributes(said)
        if "error.type" in said:
            attempt.span.set_status(StatusCode.ERROR)
        attempt.span.end()
        self._durations.record(time.perf_counter() - attempt.began, {**attempt.labels, **said})


def _kind(error: BaseException) -> str:
    """Name a kind of error: few values, none of which holds what happened to be in it."""
    return str(getattr(error, "status", None) or type(error).__qualname__)


_INSTRUMENTED: Final[WeakKeyDictionary[CaseSession, _Telemetry]] = WeakKeyDictionary()


def instrument(
    session: CaseSession,
    tracer_provider: trace.TracerProvider | None = None,
    meter_provider: metrics.MeterProvider | None = None,
) -> None:
    """Make spans and metrics of all that `session` does, until `uninstrument`.

    Without providers the global ones are used. A session is instrumented once; again changes nothing.
    """
    if session not in _INSTRUMENTED:
        _INSTRUMENTED[session] = telemetry = _Telemetry(tracer_provider, meter_provider)
        session.add_listener(telemetry)


def uninstrument(session: CaseSession) -> None:
    """Stop what `instrument` began; spans of calls that are on their way end here."""
    telemetry = _INSTRUMENTED.pop(session, None)
    if telemetry is not None:
        session.remove_listener(telemetry)
        telemetry.close()
