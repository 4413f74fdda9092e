"""Bytes to models and back: the only place that knows JSON:API, cattrs and the JSON parser."""

from casemgmt_async.codec.converter import converter
from casemgmt_async.codec.documents import decode, dump, encode
from casemgmt_async.codec.faults import decode_errors

__all__ = ["converter", "decode", "decode_errors", "dump", "encode"]
