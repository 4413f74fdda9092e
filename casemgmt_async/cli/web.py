"""Addresses of the web application, and opening them in the browser."""

from __future__ import annotations

from urllib.parse import quote

from casemgmt_async import CaseSession
from casemgmt_async.cli.context import Failed
from casemgmt_async.cli.screen import Screen

__all__ = ["browse", "quoted", "web_address"]


def web_address(base_url: str) -> str | None:
    """Return the address of the web application for an API address; None for an emulator or a proxy."""
    site = base_url.removeprefix("https://api.")
    if site == base_url:
        return None
    return f"https://app.{site}" if site.count(".") == 1 else f"https://{site}"


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
