"""The texts that script an emulator: what they mean, and what is said where they mean nothing."""

import pytest

from casemgmt_async.emulator import Actor, Fault, Limit, NotationError, read_actors, read_faults, read_limits
from casemgmt_async.emulator.behavior.script_parser import CallCounter, Calls, duration, size
from casemgmt_async.routes import NEIGHBOURS, ROUTES


def hit(text, route="create_case", calls=12, seed=0):
    """The numbers of the calls that are meant."""
    counter = CallCounter(Calls.parse(text), seed)
    return [number for number in range(1, calls + 1) if counter.hits(route)]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("create_case", list(range(1, 13))),
        ("create_case#3", [3]),
        ("create_case#2..4", [2, 3, 4]),
        ("create_case#11..", [11, 12]),
        ("create_case#2../3", [2, 5, 8, 11]),
        ("create_case#2..6/2", [2, 4, 6]),
        ("create_*#1", [1]),
        ("get_case,create_case#2", [2]),
        ("create#2", [2]),
        ("read", []),
        ("*@0%", []),
        ("*@100%", list(range(1, 13))),
    ],
)
def test_calls_are_counted_from_one(text, meant):
    assert hit(text) == meant


def test_a_count_is_over_all_operations_of_a_line():
    counter = CallCounter(Calls.parse("get_case,create_case#2"), 0)
    assert [counter.hits(name) for name in ("get_case", "search_cases", "create_case", "get_case")] == [
        False,
        False,
        True,
        False,
    ]


def test_a_chance_is_the_same_for_the_same_seed_and_about_right():
    first, again, other = (hit("*@30%", calls=1000, seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    assert 240 < len(first) < 360


def test_words_for_classes_cover_all_operations():
    classes = [Calls(word).routes for word in ("read", "set", "create")]
    assert sum(map(len, classes)) == len(ROUTES) + len(NEIGHBOURS) == len(frozenset().union(*classes))


@pytest.mark.parametrize(
    "text",
    ["create_case#3: drop-after-effect", "*@5%: status=503", "search_cases#2..4: stall=10s", "get_case: redirect",
     "search_cases#2../3: cut-gzip=100", "create: empty-before-effect", "get_case,get_project: content-type=image/png"],
)  # fmt: skip
def test_a_fault_is_written_as_it_is_read(text):
    assert str(Fault.parse(text)) == text
    assert Fault.parse(str(Fault.parse(text))) == Fault.parse(text)


def test_scripts_may_be_text_typed_or_mixed():
    typed = Fault("create_case#3", "drop", after_effect=True)
    text = "create_case#3: drop-after-effect"
    assert read_faults(f"{text}; {text}\n {text}\n") == [typed] * 3
    assert read_faults([text, typed]) == [typed] * 2
    assert read_faults(typed) == [typed]
    assert read_faults(None) == read_faults("") == []
    assert read_actors("search_cases#2: close=3") == [Actor("search_cases#2", "close", 3)]
    assert read_limits("cases=50/10s:search_cases,get_case; w=5/1m@unix:create") == [
        Limit("cases", 50, 10, "search_cases,get_case"),
        Limit("w", 5, 60, "create", unix=True),
    ]


def test_a_limit_is_written_as_it_can_be_read():
    limit = Limit("cases", 50, 0.5, "search_cases", unix=True)
    assert Limit.parse(str(limit)) == limit


@pytest.mark.parametrize(
    ("read", "text", "said"),
    [
        (read_faults, "create_case: statsu=503", "did you mean 'status'? Allowed: refuse, hang-up, reset, drop"),
        (read_faults, "create_cse: status=503", "did you mean 'create_case'?"),
        (read_faults, "create_case: status=418", "must be one of 400, 401, 403"),
        (read_faults, "create_case: redirect=200", "must be one of 301, 302"),
        (read_faults, "create_case: stall=soon", "250ms"),
        (read_faults, "create_case: giant=huge", "64kB"),
        (read_faults, "create_case: hang-up=0", "must be a whole number, 1 or more"),
        (read_faults, "create_case: reset=1", "takes no value"),
        (read_faults, "create_case: reset-after-effect", "always strikes before"),
        (read_faults, "create_case: cut-before-effect", "always strikes after"),
        (read_faults, "create_case#0: drop", "count from 1"),
        (read_faults, "create_case#4..2: drop", "count from 1"),
        (read_faults, "create_case@200%: drop", "between 0% and 100%"),
        (read_faults, "create_case!: drop", "invalid calls"),
        (read_faults, "create_case", "invalid fault"),
        (read_limits, "cases=50:search_cases", "invalid limit"),
        (read_limits, "cases=50/10s:serch_cases", "did you mean 'search_cases'"),
        (read_limits, "cases=50/0s:search_cases", "the period over 0"),
        (read_actors, "search_cases: shut=1", "unknown action"),
        (read_actors, "search_cases", "invalid actor"),
        (lambda text: Fault("get_case", "stall", text), "10s", "must be a number"),
        (duration, "10", "10s"),
        (size, "10 apples", "10MB"),
    ],
)
def test_an_error_says_what_is_allowed(read, text, said):
    with pytest.raises(NotationError) as caught:
        read(text)
    assert said in str(caught.value)


def test_units():
    assert [duration(text) for text in ("250ms", "10s", "2m", "1h", "1.5s")] == [0.25, 10, 120, 3600, 1.5]
    assert [size(text) for text in ("500", "64kB", "10MB", "1GiB", "1gb")] == [500, 64_000, 10**7, 2**30, 10**9]
