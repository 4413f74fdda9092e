"""Recorders copy the headers of a request and send the copy; what they store must not contain a key."""

from __future__ import annotations

import copy
import pickle

from casemgmt_async.transport.credentials import Secret


def test_a_copy_of_headers_can_be_sent():
    headers = {"DD-API-KEY": Secret("0123456789")}
    for copied in (copy.copy(headers["DD-API-KEY"]), copy.deepcopy(headers)["DD-API-KEY"]):
        assert copied == "0123456789"
        assert repr(copied) == "<secret>"


def test_a_pickle_of_headers_hides_the_key():
    stored = pickle.dumps({"DD-API-KEY": Secret("0123456789")})
    assert b"0123456789" not in stored
    assert pickle.loads(stored) == {"DD-API-KEY": "<secret>"}
