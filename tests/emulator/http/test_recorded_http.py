"""What recordings show of HTTP itself: media types, request ids, rate-limit headers."""

from __future__ import annotations

import json

import pytest
from raw_client import KEYS, talk

from casemgmt_async.emulator import Emulator, Switches

FIVE = {f"X-RateLimit-{name}" for name in ("Limit", "Period", "Remaining", "Reset", "Name")}


async def test_cases_are_json_api_and_users_plain_json():
    async with Emulator(cases=1) as emulator:
        assert (await talk(emulator)).headers["Content-Type"] == "application/vnd.api+json"
        for path in ("/api/v2/users", "/api/v2/team", "/api/v2/current_user"):
            assert (await talk(emulator, path=path)).headers["Content-Type"] == "application/json"


async def test_every_answer_has_a_request_id_of_its_own():
    async with Emulator(cases=1, seed=3) as emulator:
        ids = [(await talk(emulator, path=path)).headers["DD-Request-ID"] for path in ("/api/v2/cases", "/x")]
        refused = (await talk(emulator, keys={})).headers["DD-Request-ID"]
    assert len({*ids, refused}) == 3
    async with Emulator(cases=1, seed=3) as again:
        assert (await talk(again)).headers["DD-Request-ID"] == ids[0]


async def test_a_scripted_429_has_the_headers_of_a_real_one():
    limits = "cases=50/10s:search_cases"
    async with Emulator(cases=1, clock=1003, limits=limits, faults="*: status=429") as emulator:
        heard = await talk(emulator)
        assert heard.status == 429
        shown = {name: heard.headers[name] for name in FIVE}
        assert shown == {
            "X-RateLimit-Limit": "50", "X-RateLimit-Period": "10", "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": "7", "X-RateLimit-Name": "cases",
        }  # fmt: skip
        unlimited = (await talk(emulator, path="/api/v2/cases/projects")).headers
        assert (unlimited["X-RateLimit-Remaining"], unlimited["X-RateLimit-Reset"]) == ("0", "1")


@pytest.mark.parametrize(("shown", "success", "refusal"), [("always", 5, 5), ("refused", 0, 5), ("never", 0, 0)])
async def test_which_answers_carry_them_can_be_switched(shown, success, refusal):
    switches = Switches(rate_limit_headers=shown)
    async with Emulator(clock=1003, limits="a=1/10s:search_cases", switches=switches) as emulator:
        counts = [len(FIVE & set((await talk(emulator)).headers)) for _ in range(2)]
    assert counts == [success, refusal]


@pytest.mark.parametrize("status", [400, 404, 409, 422])
async def test_refusals_of_a_caller_can_be_scripted(status):
    async with Emulator(cases=1, faults=f"search_cases: status={status}") as emulator:
        heard = await talk(emulator)
    assert heard.status == status
    assert json.loads(heard.body)["errors"][0]["status"] == str(status)


async def test_an_html_page_of_a_gateway_has_no_rate_limit_headers():
    async with Emulator(limits="a=5/10s:*", faults="search_cases: html=429") as emulator:
        heard = await talk(emulator, keys=KEYS)
    assert (heard.status, FIVE & set(heard.headers)) == (429, set())
    assert heard.body.startswith(b"<html>")
