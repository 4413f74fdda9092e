"""Walks over numbered pages: `Pages` is fast, `Sweep` finds everything while the data changes.

Both take a function that fetches one page, and do not depend on sessions.
"""

from casemgmt_async._lazy import attach

TYPE_CHECKING = False  # see `_lazy`
if TYPE_CHECKING:
    from casemgmt_async.pagination.iterators import Fetch as Fetch
    from casemgmt_async.pagination.iterators import Walk as Walk
    from casemgmt_async.pagination.pages import Pages as Pages
    from casemgmt_async.pagination.reader import SweepFetch as SweepFetch
    from casemgmt_async.pagination.sweep import Sweep as Sweep
    from casemgmt_async.pagination.sweep import SweepResult as SweepResult
    from casemgmt_async.pagination.sweep_run import SweepPass as SweepPass

if not TYPE_CHECKING:  # a type checker that saw `__getattr__` would accept any name
    __getattr__, __dir__ = attach(__name__)
