"""Addresses of the web application, and opening them in the browser."""

from __future__ import annotations

from urllib.parse import quote

from casemgmt_async import CaseSession, web_address
from casemgmt_async.cli.context import Failed
from casemgmt_async.cli.screen import Screen

__all__ = ["browse", "quoted"]


def quoted(text: str) -> str:
    """Encode text for one segment or value of an address."""
    return quote(text, safe="")


def browse(screen: Screen, session: CaseSession, path: str) -> int:
    """Print an address of the web application and open it in the browser, if there is one."""
    address = web_address(session.base_url)
    if address is None:
        raise Failed(f"{session.base_url} has no web application to open")
    screen.write(f"{address}{path}\n")
    import webbrowser  # noqa: PLC0415 - takes a moment to load

    if not webbrowser.open(address + path):
        screen.note("no browser could be started: open the address yourself")
    return 0
