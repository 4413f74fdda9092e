"""Which failures are tried again, how often, and after what wait."""

from __future__ import annotations

import pytest

from casemgmt_async.errors import InvalidArgumentError
from casemgmt_async.routes import Replay
from casemgmt_async.transport.classify import FailureKind
from casemgmt_async.transport.retry import DECISIONS, Decision, RetryBudget, RetryPolicy


def test_every_case_is_decided() -> None:
    assert set(DECISIONS) == set(FailureKind)
    assert all(set(row) == set(Replay) for row in DECISIONS.values())


def test_a_create_is_sent_again_only_when_it_was_not_done() -> None:
    again = {kind for kind, row in DECISIONS.items() if row[Replay.CREATE] is Decision.RETRY}
    assert again == {FailureKind.NOT_SENT, FailureKind.LIMITED}
    assert all(row[Replay.READ] is row[Replay.SET] is not Decision.UNKNOWN for row in DECISIONS.values())


def test_the_backoff_limits_double_up_to_the_cap() -> None:
    policy = RetryPolicy(attempts=12)
    waits = [policy.backoff_limit(failed) for failed in range(1, 12)]
    assert waits == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 20, 20, 20, 20])


def test_the_wait_is_bounded_for_any_number_of_attempts() -> None:
    assert RetryPolicy(attempts=1000).backoff_limit(999) == 20


@pytest.mark.parametrize(
    ("argument", "value"),
    [("attempts", 0), ("initial_backoff", 0), ("max_backoff", -1), ("max_retry_after", -1), ("attempt_timeout", 0)],
)
def test_a_policy_that_makes_no_sense_is_refused(argument: str, value: float) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        RetryPolicy(**{argument: value})
    assert caught.value.argument == argument


def test_an_outage_is_not_multiplied() -> None:
    budget = RetryBudget(capacity=10, refill=0.5)
    assert sum(budget.take() for _ in range(1000)) == 10
    for _ in range(4):
        budget.record_success()
    assert sum(budget.take() for _ in range(1000)) == 2
    for _ in range(1000):
        budget.record_success()
    assert budget.tokens == 10
