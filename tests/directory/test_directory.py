"""Look-ups by name: what they find, what they refuse with which candidates, and how many requests they take."""

from __future__ import annotations

import asyncio
import copy
import pickle
import uuid

import pytest

from casemgmt_async import (
    AmbiguousNameError,
    AuthenticationError,
    CaseSession,
    CustomAttributeType,
    Directory,
    InvalidArgumentError,
    NameLookupError,
    StatusGroup,
    UnknownNameError,
    case_types,
    custom_attributes,
    projects,
    users,
)

# --- users


async def test_a_user_is_found_by_email_handle_and_id_in_any_case(directory, add_user):
    ada = add_user(handle="ada.l", email="Ada@Example.com", name="Ada Lovelace")
    add_user(handle="ada@example.com.au", name="Another")  # the search finds it too
    for name in ("ada@example.com", " ADA@EXAMPLE.COM ", "ada.l", "Ada.L", ada.id, ada.id.upper()):
        assert (await directory.user(name)).id == ada.id, name


async def test_me_is_the_user_of_the_credentials(directory, session, sent):
    assert (await directory.user("me")).id == (await users.get_current_user(session)).id
    assert await directory.user(" ME ") == await directory.user("me")
    assert sent()["get_current_user"] == 2


async def test_a_handle_that_is_a_uuid_is_found_though_it_is_no_id(directory, add_user):
    handle = str(uuid.uuid4())
    bot = add_user(handle=handle, email="bot@example.com", service_account=True)
    assert (await directory.user(handle)).id == bot.id


async def test_a_person_is_found_before_a_service_account_with_the_same_address(directory, add_user):
    add_user(handle=str(uuid.uuid4()), email="ada@example.com", service_account=True)
    ada = add_user(handle="ada@example.com")
    assert (await directory.user("ada@example.com")).id == ada.id


async def test_a_service_account_alone_is_found(directory, add_user):
    bot = add_user(handle=str(uuid.uuid4()), email="bot@example.com", service_account=True)
    assert (await directory.user("bot@example.com")).id == bot.id


async def test_a_disabled_user_is_refused_unless_asked_for(directory, add_user):
    gone = add_user(handle="gone@example.com", status="Disabled")
    with pytest.raises(UnknownNameError, match=r"cannot be used: gone@example.com \(id .*, disabled\)") as caught:
        await directory.user("gone@example.com")
    assert [(candidate.id, candidate.note) for candidate in caught.value.candidates] == [(gone.id, "disabled")]
    assert (await directory.user("gone@example.com", include_disabled=True)).id == gone.id


async def test_a_user_who_came_back_is_found_beside_the_disabled_account(directory, add_user):
    add_user(handle="old", email="ada@example.com", status="Disabled")
    back = add_user(handle="new", email="ada@example.com")
    assert (await directory.user("ada@example.com")).id == back.id


async def test_two_users_of_one_address_are_ambiguous(directory, add_user):
    both = [add_user(handle=handle, email="ada@example.com", name="Ada") for handle in ("a", "b")]
    with pytest.raises(AmbiguousNameError, match=r"2 users have the name 'ada@example.com'.*use an id") as caught:
        await directory.user("ada@example.com")
    assert {candidate.id for candidate in caught.value.candidates} == {user.id for user in both}
    assert all(user.id in str(caught.value) for user in both)


async def test_an_unknown_user_is_refused_with_near_matches(directory, add_user):
    ada = add_user(handle="ada.lovelace@example.com", name="Ada Lovelace")
    with pytest.raises(UnknownNameError, match=r"did you mean Ada Lovelace <ada\.lovelace@example\.com>") as caught:
        await directory.user("ada.lovelance@example.com")
    assert caught.value.candidates[0].id == ada.id
    with pytest.raises(UnknownNameError, match=r"did you mean Ada Lovelace <ada\.lovelace@example\.com>"):
        await directory.user("ada lovelace")  # full names are not unique, so that they are candidates only
    with pytest.raises(UnknownNameError) as caught:
        await directory.user("zzz@nowhere.test")
    assert caught.value.candidates == ()
    with pytest.raises(UnknownNameError):
        await directory.user(str(uuid.uuid4()))


async def test_a_name_that_finds_too_many_is_refused(directory, emulator):
    emulator.seed_users(1100)
    with pytest.raises(UnknownNameError, match="finds more than 1000 users"):
        await directory.user("example.com")


@pytest.mark.parametrize("name", ["", "  ", None, 5])
async def test_what_is_no_name_is_refused_before_anything_is_sent(directory, sent, name):
    for find in (directory.user, directory.team, directory.project, directory.case_type, directory.custom_attribute):
        with pytest.raises(InvalidArgumentError):
            await find(name)
    with pytest.raises(InvalidArgumentError):
        await directory.users(["ada@example.com", name])
    assert not sent()


# --- how many requests


async def test_a_hundred_look_ups_of_ten_addresses_side_by_side_cost_ten_requests(directory, emulator, sent):
    emulator.latency = 0.01
    ids = emulator.seed_users(10)
    emails = [emulator.store.users[user_id].email for user_id in ids]
    found = await asyncio.gather(*(directory.user(email) for email in emails * 10))
    assert [user.id for user in found] == ids * 10
    assert sum(sent().values()) == 10
    await asyncio.gather(*(directory.user(email) for email in emails * 10))
    assert sum(sent().values()) == 10


async def test_many_names_read_the_whole_list_where_that_is_cheaper(directory, emulator, sent):
    ids = emulator.seed_users(250)
    emails = [emulator.store.users[user_id].email for user_id in ids]
    found = await directory.users(emails)
    assert [user.id for user in found.values()] == ids
    assert list(found) == emails
    assert sent()["list_users"] <= 5


async def test_few_names_of_a_large_organisation_are_searched_one_by_one(directory, emulator, sent):
    ids = emulator.seed_users(50_000)
    some = [emulator.store.users[user_id].email for user_id in ids[::5000]]
    found = await directory.users(some)
    assert [user.id for user in found.values()] == ids[::5000]
    assert sum(sent().values()) == 10


async def test_all_names_that_fail_are_told_at_once(directory, add_user):
    add_user(handle="a@example.com")
    with pytest.raises(NameLookupError) as caught:
        await directory.users(["x@nowhere.test", "a@example.com", "y@nowhere.test"])
    assert [error.name for error in caught.value.errors] == ["x@nowhere.test", "y@nowhere.test"]
    assert "x@nowhere.test" in str(caught.value)
    assert "y@nowhere.test" in str(caught.value)
    with pytest.raises(UnknownNameError):
        await directory.users(["a@example.com", "z@nowhere.test"])


async def test_an_answer_is_kept_for_its_age(directory, add_user, clock, sent):
    ada = add_user(handle="ada@example.com", name="Ada")
    await directory.user("ada@example.com")
    ada.name = "Countess"
    clock.now = 299
    assert (await directory.user("ada@example.com")).name == "Ada"
    clock.now = 301
    assert (await directory.user("ada@example.com")).name == "Countess"
    directory.forget()
    await directory.user("ada@example.com")
    assert sent()["list_users"] == 3


async def test_no_age_keeps_nothing(session, add_user, sent):
    directory = Directory(session, max_age=0)
    add_user(handle="ada@example.com")
    for _ in range(3):
        await directory.user("ada@example.com")
    assert sent()["list_users"] == 3
    with pytest.raises(InvalidArgumentError):
        Directory(session, max_age=-1)


async def test_a_caller_that_is_cancelled_leaves_the_others_their_answer(directory, emulator, add_user, sent):
    emulator.latency = 0.05
    ada = add_user(handle="ada@example.com")
    first, second = (asyncio.create_task(directory.user("ada@example.com")) for _ in range(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).id == ada.id
    with pytest.raises(asyncio.CancelledError):
        await first
    assert sent()["list_users"] == 1


async def test_a_look_up_that_nobody_waits_for_is_cancelled(directory, emulator):
    emulator.latency = 0.05
    before = len(asyncio.all_tasks())
    task = asyncio.create_task(directory.user("ada@example.com"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(3):
        await asyncio.sleep(0)
    assert len([task for task in asyncio.all_tasks() if "_fetch" in repr(task)]) == 0
    assert len(asyncio.all_tasks()) <= before + 1  # the emulator's side of the connection


async def test_an_error_of_the_service_is_raised_and_not_kept(directory, emulator, add_user):
    ada = add_user(handle="ada@example.com")
    emulator.set_faults("list_users#1: status=401")
    with pytest.raises(AuthenticationError):
        await directory.users(["ada@example.com", "ada@example.com"])
    assert (await directory.user("ada@example.com")).id == ada.id


# --- teams and who is on call


async def test_a_team_is_found_by_handle_name_and_id(directory, emulator):
    team = next(iter(emulator.store.tables.teams.values()))
    for name in (team.handle, team.name.upper(), team.id):
        assert (await directory.team(name)).id == team.id
    assert set(await directory.teams([team.handle, team.id])) == {team.handle, team.id}
    with pytest.raises(UnknownNameError, match="no team has the handle, name or id 'nobody'"):
        await directory.team("nobody")


async def test_who_is_on_call_for_a_team(directory, emulator, clock, sent):
    team = next(iter(emulator.store.tables.teams.values()))
    (user,) = await directory.on_call(team.handle)
    assert (user.id, user.email) == (team.on_call[0], emulator.store.users[team.on_call[0]].email)
    team.on_call = []
    assert await directory.on_call(team.handle) == (user,)
    clock.now = 61
    assert await directory.on_call(team.handle) == ()
    assert sent()["get_team_on_call_users"] == 2


# --- projects, case types, statuses, custom attributes


async def test_a_project_is_found_by_key_name_and_id(directory, session, sent):
    project = (await projects.get_projects(session))[0]
    for name in (project.key.lower(), project.name, project.id):
        assert (await directory.project(name)).id == project.id
    assert set(await directory.projects([project.key, project.id])) == {project.key, project.id}
    assert sent()["get_projects"] == 2


async def test_a_new_project_is_found_once_the_list_is_not_fresh(directory, session, clock, sent):
    await directory.projects([(await projects.get_projects(session))[0].key])
    await projects.create_project(session, key="NEW", name="New")
    with pytest.raises(UnknownNameError):
        await directory.project("NEW")
    clock.now = 11
    assert (await directory.project("NEW")).key == "NEW"
    with pytest.raises(UnknownNameError):
        await directory.project("NEWER")
    assert sent()["get_projects"] == 3


async def test_a_case_type_is_found_by_name_and_id_and_ambiguous_names_are_refused(directory, session):
    standard = await directory.case_type("standard")
    assert standard.id == "00000000-0000-0000-0000-000000000001"
    assert await directory.case_type(standard.id) == standard
    both = [await case_types.create_case_type(session, name="Investigation") for _ in range(2)]
    directory.forget()
    with pytest.raises(AmbiguousNameError) as caught:
        await directory.case_type("Investigation")
    assert {candidate.id for candidate in caught.value.candidates} >= {kind.id for kind in both}
    assert (await directory.case_types([both[1].id]))[both[1].id].id == both[1].id


async def test_a_status_of_a_type(directory):
    assert (await directory.status("Change Request", "approved")).name == "Approved"
    closed = await directory.status("Standard", "CLOSED")
    assert (closed.name, closed.group) == ("Closed", StatusGroup.SG_CLOSED)
    with pytest.raises(UnknownNameError, match="did you mean Closed") as caught:
        await directory.status("Standard", "Close")
    assert caught.value.kind == "status"


async def test_a_type_that_does_not_tell_its_statuses(directory, emulator):
    emulator.switches = type(emulator.switches)(statuses_config=False)
    with pytest.raises(UnknownNameError, match="does not list the statuses of the case type 'Standard'"):
        await directory.status("Standard", "Closed")


async def test_a_user_who_came_after_the_list_was_read_is_found(directory, add_user, clock, sent):
    """The list of all users answers for ten seconds alone; then a name that is not in it is searched for."""
    known = [add_user(handle=f"user-{number}@example.com") for number in range(6)]
    await directory.users([user.email for user in known])
    new = add_user(handle="new@example.com")
    with pytest.raises(UnknownNameError):
        await directory.user("new@example.com")
    clock.now += 11
    assert (await directory.user("new@example.com")).id == new.id


async def test_the_first_kind_of_name_decides(directory, session):
    """A project whose name is the key of another does not make that key ambiguous."""
    await projects.create_project(session, key="ZZZ", name="SEC")
    assert (await directory.project("sec")).key == "SEC"


async def test_a_custom_attribute_of_several_types_is_found_by_each_id(directory, emulator):
    """By its key it counts as one, but every id is that of one type."""
    ids = emulator.add_custom_attribute("weight", "NUMBER")
    assert [(await directory.custom_attribute(each)).id for each in ids] == ids


async def test_a_custom_attribute_is_found_by_key_and_display_name(directory, session, emulator):
    emulator.add_custom_attribute("weight", "NUMBER", display_name="Weight in kg")
    for name in ("weight", "WEIGHT IN KG"):
        attribute = await directory.custom_attribute(name)
        assert (attribute.key, attribute.type) == ("weight", CustomAttributeType.NUMBER)
    types = await case_types.get_all_case_types(session)
    other = await custom_attributes.create_custom_attribute_config(
        session, types[-1].id, key="heft", display_name="weight in KG", type=CustomAttributeType.TEXT, is_multi=False
    )
    directory.forget()
    with pytest.raises(AmbiguousNameError) as caught:
        await directory.custom_attribute("weight in kg")
    assert len(caught.value.candidates) == 2
    assert await directory.custom_attribute(other.id) == other
    assert (await directory.custom_attribute("heft", case_type=types[-1].id)).id == other.id
    with pytest.raises(UnknownNameError):
        await directory.custom_attribute("heft", case_type=types[0].id)


async def test_errors_of_names_are_plain_values(directory):
    with pytest.raises(NameLookupError) as caught:
        await directory.case_type("Standart")
    error = caught.value
    assert isinstance(error, LookupError)
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (type(again), str(again), again.candidates) == (type(error), str(error), error.candidates)


async def test_it_works_for_a_variant_of_a_session(emulator, add_user):
    ada = add_user(handle="ada@example.com")
    async with CaseSession(api_key="any", app_key="any", base_url=emulator.base_url) as session:
        assert (await Directory(session.with_options(timeout=5)).user("ada@example.com")).id == ada.id
