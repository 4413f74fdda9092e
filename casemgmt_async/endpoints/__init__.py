"""One coroutine function per operation, one module per resource."""

from importlib import import_module
from types import ModuleType

from casemgmt_async.routes import NEIGHBOURS, ROUTES

__all__ = sorted({route.resource for route in ROUTES + NEIGHBOURS})  # noqa: PLE0605 - the modules, from the table


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
