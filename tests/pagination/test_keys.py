"""Which keys are accounted for: found, or requested and known not to belong."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from shelf import Thing

from casemgmt_async.errors import NotFoundError, PermissionDeniedError
from casemgmt_async.pagination.keys import KeyAccount


def account_of(*numbers: int) -> KeyAccount[Thing]:
    account = KeyAccount[Thing]()
    for number in numbers:
        account.add(Thing(0, f"id-{number}", f"SEC-{number}"))
    return account


async def missing(_: str) -> Thing:
    raise NotFoundError(404)


async def present(key: str) -> Thing:
    return Thing(0, f"id-of-{key}", key)


def always(_: Thing) -> bool:
    return True


def never(_: Thing) -> bool:
    return False


@pytest.mark.parametrize(
    ("numbers", "get", "matches", "most", "complete"),
    [
        ((10,), missing, always, 9, True),
        ((10,), missing, always, 8, False),  # one key was not requested
        ((), missing, always, 9, False),  # no key is known at all
        ((10,), missing, None, 9, True),  # nothing exists that `matches` would have to decide on
        ((10,), present, None, 9, False),  # those that exist may belong
        ((10,), present, never, 9, True),
        ((1, 2, 3), missing, always, 0, True),  # there are no gaps
    ],
)
async def test_all_keys_are_accounted_for(numbers: tuple[int, ...], get: Any, matches: Any, most: int, complete: bool):
    account = account_of(*numbers)
    await account.probe(get, matches, most, 4, {}, beyond=False)
    assert account.complete is complete


async def test_the_newest_gaps_are_requested_first() -> None:
    account = account_of(10)
    await account.probe(missing, always, 3, 1, {}, beyond=False)
    assert account.unaccounted == ["SEC-9", "SEC-8", "SEC-7"]
    assert (account.probed, account.unprobed) == (3, 6)


async def test_a_key_that_must_not_be_read_is_unaccounted() -> None:
    async def denied(_: str) -> Thing:
        raise PermissionDeniedError(403)

    account = account_of(2)
    assert await account.probe(denied, always, 5, 1, {}, beyond=False) == []
    assert account.unaccounted == ["SEC-1"]


@pytest.mark.parametrize("window", [1, 3])
async def test_so_many_keys_are_requested_at_the_same_time(window: int) -> None:
    flying = most = 0

    async def get(key: str) -> Thing:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        for _ in range(5):
            await asyncio.sleep(0)
        flying -= 1
        return await present(key)

    found = await account_of(10).probe(get, always, 9, window, {}, beyond=False)
    assert len(found) == 9
    assert most == window
