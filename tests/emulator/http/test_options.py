"""Options of a wrong type are refused by name, before anything listens."""

from __future__ import annotations

from typing import Any

import pytest

from casemgmt_async.emulator import Emulator, EmulatorClock, Key, Switches


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("cases", "5", "a whole number, 0 or more, not '5'"),
        ("cases", -1, "a whole number, 0 or more, not -1"),
        ("seed", "abc", "a whole number, not 'abc'"),
        ("clock", "now", "a number of Unix seconds, a function, an EmulatorClock, or None, not 'now'"),
        ("clock", True, "an EmulatorClock, or None, not True"),
        ("switches", {"shuffle_ties": True}, r"Switches\(...\), or None, not {'shuffle_ties': True}"),
        ("facts", "facts.json", r"Facts, as from Facts.read\(path\), or None, not 'facts.json'"),
        ("latency", "1s", "a number of seconds, 0 or more, not '1s'"),
        ("latency", -1, "not -1"),
        ("keys", "a:b", r"a list such as \[Key\('a', 'b'\)\], or None, not 'a:b'"),
        ("keys", ["a:b"], r"not \['a:b'\]"),
        ("log_size", -1, "a whole number, 0 or more, or None, not -1"),
        ("port", "80", "a whole number from 0 to 65535, not '80'"),
        ("port", 70_000, "not 70000"),
    ],
)
def test_an_option_of_another_type_is_refused(option: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{option} must be .*{message}$"):
        Emulator(**{option: value})


@pytest.mark.parametrize(
    "options",
    [
        {"clock": 1_780_000_000, "latency": 0, "log_size": 0},
        {"clock": EmulatorClock(5), "keys": (Key("a", "b"),), "switches": Switches(included=False)},
        {"clock": lambda: 1_780_000_000.0, "keys": [], "log_size": None, "port": 0},
    ],
)
def test_what_fits_is_taken(options: dict[str, Any]) -> None:
    assert len(Emulator(cases=1, **options).store.cases) == 1
