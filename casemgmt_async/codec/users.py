"""Users of the document that is being read: one object for each."""

from __future__ import annotations

import itertools
from contextvars import ContextVar
from typing import Final

from casemgmt_async.models.users import User

__all__ = ["Users", "current_users"]


class Users(dict[str, User]):
    """Users of one document, by id. A user that the document only points to is made at the first look-up."""

    __slots__ = ("serial",)

    def __init__(self) -> None:
        self.serial = next(serials)

    def __missing__(self, identity: str) -> User:
        user = self[identity] = User(identity)
        return user


serials: Final = itertools.count()
"""Numbers of documents, which show whether two members came in the same one."""


class NoUsers(Users):
    """Users outside a document: nothing is shared."""

    __slots__ = ()

    def __missing__(self, identity: str) -> User:
        return User(identity)


current_users: Final[ContextVar[Users]] = ContextVar("current_users", default=NoUsers())  # noqa: B039
"""The users of the document that is being read, for hooks: cattrs passes them nothing but the value."""
