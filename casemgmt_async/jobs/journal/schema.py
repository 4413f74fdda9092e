"""The layout of a journal's file."""

from __future__ import annotations

from typing import Final

__all__ = ["APPLICATION_ID", "INDEX", "SCHEMA", "VERSION"]

APPLICATION_ID: Final = 0x43617365
"""Stands in the header of the file: the letters `Case`."""
VERSION: Final = 1
SCHEMA: Final = """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE subjects (
        number INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        label TEXT NOT NULL,
        case_id TEXT,
        project_id TEXT,
        seen REAL,
        before INTEGER
    );
    CREATE TABLE operations (
        number INTEGER PRIMARY KEY,
        subject INTEGER NOT NULL,
        rule TEXT NOT NULL,
        stage INTEGER NOT NULL,
        action TEXT NOT NULL,
        payload TEXT NOT NULL,
        state TEXT NOT NULL,
        sent_at REAL,
        ended_at REAL,
        result TEXT,
        error TEXT
    );
    CREATE TABLE items (kind TEXT, place TEXT, body BLOB NOT NULL, PRIMARY KEY (kind, place)) WITHOUT ROWID;
    CREATE TABLE pages (number INTEGER PRIMARY KEY, request TEXT NOT NULL, answer TEXT NOT NULL);
"""
INDEX: Final = "CREATE INDEX operations_of_subject ON operations (subject);"
"""For a backfill, which goes on row by row; a triage takes the operations of many cases at once."""
