"""Asyncio-native, typed client for the Case Management API::

    from casemgmt_async import CaseSession, cases

    async with CaseSession() as session:  # DD_API_KEY, DD_APP_KEY, DD_SITE
        async for case in cases.iter_cases(session, filter="status:open", limit=3):
            print(case.key, case.title)

Operations are in one module per resource: `cases`, `timeline`, `relationships`, `watchers`, `links`, `projects`,
`automation_rules`, `notification_rules`, `views` and `maintenance_windows`, and, for what case operations refer to,
`case_types`, `custom_attributes`, `users`, `teams` and `on_call`. Modules are loaded when a name of theirs is first
used.
"""

from __future__ import annotations

from casemgmt_async._lazy import attach
from casemgmt_async._version import __version__ as __version__

TYPE_CHECKING = False  # see `_lazy`
if TYPE_CHECKING:
    from casemgmt_async import errors as errors, facts as facts, models as models, routes as routes
    from casemgmt_async.codec import converter as converter, decode as decode, encode as encode
    from casemgmt_async.codec import make_converter as make_converter
    from casemgmt_async.directory import *
    from casemgmt_async.endpoints import (
        automation_rules as automation_rules,
        case_types as case_types,
        cases as cases,
        custom_attributes as custom_attributes,
        links as links,
        maintenance_windows as maintenance_windows,
        notification_rules as notification_rules,
        on_call as on_call,
        projects as projects,
        relationships as relationships,
        teams as teams,
        timeline as timeline,
        users as users,
        views as views,
        watchers as watchers,
    )
    from casemgmt_async.errors import *
    from casemgmt_async.models import *
    from casemgmt_async.once import *
    from casemgmt_async.pagination import *
    from casemgmt_async.session import *
    from casemgmt_async.transport.attempt import RawResponse as RawResponse
    from casemgmt_async.transport.clock import *
    from casemgmt_async.transport.events import *
    from casemgmt_async.transport.origin import web_address as web_address
    from casemgmt_async.transport.rate_limit import RateLimit as RateLimit
    from casemgmt_async.transport.retry import RetryPolicy as RetryPolicy
    from casemgmt_async.transport.shared_budget import SharedBudget as SharedBudget
    from casemgmt_async.watching import *

PARTS = frozenset({"emulator", "errors", "facts", "jobs", "models", "probe", "routes"})
"""Packages and modules that are reached by their own names."""

if not TYPE_CHECKING:  # a type checker that saw `__getattr__` would accept any name
    __getattr__, __dir__ = attach(__name__, lazy="models", submodules=PARTS)
