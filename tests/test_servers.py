"""The servers that tests start are real, and every test gets an empty place on them."""

from __future__ import annotations

import psycopg
import pytest


@pytest.mark.parametrize("_", range(2))
def test_each_test_gets_an_empty_postgres_database(postgres_url: str, _: int) -> None:
    with psycopg.connect(postgres_url) as connection:
        assert connection.info.server_version >= 180000
        connection.execute("CREATE TABLE mine (x int)")  # fails where another test has made it
