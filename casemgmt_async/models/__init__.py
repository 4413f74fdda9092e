"""The data of the API: frozen attrs classes, one module per resource, no I/O.

A model is public when the `__all__` of its module names it. Modules are loaded when a name of theirs is first used.
"""

from casemgmt_async._lazy import attach

TYPE_CHECKING = False  # see `_lazy`
if TYPE_CHECKING:
    from casemgmt_async.models.automation_rules import *
    from casemgmt_async.models.base import Extra as Extra
    from casemgmt_async.models.base import Model as Model
    from casemgmt_async.models.base import OpenEnum as OpenEnum
    from casemgmt_async.models.base import ReceivedExtra as ReceivedExtra
    from casemgmt_async.models.base import Resource as Resource
    from casemgmt_async.models.case_types import *
    from casemgmt_async.models.cases import *
    from casemgmt_async.models.custom_attributes import *
    from casemgmt_async.models.links import *
    from casemgmt_async.models.maintenance_windows import *
    from casemgmt_async.models.notification_rules import *
    from casemgmt_async.models.on_call import *
    from casemgmt_async.models.page import *
    from casemgmt_async.models.project_settings import *
    from casemgmt_async.models.projects import *
    from casemgmt_async.models.teams import *
    from casemgmt_async.models.timeline import *
    from casemgmt_async.models.unset import *
    from casemgmt_async.models.users import *
    from casemgmt_async.models.views import *
    from casemgmt_async.models.watchers import *

if not TYPE_CHECKING:  # a type checker that saw `__getattr__` would accept any name
    __getattr__, __dir__ = attach(__name__)
