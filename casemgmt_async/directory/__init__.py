"""Look-ups by name: `Directory` finds the ids that operations take.

directory = Directory(session)
ada = await directory.user("ada@example.com")
await cases.assign_case(session, case.id, assignee_id=ada.id)
"""

from __future__ import annotations

from casemgmt_async.directory.directory import Directory, StatusChoice

__all__ = ["Directory", "StatusChoice"]
