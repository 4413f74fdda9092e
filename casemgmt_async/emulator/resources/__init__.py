"""The rules of the service: one module per resource, one function per operation.

Each handler takes the store and a request, changes the store, and returns a reply or raises `Refused`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

from casemgmt_async.emulator.messages import ApiRequest, Reply
from casemgmt_async.emulator.state.store import Store
from casemgmt_async.routes import NEIGHBOURS, ROUTES

__all__ = ["HANDLERS", "Handler"]

Handler = Callable[[Store, ApiRequest], Reply]

HANDLERS: Mapping[str, Handler] = {
    route.name: getattr(import_module(f"{__name__}.{route.resource}"), route.name) for route in (*ROUTES, *NEIGHBOURS)
}
"""The function that answers each operation, by the route's name."""
