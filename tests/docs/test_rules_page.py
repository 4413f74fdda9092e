"""The reference of the rules file says what the reader of the file does."""

from __future__ import annotations

import tomllib

import pytest
import rules_reference
from attrs import NOTHING, fields

from casemgmt_async.jobs import RulesError
from casemgmt_async.jobs.actions import ACTIONS
from casemgmt_async.jobs.triage.rules.document import RulesFile, WrittenRule, parse_rules
from casemgmt_async.jobs.triage.rules.matching import Comparison, Match
from casemgmt_async.jobs.triage.rules.stale import WrittenStale

RULE = '[[rules]]\nname = "r"\nmatch = "all"\nactions = { priority = "P3" }\n'
STALE = '[stale]\nwarn_after = "30d"\nclose_after = "7d"\n'


def written(kind: type, key: str, line: str) -> str:
    """A whole rules file around an example."""
    if kind is RulesFile:
        return line if key in ("rules", "stale") else f"{line}\n{RULE}"
    if kind is Match:
        return f'[[rules]]\nname = "r"\nactions = {{ priority = "P3" }}\n[rules.match]\n{line}'
    if kind is Comparison:
        return written(Match, key, f"custom_attributes = {{ {line} }}")
    kept = RULE if kind is WrittenRule else STALE
    return "".join(each + "\n" for each in kept.splitlines() if not each.startswith(f"{key} =")) + line


EXAMPLES = [(kind, key, line) for kind, lines in rules_reference.EXAMPLES.items() for key, line in lines.items()]


@pytest.mark.parametrize(("kind", "key", "line"), EXAMPLES, ids=lambda value: getattr(value, "__name__", str(value)))
def test_every_example_of_a_key_uses_the_key_and_is_read(kind, key, line):
    text = written(kind, key, line)
    assert key in text
    assert parse_rules(tomllib.loads(text)).rules


@pytest.mark.parametrize("kind", rules_reference.EXAMPLES, ids=lambda kind: kind.__name__)
def test_the_page_lists_every_key_and_its_default(kind):
    table = rules_reference.keys_table(kind).splitlines()[2:]
    keys = [field.name.rstrip("_") for field in fields(kind)]
    assert [row.split("`")[1] for row in table] == keys == list(rules_reference.EXAMPLES[kind])
    assert [" required " in row for row in table] == [field.default is NOTHING for field in fields(kind)]


@pytest.mark.parametrize(
    ("kind", "key"), [(kind, field.name) for kind in (WrittenRule, WrittenStale) for field in fields(kind)]
)
def test_a_key_may_be_left_out_unless_it_is_required(kind, key):
    kept = RULE if kind is WrittenRule else STALE
    text = "\n".join(each for each in kept.splitlines() if not each.startswith(f"{key} ="))
    if next(field for field in fields(kind) if field.name == key).default is NOTHING:
        with pytest.raises(RulesError, match=key):
            parse_rules(tomllib.loads(text))
    else:
        assert parse_rules(tomllib.loads(text)).rules


def test_the_page_lists_every_action_and_its_examples_are_read():
    assert list(rules_reference.ACTIONS) == list(ACTIONS)
    for name, (_, examples) in rules_reference.ACTIONS.items():
        for line in examples:
            assert line.startswith(f"{name} = ")
            rule = f'[[rules]]\nname = "r"\nonce = true\nmatch = "all"\n[rules.actions]\n{line}'
            assert parse_rules(tomllib.loads(rule)).rules
