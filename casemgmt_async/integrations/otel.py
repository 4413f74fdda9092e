"""Spans and metrics of a session, in OpenTelemetry's stable HTTP conventions.

    from casemgmt_async.integrations.otel import instrument

    async with CaseSession() as session:
        instrument(session)

Needs the extra `casemgmt-async[otel]`. The application chooses the SDK and its exporters.

A call is an internal span with the name of its operation, such as `get_case`. Each of its requests is a client span
below it, named by method and route, such as `GET /api/v2/cases/{case_id}`; its context is sent to the service in
`traceparent`. Retries and waits for the rate limit are events of the span of the call. Attributes of metrics contain
operations, statuses and kinds of error, and no ids.
"""

from __future__ import annotations

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
"""The bucket boundaries that the conventions advise for the duration of requests."""
WAITS: Final = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)

Attributes = dict[str, str | int | float | bool]


@define
class Attempt:
    """A request in flight."""

    span: Span
    labels: Attributes
    started_at: float = field(factory=time.perf_counter)


@define
class OpenCall:
    """A call in progress."""

    span: Span
    attempt: Attempt | None = None


class Telemetry:
    """The listener of one session."""

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
        self._retries = meter.create_counter("casemgmt.client.retries", "{retry}", "Retried requests.")
        self._waits = meter.create_histogram(
            "casemgmt.client.rate_limit.wait",
            "s",
            "Waits for the rate limit, after a 429 or to avoid one.",
            explicit_bucket_boundaries_advisory=WAITS,
        )
        self._calls: dict[int, OpenCall] = {}
        self._handlers: Mapping[type, Callable[[Any], None]] = {
            RequestStarted: self._started,
            ResponseReceived: self._received,
            RetryScheduled: self._retried,
            RateLimited: self._limited,
            CallFailed: self._failed,
            CallSucceeded: self._ended,
        }

    def __call__(self, event: Event) -> None:
        self._handlers[type(event)](event)

    def close(self) -> None:
        """End the spans of calls in progress; their last events will not be heard."""
        for call in self._calls.values():
            if call.attempt is not None:
                call.attempt.span.end()
            call.span.end()
        self._calls.clear()

    def _call(self, event: Event) -> OpenCall:
        call = self._calls.get(event.call)
        if call is None:
            span = self._tracer.start_span(event.route.name, attributes={"casemgmt.resource": event.route.resource})
            call = self._calls[event.call] = OpenCall(span)
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
        call.attempt = Attempt(span, labels)

    def _received(self, event: ResponseReceived) -> None:
        call = self._calls.get(event.call)
        if call is not None:
            outcome: Attributes = {"http.response.status_code": event.status}
            if event.status >= 400:
                outcome["error.type"] = str(event.status)
            self._close_attempt(call, outcome)

    def _retried(self, event: RetryScheduled) -> None:
        call, kind = self._call(event), error_kind(event.error)
        self._close_attempt(call, {"error.type": kind})
        call.span.add_event(
            "retry", {"http.request.resend_count": event.attempt, "casemgmt.wait": event.wait, "error.type": kind}
        )
        self._retries.add(1, {"casemgmt.operation": event.route.name, "error.type": kind})

    def _limited(self, event: RateLimited) -> None:
        answered: Attributes = {"casemgmt.answered": event.answered}
        self._call(event).span.add_event("rate_limited", {**answered, "casemgmt.wait": event.wait})
        self._waits.record(event.wait, {**answered, "casemgmt.operation": event.route.name})

    def _failed(self, event: CallFailed) -> None:
        call, kind = self._call(event), error_kind(event.error)
        self._close_attempt(call, {"error.type": kind})
        call.span.set_attribute("error.type", kind)
        call.span.set_status(Status(StatusCode.ERROR, str(event.error)))
        self._ended(event)

    def _ended(self, event: CallSucceeded | CallFailed) -> None:
        call = self._calls.pop(event.call, None)
        if call is not None:
            call.span.end()

    def _close_attempt(self, call: OpenCall, outcome: Attributes) -> None:
        """End the span of the request in flight, if there is one; `outcome` is added to the span and to the metric."""
        attempt, call.attempt = call.attempt, None
        if attempt is None:
            return
        attempt.span.set_attributes(outcome)
        if "error.type" in outcome:
            attempt.span.set_status(StatusCode.ERROR)
        attempt.span.end()
        self._durations.record(time.perf_counter() - attempt.started_at, {**attempt.labels, **outcome})


def error_kind(error: BaseException) -> str:
    """The status or class of an error: one of few values, without anything that the error contains."""
    return str(getattr(error, "status", None) or type(error).__qualname__)


INSTRUMENTED: Final[WeakKeyDictionary[CaseSession, Telemetry]] = WeakKeyDictionary()


def instrument(
    session: CaseSession,
    tracer_provider: trace.TracerProvider | None = None,
    meter_provider: metrics.MeterProvider | None = None,
) -> None:
    """Make spans and metrics of all calls of `session`, until `uninstrument`.

    Without providers the global ones are used. Instrumenting a session twice does nothing.
    """
    if session not in INSTRUMENTED:
        INSTRUMENTED[session] = telemetry = Telemetry(tracer_provider, meter_provider)
        session.add_listener(telemetry)


def uninstrument(session: CaseSession) -> None:
    """Stop making spans and metrics; the spans of calls in progress end here."""
    telemetry = INSTRUMENTED.pop(session, None)
    if telemetry is not None:
        session.remove_listener(telemetry)
        telemetry.close()
