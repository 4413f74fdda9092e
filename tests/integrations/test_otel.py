"""Spans and metrics, as OpenTelemetry's in-memory exporters see them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from attrs import define
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from casemgmt_async import CaseSession, Clock, NotFoundError, OutcomeUnknownError, cases
from casemgmt_async.emulator import Emulator
from casemgmt_async.integrations.otel import instrument, uninstrument

ADVISED = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
CASE_PATH = "/api/v2/cases/{case_id}"
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


@define
class Scope:
    """Providers of one test, and what they have been told."""

    spans_out: InMemorySpanExporter
    reader: InMemoryMetricReader
    tracer_provider: TracerProvider
    meter_provider: MeterProvider

    def watch(self, session: CaseSession) -> None:
        instrument(session, self.tracer_provider, self.meter_provider)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.spans_out.get_finished_spans()

    def calls(self) -> list[ReadableSpan]:
        ours = (span for span in self.spans if span.instrumentation_scope.name == "casemgmt_async")
        return [span for span in ours if span.kind is SpanKind.INTERNAL]

    def requests(self) -> list[ReadableSpan]:
        return [span for span in self.spans if span.kind is SpanKind.CLIENT]

    def points(self, name: str) -> list:
        data = self.reader.get_metrics_data()
        found = [
            metric
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
        ]
        return [point for metric in found for point in metric.data.data_points]


@pytest.fixture
def scope() -> Iterator[Scope]:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracer_provider, meter_provider = TracerProvider(), MeterProvider([reader])
    tracer_provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield Scope(exporter, reader, tracer_provider, meter_provider)
    tracer_provider.shutdown()
    meter_provider.shutdown()


def open_session(emulator: Emulator, **options) -> CaseSession:
    return CaseSession(base_url=emulator.base_url, api_key="the-api-key", app_key="the-app-key", **options)


def parent_of(span: ReadableSpan) -> str:
    """The start of the `traceparent` that names a span; flags follow."""
    return f"00-{trace.format_trace_id(span.context.trace_id)}-{trace.format_span_id(span.context.span_id)}"


def virtual(emulator: Emulator) -> Clock:
    """The time of the emulator: whoever sleeps makes it later."""

    async def sleep(seconds: float) -> None:
        emulator.clock.advance(seconds)
        await asyncio.sleep(0)

    return Clock(clock=emulator.clock, wall=emulator.clock, sleep=sleep)


async def test_a_request_is_a_client_span_in_the_stable_conventions(scope):
    async with Emulator(cases=3) as emulator, open_session(emulator) as session:
        scope.watch(session)
        case_id = (await cases.search_cases(session)).items[0].id
        scope.spans_out.clear()
        await cases.get_case(session, case_id)
        port = int(emulator.base_url.rpartition(":")[2])
    (request,), (call,) = scope.requests(), scope.calls()
    assert request.name == f"GET {CASE_PATH}"
    assert request.kind is SpanKind.CLIENT
    assert request.attributes == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "server.address": "127.0.0.1",
        "server.port": port,
        "url.full": f"http://127.0.0.1:{port}/api/v2/cases/{case_id}",
        "url.template": CASE_PATH,
    }
    assert request.status.status_code is StatusCode.UNSET
    assert call.name == "get_case"
    assert request.parent.span_id == call.context.span_id
    assert call.attributes == {"casemgmt.resource": "cases"}
    assert request.instrumentation_scope.name == "casemgmt_async"
    assert request.instrumentation_scope.schema_url == "https://opentelemetry.io/schemas/1.27.0"


async def test_context_comes_from_the_app_and_goes_to_the_service(scope):
    tracer = scope.tracer_provider.get_tracer("app")
    async with Emulator(cases=3) as emulator, open_session(emulator) as session:
        scope.watch(session)
        with tracer.start_as_current_span("request of the app") as outer:
            await cases.search_cases(session)
        sent = emulator.log[-1].headers["traceparent"]
    (request,), call = scope.requests(), scope.calls()[0]
    assert call.parent.span_id == outer.get_span_context().span_id
    assert request.context.trace_id == outer.get_span_context().trace_id
    assert sent.startswith(parent_of(request))


async def test_each_attempt_is_a_span_and_each_retry_an_event(scope):
    async with (
        Emulator(cases=3, faults="search_cases#1: status=503\nsearch_cases#2: drop") as emulator,
        open_session(emulator, clock=virtual(emulator)) as session,
    ):
        scope.watch(session)
        await cases.search_cases(session)
        parents = [entry.headers["traceparent"] for entry in emulator.log]
    (call,), requests = scope.calls(), scope.requests()
    assert [span.attributes.get("http.request.resend_count") for span in requests] == [None, 1, 2]
    assert [span.attributes.get("error.type") for span in requests] == ["503", "ConnectionFailedError", None]
    assert [span.attributes.get("http.response.status_code") for span in requests] == [503, None, 200]
    failed = [span.status.status_code is StatusCode.ERROR for span in requests]
    assert failed == [True, True, False]
    assert [(event.name, event.attributes["error.type"]) for event in call.events] == [
        ("retry", "503"),
        ("retry", "ConnectionFailedError"),
    ]
    assert call.status.status_code is StatusCode.UNSET
    assert [parent.rpartition("-")[0] for parent in parents] == [parent_of(span) for span in requests]
    assert {(point.attributes["error.type"], point.value) for point in scope.points("casemgmt.client.retries")} == {
        ("503", 1),
        ("ConnectionFailedError", 1),
    }


async def test_waits_for_the_rate_limit_are_events_before_and_after_the_service_refuses(scope):
    async with (
        Emulator(cases=3, limits="cases=1/10s:search_cases", clock=1_000_000_000.0) as emulator,
        open_session(emulator, clock=virtual(emulator)) as session,
        open_session(emulator, clock=virtual(emulator)) as other,
    ):
        scope.watch(session)
        await cases.search_cases(other)
        await cases.search_cases(session)
        await cases.search_cases(session)
    refused, held = scope.calls()
    assert [event.name for event in refused.events[:2]] == ["rate_limited", "retry"]
    assert refused.events[0].attributes["casemgmt.answered"] is True
    assert refused.events[0].attributes["casemgmt.wait"] >= 10
    assert [event.name for event in held.events] == ["rate_limited"]
    assert held.events[0].attributes["casemgmt.answered"] is False
    waits = scope.points("casemgmt.client.rate_limit.wait")
    assert {point.attributes["casemgmt.answered"]: point.count >= 1 for point in waits} == {True: True, False: True}
    assert {point.attributes["casemgmt.operation"] for point in waits} == {"search_cases"}


async def test_durations_are_seconds_in_the_advised_buckets_and_labels_hold_no_id(scope):
    async with Emulator(cases=5) as emulator, open_session(emulator) as session:
        scope.watch(session)
        page = await cases.search_cases(session, filter="free text of a person")
        page = await cases.search_cases(session)
        for case in page:
            await cases.get_case(session, case.id)
        with pytest.raises(NotFoundError):
            await cases.get_case(session, UNKNOWN_ID)
    points = scope.points("http.client.request.duration")
    assert all(point.explicit_bounds == ADVISED for point in points)
    assert sum(point.count for point in points) == 8
    assert {point.attributes["url.template"] for point in points} == {"/api/v2/cases", CASE_PATH}
    (missing,) = (point for point in points if point.attributes.get("error.type"))
    assert missing.attributes["http.response.status_code"] == 404
    assert missing.attributes["error.type"] == "404"
    text = str([dict(point.attributes) for point in points])
    for secret in ("the-api-key", "the-app-key", UNKNOWN_ID, "free text", *(case.id for case in page)):
        assert secret not in text
    assert {key for point in points for key in point.attributes} == {
        "error.type",
        "http.request.method",
        "http.response.status_code",
        "server.address",
        "server.port",
        "url.template",
    }


async def test_no_span_shows_a_key(scope):
    async with Emulator(cases=1, faults="*#1: status=503") as emulator, open_session(emulator) as session:
        scope.watch(session)
        with pytest.raises(OutcomeUnknownError):
            await cases.create_case(session, title="t", type_id=UNKNOWN_ID, project_id=UNKNOWN_ID)
    text = "".join(span.to_json() for span in scope.spans)
    assert "create_case" in text
    assert "the-api-key" not in text
    assert "the-app-key" not in text


async def test_an_error_ends_the_call_with_its_kind(scope):
    async with Emulator(cases=1) as emulator, open_session(emulator) as session:
        scope.watch(session)
        with pytest.raises(NotFoundError):
            await cases.get_case(session, UNKNOWN_ID)
    (call,), (request,) = scope.calls(), scope.requests()
    assert call.attributes["error.type"] == "404"
    assert call.status.status_code is StatusCode.ERROR
    assert "case not found" in call.status.description
    assert request.attributes["error.type"] == "404"
    assert request.status.status_code is StatusCode.ERROR
    assert request.status.description is None


async def test_a_cancelled_call_leaves_no_span_open(scope):
    async with Emulator(cases=1, faults="search_cases: stall") as emulator, open_session(emulator) as session:
        scope.watch(session)
        task = asyncio.create_task(cases.search_cases(session))
        while not emulator.log:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    (call,), (request,) = scope.calls(), scope.requests()
    assert call.attributes["error.type"] == request.attributes["error.type"] == "CancelledError"
    (point,) = scope.points("http.client.request.duration")
    assert point.attributes["error.type"] == "CancelledError"


async def test_calls_at_the_same_time_keep_their_own_spans(scope):
    tracer = scope.tracer_provider.get_tracer("app")

    async def handler(session: CaseSession, number: int) -> int:
        with tracer.start_as_current_span(f"handler {number}") as outer:
            await cases.search_cases(session, page_number=number)
            return outer.get_span_context().trace_id

    async with (
        Emulator(cases=3, faults="*@20%: status=503") as emulator,
        open_session(emulator, clock=virtual(emulator)) as session,
    ):
        scope.watch(session)
        traces = await asyncio.gather(*(handler(session, number) for number in range(1, 31)))
    for number, trace_id in enumerate(traces, 1):
        family = [span for span in scope.spans if span.context.trace_id == trace_id]
        asked = {span.attributes["url.full"] for span in family if span.kind is SpanKind.CLIENT}
        assert len(asked) == 1
        assert f"number%5D={number}&" in asked.pop().replace("page[number]", "page[number%5D") + "&"


async def test_instrumenting_twice_changes_nothing_and_uninstrument_stops_it(scope):
    async with Emulator(cases=1, faults="search_cases#2: stall") as emulator, open_session(emulator) as session:
        scope.watch(session)
        scope.watch(session)
        await cases.search_cases(session)
        assert len(scope.spans) == 2
        task = asyncio.create_task(cases.search_cases(session))
        while len(emulator.log) < 2:
            await asyncio.sleep(0.001)
        uninstrument(session)
        assert len(scope.spans) == 4, "what is on its way ends"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await cases.search_cases(session)
        uninstrument(session)
    assert len(scope.spans) == 4


async def test_without_providers_the_global_ones_are_used_and_cost_nothing_but_the_call():
    async with Emulator(cases=1) as emulator, open_session(emulator) as session:
        instrument(session)
        page = await cases.search_cases(session)
        assert len(page) == 1
        uninstrument(session)
