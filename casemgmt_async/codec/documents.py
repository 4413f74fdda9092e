"""JSON:API documents: what is around a resource, a list of resources or a page of them."""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import cattrs
import msgspec
from attrs import define, field, frozen
from msgspec import UNSET, UnsetType

from casemgmt_async.codec.hooks import Hook, SequenceHook, hook_for
from casemgmt_async.codec.shape import Path, key_of, origin_of, pointer
from casemgmt_async.codec.users import Users, current_users
from casemgmt_async.codec.values import DocumentWire, ShapeError, checked, missing, plain, wrong
from casemgmt_async.codec.wire import ODD, Form, ModelHook
from casemgmt_async.models.base import Extra, Model, ReceivedExtra, inside
from casemgmt_async.models.page import Listing, Page
from casemgmt_async.models.users import User

__all__ = ["ROOT", "Document", "DocumentHook", "PageInfo", "Parsed", "document_of", "is_user"]

T = TypeVar("T")

ROOT: Final[Path] = ()
"""Path of the document."""


class Document(Generic[T]):
    """The document that holds a resource: `Document[Case]`, or several: `Document[list[Case]]`.

    For the converter only. It gives the resource or the list itself.
    """

    if not TYPE_CHECKING:  # each call looks up the hook of such a type, and this one has a faster hash
        __class_getitem__ = classmethod(types.GenericAlias)


@frozen
class PageInfo(Model):
    """Members of a document beside `data` and `included`."""

    number: int = inside("meta", "page", "current", default=0)
    """Number of the page."""
    size: int | None = inside("meta", "page", "size")
    """Number of items on the page."""
    total_pages: int | None = inside("meta", "page", "total")
    """Number of pages."""
    total_items: int | None = inside("meta", "total_cases")
    """Number of items on all pages."""
    extra: Extra = field(factory=dict)
    """Everything else, by JSON pointer."""


@define(eq=False)
class Parsed:
    """A parsed document: each resource as a struct of its model, or as plain objects where it does not fit that."""

    data: Any
    """The resource, or the list of resources, or None."""
    included: list[Any] | UnsetType | None
    """The included resources."""
    rest: dict[str, Any]
    """The other members as plain objects."""

    def plain(self) -> dict[str, Any]:
        """Return the document as plain objects."""
        included = {} if isinstance(self.included, UnsetType) else {"included": plain(self.included)}
        return {**plain(self.rest), "data": plain(self.data), **included}


NOTHING: Final = msgspec.Raw(b"")
"""Stands for a member that is absent."""


class Members(msgspec.Struct, forbid_unknown_fields=True, gc=False, eq=False, kw_only=True):
    """Members of a document by the specification of JSON:API, without `data`."""

    errors: Any = UNSET
    included: msgspec.Raw = NOTHING
    jsonapi: Any = UNSET
    links: Any = UNSET
    meta: Any = UNSET


CAREFUL_FOR: Final = 16
"""How many documents are cut into resources first, after one that did not fit as a whole."""
FEW: Final = 4
"""Number of odd resources in a document above which their share decides whether the closed struct is still tried."""


@frozen(eq=False)
class Parser:
    """Reads JSON text of documents: as a whole, which is fastest, or cut into the texts of the resources."""

    form: Form
    """The form of the resources for which this was made."""
    whole: Callable[[bytes], Any]
    cut: Callable[[bytes], Any]

    @classmethod
    def of(cls, form: Form, *, many: bool) -> Parser:
        """Make the parser of documents whose resources have a form."""

        def decoder(kind: Any) -> Callable[[bytes], Any]:
            struct = msgspec.defstruct("Document", [("data", list[kind] | None if many else kind)], bases=(Members,))
            return msgspec.json.Decoder(struct).decode

        return cls(form, decoder(form.struct), decoder(msgspec.Raw))


@functools.lru_cache(maxsize=1024)
def document_of(answer: Any) -> Any:
    """Return the type of the document that holds an answer."""
    return answer if origin_of(answer) is Page else Document[answer]


class DocumentHook(Hook):
    """Parses and structures a document: the users of `included` first, then the resources that point to them."""

    def __init__(self, kind: Any, converter: cattrs.Converter) -> None:
        super().__init__(kind)
        answer = typing.get_args(kind)[0]
        self.page = origin_of(kind) is Page
        self.many = self.page or origin_of(answer) in (list, tuple)
        inner = typing.get_args(answer)[0] if self.many and not self.page else answer
        self.item, self.user, self.info = (hook_for(converter, one) for one in (inner, User, PageInfo))
        self.items = SequenceHook(list[Any], self.item)
        self.parser: Parser | None = None
        self.users: tuple[Form, Callable[[Any], Any]] | None = None
        """The form of users, and what reads the text of an array of them."""
        self.careful = 0
        """How many of the next documents to cut into resources first."""

    # --- text ---

    def parse(self, body: bytes) -> Any:
        """Read JSON text.

        A document is tried as a whole. After one that did not fit, those that follow are cut into the texts of
        their resources, which are read one by one: this costs some 10 % more, but an odd resource costs only itself.
        """
        if not isinstance(self.item, ModelHook):
            return msgspec.json.decode(body)
        form, parser = self.item.form(), self.parser
        if parser is None or parser.form is not form:
            parser = self.parser = Parser.of(form, many=self.many)
            self.careful = 0  # the new form has a member for what was odd
        if not self.careful:
            try:
                return self.parsed(parser.whole(body))
            except ODD:
                self.careful = CAREFUL_FOR
        try:
            document = parser.cut(body)
            document.data = self.parse_data(document.data, self.item, form)
        except ODD:
            return msgspec.json.decode(body)
        return self.parsed(document)

    def parse_data(self, data: Any, item: ModelHook, form: Form) -> Any:
        """Read the text of the resource, or of each resource.

        Where most of the first ones are odd, the closed struct is not tried for the others.
        """
        if not isinstance(data, list):
            self.careful -= 1
            return item.parse(data) if isinstance(data, msgspec.Raw) else data
        found: list[Any] = []
        odd, add, parse = 0, found.append, form.parse
        for place, text in enumerate(data):
            if odd <= FEW or odd * 2 <= place:
                try:
                    add(parse(text))
                    continue
                except ODD:
                    pass
            odd += 1
            add(item.parse_odd(text))
        self.careful = CAREFUL_FOR if odd else self.careful - 1
        return found

    def parsed(self, document: Any) -> Parsed:
        """Put together a parsed document; included users are read one by one, because others may be among them."""
        included = UNSET if document.included is NOTHING else self.parse_included(document.included)
        rest: dict[str, Any] = {}
        if document.errors is not UNSET:
            rest["errors"] = document.errors
        if document.jsonapi is not UNSET:
            rest["jsonapi"] = document.jsonapi
        if document.links is not UNSET:
            rest["links"] = document.links
        if document.meta is not UNSET:
            rest["meta"] = document.meta
        return Parsed(document.data, included, rest)

    def parse_included(self, text: msgspec.Raw) -> Any:
        """Read the text of all included resources: users into their struct, others into plain objects."""
        if not isinstance(self.user, ModelHook):
            return msgspec.json.decode(text)
        form = self.user.form()
        if self.users is None or self.users[0] is not form:
            self.users = form, msgspec.json.Decoder(list[form.struct] | None).decode  # type: ignore[name-defined]
        try:
            return self.users[1](text)
        except ODD:
            parsed = msgspec.json.decode(text)
        if not isinstance(parsed, list):
            return parsed
        return [self.user.parse(one) for one in msgspec.json.decode(text, type=list[msgspec.Raw])]

    # --- models ---

    def read(self, raw: Any) -> Any:
        """Structure a parsed document, or plain objects."""
        if isinstance(raw, Parsed):
            data, included, rest = raw.data, raw.included, raw.rest
        elif isinstance(raw, dict):
            if "data" not in raw:
                missing("data")
            data, included = raw["data"], raw.get("included")
            rest = {name: raw[name] for name in sorted(raw) if name not in ("data", "included")}
        else:
            wrong("object", raw)
        users = Users()
        before = current_users.set(users)
        try:
            others = self.read_included(included, users) if included else []
            known = tuple(users.values())
            return self.answer(rest, self.read_data(data, users), others, known, raw)
        finally:
            current_users.reset(before)

    def read_data(self, data: Any, users: Users) -> Any:
        """Read the resource or the resources."""
        try:
            if self.many:
                return self.read_items(data, users)
            if self.parser is not None and data.__class__ is self.parser.form.struct:
                try:
                    return self.parser.form.structure(data, users)
                except ODD:
                    pass
            return self.item.read(data) if data is not None else missing()
        except ShapeError as error:
            error.within("data")
            raise

    def read_items(self, data: Any, users: Users) -> list[Any]:
        """Read the resources of a list."""
        if not isinstance(self.item, ModelHook) or self.parser is None or not isinstance(data, list):
            return self.items.read(data)  # type: ignore[no-any-return]
        items: list[Any] = []
        add, read, struct, structure = items.append, self.item.read, self.parser.form.struct, self.parser.form.structure
        try:
            for one in data:
                if one.__class__ is struct:
                    try:
                        add(structure(one, users))
                    except ODD:
                        pass
                    else:
                        continue
                add(read(one))
        except ShapeError as error:
            error.within(len(items))
            raise
        return items

    def read_included(self, entries: Any, users: Users) -> list[Any]:
        """Read the included users; return the entries that are not users."""
        others: list[Any] = []
        read: Any = self.user.read
        place: Any = ()
        struct, structure = (self.users[0].struct, self.users[0].structure) if self.users else (None, read)
        try:
            if not isinstance(entries, list):
                wrong("array", entries)
            for place, entry in enumerate(entries):  # noqa: B007 - says where an error was
                if entry.__class__ is struct:
                    try:
                        user = structure(entry, users)
                    except ODD:
                        user = read(entry)
                    users[user.id] = user
                elif is_user(entry):
                    user = read(entry)
                    users[user.id] = user
                else:
                    others.append(checked(entry))
        except ShapeError as error:
            error.within("included", *([] if place == () else [place]))
            raise
        return others

    # --- the answer ---

    def answer(self, rest: dict[str, Any], data: Any, others: list[Any], included: tuple[User, ...], wire: Any) -> Any:
        """Put together what the caller gets."""
        if self.page:
            info = self.info.read(rest)
            extra = remember(ReceivedExtra(info.extra), wire, included)
            if others:
                extra["included"] = others
            return Page(data, info.number, info.size, info.total_pages, info.total_items, extra)
        beside = {name: checked_at(name, value) for name, value in rest.items()} if rest else {}
        if others:
            beside["included"] = others
        if self.many:
            extra = remember(ReceivedExtra(), wire, included)
            extra.update({key_of(ROOT, (name,)): value for name, value in beside.items()})
            return Listing(data, extra)
        own = getattr(data, "extra", None)
        if isinstance(own, ReceivedExtra):
            remember(own, DocumentWire(wire), included)
            for name, value in beside.items():
                own["/" + pointer((name,))] = value
        return data


def is_user(entry: Any) -> bool:
    """Whether an entry of `included` is a user; one without a type is taken for one."""
    return not isinstance(entry, dict) or entry.get("type") in (None, User.resource_type)


def remember(extra: ReceivedExtra, wire: Any, included: tuple[User, ...]) -> ReceivedExtra:
    """Keep with an answer what it was read from."""
    extra.wire, extra.included = wire, included
    return extra


def checked_at(name: str, value: Any) -> Any:
    """Return a member of a document, or refuse it where it is nested too deeply."""
    try:
        return checked(value)
    except ShapeError as error:
        error.within(name)
        raise
