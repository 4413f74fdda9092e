"""One row per operation beside the reference: how a user calls it, what is sent, and a recorded answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from attrs import field, frozen

from casemgmt_async import (
    CaseType,
    CustomAttributeConfig,
    CustomAttributeType,
    OnCallResponders,
    Page,
    Team,
    TeamMembership,
    UserAccount,
    UserStatus,
    case_types,
    custom_attributes,
    on_call,
    teams,
    users,
)

UUID: Final = "1a2b3c4d-0000-4000-8000-000000000001"
MEMBER: Final = "1a2b3c4d-0000-4000-8000-000000000002"
IDS: Final = {"case_type_id": UUID, "custom_attribute_id": MEMBER, "user_id": MEMBER, "team_id": UUID}
"""What stands in a path, by the name of the parameter."""

CASE_TYPE: Final = {
    "id": UUID,
    "type": "case_type",
    "attributes": {
        "description": "Investigations",
        "emoji": "🔍",
        "internal": False,
        "name": "Investigation",
        "statuses_config": {
            "open": {"status_options": [{"name": "Open"}], "default": "Open"},
            "in_progress": {"status_options": [{"name": "Triage"}, {"name": "In Progress"}], "default": "In Progress"},
            "closed": {"status_options": [{"name": "Closed"}], "default": "Closed"},
        },
    },
}
ATTRIBUTE: Final = {
    "id": MEMBER,
    "type": "custom_attribute",
    "attributes": {
        "case_type": "TUNKNOWN",
        "case_type_id": UUID,
        "description": "Where it runs",
        "display_name": "AWS Region",
        "is_multi": True,
        "key": "region_1",
        "type": "NUMBER",
    },
}
USER: Final = {
    "type": "users",
    "id": MEMBER,
    "attributes": {
        "name": None,
        "handle": "ada@example.com",
        "email": "ada@example.com",
        "created_at": "2022-05-12T09:53:43.305109+00:00",
        "modified_at": "2022-05-12T09:53:43.305109+00:00",
        "icon": "https://example.com/ada.png",
        "title": None,
        "verified": False,
        "service_account": False,
        "disabled": False,
        "status": "Pending",
        "last_login_time": None,
        "allowed_login_methods": [],
    },
    "relationships": {
        "roles": {"data": [{"type": "roles", "id": UUID}]},
        "org": {"data": {"type": "orgs", "id": UUID}},
    },
}
TEAM: Final = {
    "type": "team",
    "id": UUID,
    "attributes": {
        "name": "Payments",
        "handle": "payments",
        "summary": "Money",
        "description": None,
        "user_count": 3,
        "link_count": 0,
        "created_at": "2022-05-12T09:53:43.305109+00:00",
        "modified_at": "2022-05-12T09:53:43.305109+00:00",
    },
}
MEMBERSHIP: Final = {
    "type": "team_memberships",
    "id": "TeamMembership-1",
    "attributes": {"role": "admin"},
    "relationships": {"user": {"data": {"type": "users", "id": MEMBER}}},
}
INCLUDED: Final = [
    {"id": MEMBER, "type": "users", "attributes": {"email": "ada@example.com", "name": "", "status": "pending"}}
]


def pagination(total: int) -> dict[str, Any]:
    """What lists of teams and members say about their pages."""
    return {"meta": {"pagination": {"offset": 0, "limit": 20, "total": total, "type": "offset_limit"}}}


@frozen
class Call:
    """One operation, called."""

    run: Callable[..., Awaitable[Any]]
    """Takes the session and the ids of the path, in order."""
    status: int
    """The status of the success."""
    answer: Any = None
    """The body of the success."""
    gives: Any = None
    """A class, a list of one class, a page of one class, or None."""
    query: Mapping[str, str] = field(factory=dict)
    """The query that is sent."""
    body: Any = None
    """The body that is sent."""


def call(function: Callable[..., Awaitable[Any]], status: int, answer: Any, gives: Any, /, **arguments: Any) -> Call:
    """Make the row of a function that is called with the path's ids and these arguments."""
    query, body = arguments.pop("query", {}), arguments.pop("body", None)
    return Call(lambda session, *ids: function(session, *ids, **arguments), status, answer, gives, query, body)


def body(kind: str, **attributes: Any) -> dict[str, Any]:
    return {"data": {"type": kind, "attributes": attributes}}


INVESTIGATION: Final = {"name": "Investigation", "description": "Investigations", "emoji": "🔍"}
REGION: Final = {
    "key": "region_1",
    "display_name": "AWS Region",
    "is_multi": True,
    "type": CustomAttributeType.NUMBER,
    "description": "Where it runs",
}

CALLS: Final[Mapping[str, Call]] = {
    "get_all_case_types": call(case_types.get_all_case_types, 200, {"data": [CASE_TYPE]}, [CaseType]),
    "create_case_type": call(
        case_types.create_case_type,
        201,
        {"data": CASE_TYPE},
        CaseType,
        body=body("case_type", **INVESTIGATION),
        **INVESTIGATION,
    ),
    "update_case_type": call(
        case_types.update_case_type,
        200,
        {"data": CASE_TYPE},
        CaseType,
        body=body("case_type", **INVESTIGATION),
        **INVESTIGATION,
    ),
    "delete_case_type": call(case_types.delete_case_type, 204, None, None),
    "get_all_custom_attributes": call(
        custom_attributes.get_all_custom_attributes, 200, {"data": [ATTRIBUTE]}, [CustomAttributeConfig]
    ),
    "get_all_custom_attribute_configs_by_case_type": call(
        custom_attributes.get_all_custom_attribute_configs_by_case_type,
        200,
        {"data": [ATTRIBUTE]},
        [CustomAttributeConfig],
    ),
    "create_custom_attribute_config": call(
        custom_attributes.create_custom_attribute_config,
        201,
        {"data": ATTRIBUTE},
        CustomAttributeConfig,
        body=body("custom_attribute", **REGION),
        **REGION,
    ),
    "update_custom_attribute_config": call(
        custom_attributes.update_custom_attribute_config,
        200,
        {"data": ATTRIBUTE},
        CustomAttributeConfig,
        display_name="Region",
        description="",
        type=CustomAttributeType.SELECT,
        options=["eu", "us"],
        map_from="region",
        body=body(
            "custom_attribute",
            display_name="Region",
            description="",
            type="SELECT",
            type_data={"options": [{"value": "eu"}, {"value": "us"}]},
            map_from="region",
        ),
    ),
    "delete_custom_attribute_config": call(custom_attributes.delete_custom_attribute_config, 204, None, None),
    "list_users": call(
        users.list_users,
        200,
        {"data": [USER], "meta": {"page": {"total_count": 900, "total_filtered_count": 41}}},
        Page,
        filter="ada",
        status=UserStatus.ACTIVE,
        sort="email",
        ascending=False,
        page_number=2,
        page_size=20,
        query={
            "filter": "ada",
            "filter[status]": "Active",
            "sort": "email",
            "sort_dir": "desc",
            "page[number]": "2",
            "page[size]": "20",
        },
    ),
    "get_user": call(users.get_user, 200, {"data": USER}, UserAccount),
    "get_current_user": call(users.get_current_user, 200, {"data": USER}, UserAccount),
    "list_teams": call(
        teams.list_teams,
        200,
        {"data": [TEAM], **pagination(41)},
        Page,
        keyword="pay",
        mine=True,
        sort="-name",
        page_number=2,
        page_size=20,
        query={
            "filter[keyword]": "pay",
            "filter[me]": "true",
            "sort": "-name",
            "page[number]": "2",
            "page[size]": "20",
        },
    ),
    "get_team_memberships": call(
        teams.get_team_memberships,
        200,
        {"data": [MEMBERSHIP], "included": INCLUDED, **pagination(41)},
        Page,
        keyword="ada",
        page_number=2,
        page_size=20,
        query={"filter[keyword]": "ada", "page[number]": "2", "page[size]": "20"},
    ),
    "get_team_on_call_users": call(
        on_call.get_team_on_call_users,
        200,
        {
            "data": {
                "id": f"{UUID}-1760000000",
                "type": "team_oncall_responders",
                "relationships": {
                    "responders": {"data": [{"id": MEMBER, "type": "users"}]},
                    "escalations": {"data": []},
                },
            },
            "included": INCLUDED,
        },
        OnCallResponders,
        query={"include": "responders,escalations.responders"},
    ),
}

MODELS: Final = {"list_users": UserAccount, "list_teams": Team, "get_team_memberships": TeamMembership}
"""The class of the items, for operations that give a page."""
