"""Bytes to models and back: the only place that knows JSON:API, cattrs and the JSON parser.

decode(body, Page[Case])     a body as models, or `DecodeError`
decode_errors(body)          what the body of an error answer says; never fails
dump(body)                   the body of a request as bytes
encode(answer)               models as the document they came in
converter                    the cattrs converter that says what all of that means
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from casemgmt_async.codec.decoding import decode
from casemgmt_async.codec.faults import decode_errors

if TYPE_CHECKING:
    from casemgmt_async.codec.contract import converter
    from casemgmt_async.codec.encoding import dump, encode

__all__ = ["converter", "decode", "decode_errors", "dump", "encode"]


if not TYPE_CHECKING:  # a checker that saw this would take any name for one of ours

    def __getattr__(name: str) -> Any:
        """Load the converter and what works by it when it is first needed."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{'contract' if name == 'converter' else 'encoding'}"), name)
        globals()[name] = value
        return value
