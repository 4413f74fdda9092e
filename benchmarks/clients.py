"""The clients that are compared: ours, Datadog's own (sync and async), a plain cattrs one, and the floor.

Each gives the same three calls over one connection pool: a page of cases, one case, and a close.
A client that is not installed is left out, and the report says so.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import aiohttp
import attrs
import cattrs
import orjson
from attrs import define, frozen

from casemgmt_async import CaseSession, cases

KEYS = {"DD-API-KEY": "bench", "DD-APPLICATION-KEY": "bench", "Accept": "application/json"}
OFFICIAL = importlib.util.find_spec("datadog_api_client") is not None


@define
class Client:
    """One client, opened: how it is called, and how many cases it got."""

    name: str
    page: Callable[[int, int], Awaitable[int]]
    """Fetch one page by number and size; gives the number of cases on it."""
    get: Callable[[str], Awaitable[Any]]
    """Fetch one case by id."""
    close: Callable[[], Awaitable[None]]


async def ours(base_url: str) -> Client:
    """This library."""
    session = CaseSession(base_url=base_url, api_key="bench", app_key="bench", max_concurrency=100)

    async def page(number: int, size: int) -> int:
        return len(await cases.search_cases(session, page_number=number, page_size=size))

    async def get(case_id: str) -> Any:
        return await cases.get_case(session, case_id)

    return Client("casemgmt_async", page, get, session.close)


async def floor(base_url: str) -> Client:
    """Bare aiohttp and `orjson.loads`: dicts, no checks, no retries. Nothing typed can be cheaper."""
    http = aiohttp.ClientSession(base_url, headers={**KEYS, "Accept-Encoding": "gzip, deflate"})

    async def page(number: int, size: int) -> int:
        query = urlencode({"page[size]": size, "page[number]": number})
        async with http.get(f"/api/v2/cases?{query}") as response:
            return len(orjson.loads(await response.read())["data"])

    async def get(case_id: str) -> Any:
        async with http.get(f"/api/v2/cases/{case_id}") as response:
            return orjson.loads(await response.read())

    return Client("aiohttp + orjson", page, get, http.close)


@frozen
class PlainAttributes:
    """The attributes of a case, as a hand-written model."""

    title: str | None = None
    key: str | None = None
    description: str | None = None
    priority: str | None = None
    status: str | None = None
    status_name: str | None = None
    status_group: str | None = None
    type: str | None = None
    type_id: str | None = None
    created_at: datetime | None = None
    modified_at: datetime | None = None
    closed_at: datetime | None = None
    archived_at: datetime | None = None
    attributes: dict[str, list[str]] = attrs.field(factory=dict)
    custom_attributes: dict[str, dict[str, Any]] = attrs.field(factory=dict)


@frozen
class PlainCase:
    """A case with its envelope."""

    id: str
    type: str
    attributes: PlainAttributes
    relationships: dict[str, Any] = attrs.field(factory=dict)


async def plain(base_url: str) -> Client:
    """aiohttp and an unmodified cattrs converter, with nested attrs classes."""
    http = aiohttp.ClientSession(base_url, headers=KEYS)
    converter = cattrs.Converter()
    converter.register_structure_hook(datetime, lambda text, _: datetime.fromisoformat(text))

    async def page(number: int, size: int) -> int:
        async with http.get("/api/v2/cases", params={"page[size]": size, "page[number]": number}) as response:
            document = await response.json(content_type=None)
        return len(converter.structure(document["data"], list[PlainCase]))

    async def get(case_id: str) -> Any:
        async with http.get(f"/api/v2/cases/{case_id}") as response:
            return converter.structure((await response.json(content_type=None))["data"], PlainCase)

    return Client("aiohttp + cattrs", page, get, http.close)


def _official_configuration(base_url: str) -> Any:
    from datadog_api_client import Configuration  # noqa: PLC0415 - a peer that may not be installed

    configuration = Configuration(host=base_url)
    configuration.api_key["apiKeyAuth"] = configuration.api_key["appKeyAuth"] = "bench"
    return configuration


async def official_async(base_url: str) -> Client:
    """Datadog's own client, async variant."""
    from datadog_api_client import AsyncApiClient  # noqa: PLC0415
    from datadog_api_client.v2.api.case_management_api import CaseManagementApi  # noqa: PLC0415

    client = AsyncApiClient(_official_configuration(base_url))
    api: Any = CaseManagementApi(client)

    async def page(number: int, size: int) -> int:
        return len((await api.search_cases(page_number=number, page_size=size)).data)

    async def get(case_id: str) -> Any:
        return await api.get_case(case_id)

    async def close() -> None:
        await client.rest_client._client.shutdown() if hasattr(client.rest_client._client, "shutdown") else None

    return Client("official (async)", page, get, close)


async def official_sync(base_url: str) -> Client:
    """Datadog's own client, sync variant: its calls block."""
    from datadog_api_client import ApiClient  # noqa: PLC0415
    from datadog_api_client.v2.api.case_management_api import CaseManagementApi  # noqa: PLC0415

    client = ApiClient(_official_configuration(base_url))
    api: Any = CaseManagementApi(client)

    async def page(number: int, size: int) -> int:
        return len(api.search_cases(page_number=number, page_size=size).data)

    async def get(case_id: str) -> Any:
        return api.get_case(case_id)

    async def close() -> None:
        await asyncio.sleep(0)
        client.close()

    return Client("official (sync)", page, get, close)


def opened_by() -> list[Callable[[str], Awaitable[Client]]]:
    """The openers of every client that is installed, ours first and the floor last."""
    return [ours, *([official_async, official_sync] if OFFICIAL else []), plain, floor]
