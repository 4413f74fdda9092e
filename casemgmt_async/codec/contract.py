"""The contract: one cattrs converter whose hooks flatten resources and unflatten them again.

`structure` takes the plain objects of a parsed body, `unstructure` gives them back. A model stands
for its JSON:API resource; `Page[Model]`, and `Document[Model]` or `Document[list[Model]]`, for the
document around. Everything the fast path does has to come out as it does here.
"""

from casemgmt_async.codec import unflatten
from casemgmt_async.codec.flatten import converter

__all__ = ["converter", "rewrite"]

rewrite = unflatten.rewrite
