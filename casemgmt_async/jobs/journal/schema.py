"""The layout of a journal's file."""

from __future__ import annotations

from typing import Final

__all__ = ["APPLICATION_ID", "SCHEMA", "SCHEMAS", "VERSION"]

APPLICATION_ID: Final = 0x43617365
"""Marks the file as ours in its header: the letters `Case`."""
VERSION: Final = 4
SCHEMA: Final = """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE subjects (
        number INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        label TEXT NOT NULL,
        case_id TEXT,
        project_id TEXT,
        seen REAL,
        before INTEGER,
        created REAL,
        active REAL
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
        error TEXT,
        was TEXT
    );
    CREATE TABLE items (kind TEXT, place TEXT, body BLOB NOT NULL, PRIMARY KEY (kind, place)) WITHOUT ROWID;
    CREATE TABLE pages (number INTEGER PRIMARY KEY, request TEXT NOT NULL, answer TEXT NOT NULL);
"""
BACKFILL_SCHEMA: Final = """
    CREATE INDEX operations_of_subject ON operations (subject);
    CREATE INDEX lost_operations ON operations (action, state) WHERE state IN ('sending', 'unknown');
    CREATE TABLE rows (
        subject INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        line INTEGER NOT NULL,
        source TEXT NOT NULL,
        run INTEGER NOT NULL,
        plan TEXT NOT NULL,
        text TEXT NOT NULL,
        prefix TEXT,
        number INTEGER,
        made_in INTEGER,
        found INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX rows_with_cases ON rows (prefix, number) WHERE number IS NOT NULL;
    CREATE TABLE tokens (
        token TEXT PRIMARY KEY,
        case_id TEXT NOT NULL,
        prefix TEXT NOT NULL,
        number INTEGER NOT NULL,
        digest BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX token_numbers ON tokens (prefix, number);
"""
"""`rows`: what the source said last, and in which run it was read (`run`) and its case made (`made_in`). `found`
says that the case was made by a run whose journal this is not. `tokens`: the cases of this job that were found on
the service. The index on operations serves a backfill, which goes on row by row."""
STATE_SCHEMA: Final = """
    CREATE TABLE seen (
        place TEXT PRIMARY KEY, id TEXT NOT NULL, key TEXT, digest BLOB NOT NULL, gone TEXT
    ) WITHOUT ROWID;
"""
"""What incremental exports have written: each case by its place in the order of age, with a digest of what it said,
and why it is gone, if it is."""
TRIAGE_SCHEMA: Final = """
    CREATE TABLE runs (
        number INTEGER PRIMARY KEY,
        state TEXT NOT NULL,
        begun REAL NOT NULL,
        ended REAL,
        digest TEXT,
        first_subject INTEGER NOT NULL,
        first_operation INTEGER NOT NULL,
        facts TEXT NOT NULL
    );
    CREATE TABLE memory (
        case_id TEXT NOT NULL,
        rule TEXT NOT NULL,
        done_at REAL NOT NULL,
        active_at REAL,
        unfinished TEXT,
        PRIMARY KEY (case_id, rule)
    ) WITHOUT ROWID;
    CREATE TABLE activity (
        case_id TEXT PRIMARY KEY,
        active_at REAL NOT NULL,
        changed_at REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX unknown_operations ON operations (action) WHERE state = 'unknown';
"""
"""What a triage keeps beside operations: its runs; when a rule was done to a case; when others were last active on a
case, and when this triage changed it last."""
SCHEMAS: Final = {"backfill": BACKFILL_SCHEMA, "export_state": STATE_SCHEMA, "triage": TRIAGE_SCHEMA}
"""What the journals of some kinds have beside the common tables."""
