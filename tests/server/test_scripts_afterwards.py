"""Written papers when things change midway: links and rights of markers, pages, answers typed anew."""

import io
import zipfile
from collections.abc import Callable
from decimal import Decimal as D
from typing import Any

import cv2
import numpy as np
import pytest
from sqlalchemy import select

from server.access import Actor
from server.db.people import UserRole
from server.db.scripts import ScanPage, ScriptReading
from server.db.sittings import Assignment, Candidate
from server.db.staffing import StaffRecusal
from server.errors import NotFound, Refused
from server.host import Host
from server.jobs import scans as scan_job
from server.jobs.scans import read_scans
from server.services import (
    entered_marks,
    scans,
    script_markers,
    script_objectives,
    script_readings,
    script_register,
    script_room,
)
from server.services.entered_marks import Entry
from server.services.scans import Where
from server.services.script_readings import Given
from server.services.signed import Signed
from tests.server.conftest import Machine
from tests.server.script_kit import PaperRoom, loose_pages, make_paper_room, page_image, zipped

GIVEN = {"objective": "40", "four": "12", "five": "10"}


@pytest.fixture
def room(host: Host, person_as: Callable[..., Actor], machine: Machine) -> PaperRoom:
    made = make_paper_room(host, person_as, machine)
    made.end()
    return made


def link(room: PaperRoom, who: Actor, candidate: str) -> None:
    def add(session: Any) -> None:
        author = session.scalars(select(Candidate).where(Candidate.name == candidate)).one()
        facts = {"kind": "kin", "candidate_index": author.id_index, "added_at": room.host.now()}
        session.add(StaffRecusal(user_id=who.user_id, **facts))

    room.host.db.write(add)


def add(room: PaperRoom, row: object) -> None:
    room.host.db.write(lambda session: session.add(row))


def overview(room: PaperRoom, seat: str) -> script_register.ScriptLine:
    with room.host.db.read() as session:
        found = script_register.overview(session, room.manager, room.room)
    return next(line for line in found.scripts if line.seat == seat)


def page_ids(room: PaperRoom) -> list[int]:
    with room.host.db.read() as session:
        return list(session.scalars(select(ScanPage.id).order_by(ScanPage.id)))


# --- markers who may not any more ------------------------------------------------------------------------


@pytest.mark.parametrize("why", ["link", "right", "duty"])
def test_a_link_or_right_that_came_after_the_draw_stops_the_marker(room: PaperRoom, why: str) -> None:
    room.allot(*room.markers[:3])
    first, second = room.readings("2")
    uncle = room.marker(first)
    if why == "link":
        link(room, uncle, "考生2")
    elif why == "right":
        add(room, UserRole(user_id=uncle.user_id, role="scorer"))
    else:
        add(room, Assignment(room_sitting_id=room.room, user_id=uncle.user_id or 0, role="examiner"))
    with pytest.raises(Refused, match="script_not_yours") as refused:
        room.hand_in(first, **GIVEN)
    assert refused.value.params == {}
    for act, more in ((script_readings.desk, ()), (script_readings.save, (Given({}),))):
        with pytest.raises(Refused, match="script_not_yours"):
            room.scene.write(act, uncle, first.id, *more)
    assert [(one.name == uncle.name, one.unfit) for one in overview(room, "2").readings] == [
        (True, True),
        (False, False),
    ]
    room.scene.write(script_markers.take_back, Signed(room.manager, "须回避"), first.id)
    room.scene.write(script_markers.name, room.manager, room.room, [room.markers[3].user_id])
    room.scene.write(script_markers.allot, room.manager, room.room, "again")
    assert uncle.user_id not in {one.user_id for one in room.readings("2")}
    for one in room.readings("2"):
        room.hand_in(one, **GIVEN)
    assert room.scripts()["2"].points == D(62)
    assert second.id in {one.id for one in room.readings("2")}


def test_a_link_stops_nothing_but_that_script(room: PaperRoom) -> None:
    room.allot(*room.markers[:2])
    link(room, room.markers[0], "考生2")
    for one in room.readings("1"):
        room.hand_in(one, **GIVEN)
    assert room.scripts()["1"].state == "settled"
    with room.host.db.read() as session:
        found = {one.code: one for one in script_readings.mine(session, room.markers[0])}
    closed = found[room.scripts()["2"].code]
    assert [code for code, one in found.items() if one.open] == [room.scripts()["3"].code]
    assert (closed.closed, closed.handed_at) == (True, None)


# --- answers typed anew ----------------------------------------------------------------------------------


def typed(room: PaperRoom, seat: str, who: Actor, text: str) -> bool:
    done: bool = room.scene.write(script_objectives.type_in, who, room.scripts()[seat].id, text)
    return done


def test_what_was_confirmed_counts_until_a_newer_typing_is_confirmed(
    room: PaperRoom, person_as: Callable[..., Actor]
) -> None:
    room.allot(*room.markers[:2])
    second = person_as("administrator")
    assert typed(room, "1", room.manager, "1 A\n2 D\n3 A")
    assert typed(room, "1", second, "1 A\n2 D\n3 A")
    first, other = room.readings("1")
    room.hand_in(first, four="12", five="10")
    assert typed(room, "1", room.manager, "1 A\n2 A\n3 A")  # nobody has confirmed it
    room.hand_in(other, four="12", five="10")
    assert (room.scripts()["1"].state, room.scripts()["1"].points) == ("settled", D(62))


def test_the_register_adds_up_when_answers_were_typed_after_the_first_marker(
    room: PaperRoom, person_as: Callable[..., Actor]
) -> None:
    room.allot(*room.markers[:2])
    first, other = room.readings("1")
    room.hand_in(first, objective="20", four="12", five="10")
    for who in (room.manager, person_as("administrator")):
        assert typed(room, "1", who, "1 A\n2 D\n3 A")
    room.hand_in(other, four="12", five="10")
    line = overview(room, "1")
    assert line.points == D(62)
    assert [one.total for one in line.readings] == [D(62), D(62)]
    with room.host.db.read() as session:
        assert session.get_one(ScriptReading, first.id).total == D(42)  # as it was handed in


# --- pages -----------------------------------------------------------------------------------------------


@pytest.mark.dear
def test_a_page_leaves_no_script_that_somebody_has_marked(room: PaperRoom) -> None:
    room.store(loose_pages(1))
    (page,) = page_ids(room)
    room.scene.write(scans.match, room.manager, page, "1")
    room.allot(*room.markers[:2])
    for one in room.readings("1"):
        room.hand_in(one, **GIVEN)
    with pytest.raises(Refused, match="scan_not_loose"):
        room.scene.write(scans.match, room.manager, page, "2")
    assert len(overview(room, "1").pages) == 1


def test_a_page_that_was_set_aside_by_mistake_comes_back(room: PaperRoom) -> None:
    room.store(loose_pages(1))
    (page,) = page_ids(room)
    room.scene.write(scans.set_aside, room.manager, page)
    with pytest.raises(Refused, match="scan_not_loose"):
        room.scene.write(scans.match, room.manager, page, "1")
    with room.host.db.read() as session:
        assert [one.id for one in scans.aside(session, room.room)] == [page]
    room.scene.write(scans.recall, room.manager, page)
    with pytest.raises(NotFound):
        room.scene.write(scans.recall, room.manager, page)
    room.scene.write(scans.match, room.manager, page, "1")
    assert len(overview(room, "1").pages) == 1


def test_a_paper_with_pages_is_not_left_out(room: PaperRoom) -> None:
    room.store(loose_pages(1))
    room.scene.write(scans.match, room.manager, page_ids(room)[0], "1")
    script = room.scripts()["1"].id
    with pytest.raises(Refused, match="script_has_pages"):
        room.scene.write(script_room.leave_out, Signed(room.manager, "缺考"), script)
    room.scene.write(scans.loosen, room.manager, page_ids(room)[0])
    room.scene.write(script_room.leave_out, Signed(room.manager, "缺考"), script)


@pytest.mark.dear
def test_the_head_of_a_page_scanned_before_the_first_is_not_shown(room: PaperRoom) -> None:
    room.store(loose_pages(2))
    room.store({**loose_pages(3)}, "b" * 64)
    room.allot(*room.markers[:2])
    first, second, other = page_ids(room)
    for page in (second, first, other):
        room.scene.write(scans.match, room.manager, page, "1")
    mine = room.readings("1")[0]
    desk = room.scene.write(script_readings.desk, room.marker(mine), mine.id)
    assert [(page.place, page.head) for page in desk.pages] == [(1, False), (2, False), (3, False)]
    with pytest.raises(NotFound):
        room.scene.write(scans.marked_strip, room.marker(mine), Where(mine.id, 2, "head"))
    room.scene.write(scans.loosen, room.manager, second)
    desk = room.scene.write(script_readings.desk, room.marker(mine), mine.id)
    assert [(page.place, page.head) for page in desk.pages] == [(2, False), (3, False)]


def test_a_numbered_copy_is_never_joined_by_its_order(room: PaperRoom) -> None:
    pages = loose_pages(3)
    foreign = {**pages, "pages": [{"code": "EXAMHALL1 sheet A 3 other abc"}, *pages["pages"][1:]]}
    room.store(foreign)
    with pytest.raises(Refused, match="scan_order_coded") as refused:
        room.scene.write(scans.match_in_order, room.manager, room.room, 1)
    assert refused.value.params["pages"] == "1"


def test_spare_copies_are_joined_by_their_order(room: PaperRoom) -> None:
    pages = loose_pages(3)
    room.store({**pages, "pages": [{"code": "EXAMHALL1 sheet A spare other abc"}] * 3})
    assert room.scene.write(scans.match_in_order, room.manager, room.room, 1) == 3


@pytest.mark.dear
def test_page_two_of_an_archive_comes_before_page_ten() -> None:
    buffer = io.BytesIO()
    shades = {f"scans/{number}.png": number * 20 for number in (10, 2, 1)}
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, shade in shades.items():
            archive.writestr(name, page_image(fill=shade))
            archive.writestr(f"__MACOSX/scans/._{name[6:]}", b"fork")
    read = read_scans({"data": buffer.getvalue(), "name": "x.zip"}, lambda *_: None)
    bodies = [cv2.imdecode(np.frombuffer(read[f"body-{n}"], np.uint8), 1) for n in range(len(read["pages"]))]
    assert [round(float(body.mean())) for body in bodies] == [20, 40, 200]


@pytest.mark.parametrize("name", ["../../etc/passwd\x07.png", "C:\\x\\..\\" + "a" * 300 + ".png"])
def test_names_in_an_archive_are_names_and_nothing_else(name: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, b"no picture")
    with pytest.raises(Refused, match="scan_not_readable") as refused:
        read_scans({"data": buffer.getvalue(), "name": "x.zip"}, lambda *_: None)
    told = str(refused.value.params["file"])
    assert told.isprintable()
    assert len(told) <= 80
    assert "etc" not in told


def test_archive_and_pictures_of_many_pages_stay_in_the_limits() -> None:
    pages = zipped(*[page_image()] * 401)
    with pytest.raises(Refused, match="scan_too_many_pages"):
        read_scans({"data": pages, "name": "x.zip"}, lambda *_: None)


# --- marks beside the markers ----------------------------------------------------------------------------


def test_an_entry_from_before_is_not_confirmed_beside_the_markers(
    room: PaperRoom, person_as: Callable[..., Actor]
) -> None:
    room.scene.write(script_room.prepare, room.manager, room.room)
    attempt = room.scripts()["1"].attempt_id
    entry = room.scene.write(entered_marks.enter, room.manager, room.host.answers, Entry(attempt, D(99)))
    room.allot(*room.markers[:2])
    with pytest.raises(Refused, match="mark_by_markers"):
        room.scene.write(entered_marks.confirm, person_as("administrator"), entry, D(99))
    with room.host.db.read() as session:
        assert entered_marks.whole_papers(session, [attempt]) == {}


@pytest.mark.dear
def test_a_page_at_600_points_an_inch_is_made_smaller_before_it_is_turned() -> None:
    large = cv2.imencode(".jpg", np.full((7016, 4960, 3), 255, np.uint8))[1].tobytes()
    frame = scan_job._picture(large, "x")
    assert max(frame.shape[:2]) == scan_job.LONGEST_SIDE
