"""JSON text to models and back: the only package that knows JSON:API, cattrs and the JSON parser.

decode(body, Page[Case])     the body of an answer as models, or `DecodeError`
encode(answer)               models as the document they came in
dump(body)                   the body of a request as JSON text
decode_errors(body)          what the body of an error answer says; never raises
converter                    the cattrs converter that does it
make_converter()             a converter of your own, for hooks of your own
"""

from casemgmt_async.codec.converter import converter, make_converter
from casemgmt_async.codec.decoding import decode
from casemgmt_async.codec.documents import Document
from casemgmt_async.codec.encoding import dump, encode
from casemgmt_async.codec.error_bodies import decode_errors

__all__ = ["Document", "converter", "decode", "decode_errors", "dump", "encode", "make_converter"]
