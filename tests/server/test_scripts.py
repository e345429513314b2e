"""Written papers: scans joined by their codes, markers, typed answers, the register."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import cv2
import pytest
from sqlalchemy import select

from itembank.items import Criterion, ItemKind
from server.access import Actor
from server.db.bank import BankItem, BlueprintRow
from server.db.papers import FormItem, PaperSet
from server.db.people import UserRole
from server.db.record import AuditEntry
from server.db.scripts import ScanPage
from server.db.sittings import Assignment, Candidate, Sitting
from server.db.staffing import StaffRecusal
from server.errors import Forbidden, NotFound, Refused
from server.host import Host
from server.jobs import scans as reading
from server.jobs.scans import read_scans
from server.services import (
    scans,
    script_criteria,
    script_markers,
    script_objectives,
    script_readings,
    script_register,
    script_room,
)
from server.services.scans import Where
from tests.server import item_kit
from tests.server.conftest import Machine
from tests.server.script_kit import ZONE, PaperRoom, acts, loose_pages, make_paper_room, page_image, zipped

QUIET = lambda *_: None  # noqa: E731


@pytest.fixture
def room(host: Host, person_as: Callable[..., Actor], machine: Machine) -> PaperRoom:
    return make_paper_room(host, person_as, machine)


# --- scans -----------------------------------------------------------------------------------------------


@pytest.mark.dear
def test_printed_sheets_come_back_turned_and_find_their_seats(room: PaperRoom) -> None:
    pdf = room.sheets()
    room.end()
    drawn = [frame for frame, _share in reading._frames(pdf, "x.pdf")]
    turned = [drawn[0], cv2.rotate(drawn[1], cv2.ROTATE_180), cv2.rotate(drawn[2], cv2.ROTATE_90_CLOCKWISE)]
    read = read_scans(
        {"data": zipped(*(cv2.imencode(".png", t)[1].tobytes() for t in turned)), "name": "z"}, QUIET
    )
    stored = room.store(read)
    assert (stored.pages, stored.matched) == (3, 3)
    with room.host.db.read() as session:
        found = {row.script_id: row for row in session.scalars(select(ScanPage))}
    scripts = room.scripts()
    assert [found[scripts[seat].id].code.split()[3] for seat in "123"] == ["1", "2", "3"]
    assert {row.matched_by for row in found.values()} == {"code"}
    assert len({script.code for script in scripts.values()}) == 3


def test_a_marker_is_shown_neither_seat_nor_name(room: PaperRoom) -> None:
    room.end()
    room.store(loose_pages(2))
    room.allot(*room.markers[:2])
    with room.host.db.read() as session:
        pages = list(session.scalars(select(ScanPage.id).order_by(ScanPage.id)))
    for page_id in pages:
        room.scene.write(scans.match, room.manager, page_id, "1")
    marker = room.marker(room.readings("1")[0])
    mine = room.readings("1")[0].id
    look = lambda who, place, part: room.scene.write(scans.marked_strip, who, Where(mine, place, part))  # noqa: E731
    assert look(marker, 1, "body").startswith(b"\xff\xd8")
    assert look(marker, 2, "head").startswith(b"\xff\xd8")
    for place, part in ((1, "stamp"), (1, "head"), (2, "stamp"), (1, "other"), (3, "body")):
        with pytest.raises(NotFound):
            look(marker, place, part)
    for stranger in (room.markers[2], room.scene.invigilator, room.manager):
        with pytest.raises(NotFound):
            look(stranger, 1, "body")
    whole = lambda who: room.scene.write(scans.strip, who, pages[0], "stamp")  # noqa: E731
    assert whole(room.manager).startswith(b"\xff\xd8")
    with pytest.raises(NotFound):
        whole(marker)
    look(marker, 1, "body")
    assert acts(room).count("scan_viewed") == 3  # once for each person and page


def test_pages_without_a_code_wait_for_a_person(room: PaperRoom) -> None:
    room.end()
    stored = room.store(loose_pages(3))
    assert (stored.pages, stored.matched) == (3, 0)
    with room.host.db.read() as session:
        first, second, third = scans.loose(session, room.room)
    with pytest.raises(Refused, match="scan_seat_unknown"):
        room.scene.write(scans.match, room.manager, first.id, "4")  # the spare seat wrote nothing
    room.scene.write(scans.match, room.manager, first.id, "2")
    room.scene.write(scans.set_aside, room.manager, second.id)
    with pytest.raises(Refused, match="scan_not_loose"):
        room.scene.write(scans.set_aside, room.manager, first.id)
    room.scene.write(scans.loosen, room.manager, first.id)
    with room.host.db.read() as session:
        assert [one.id for one in scans.loose(session, room.room)] == [first.id, third.id]


def test_loose_pages_in_the_order_of_seats_only_when_they_come_out_even(room: PaperRoom) -> None:
    room.end()
    room.store(loose_pages(3))
    with pytest.raises(Refused, match="scan_order_count"):
        room.scene.write(scans.match_in_order, room.manager, room.room, 2)
    assert room.scene.write(scans.match_in_order, room.manager, room.room, 1) == 3
    with room.host.db.read() as session:
        joined = dict(session.execute(select(ScanPage.id, ScanPage.script_id)).all())
    assert [joined[key] for key in sorted(joined)] == [room.scripts()[seat].id for seat in "123"]


@pytest.mark.dear
def test_the_same_file_and_the_same_page_count_once(room: PaperRoom) -> None:
    room.end()
    room.store(loose_pages(2))
    with pytest.raises(Refused, match="scan_again"):
        room.store(loose_pages(2))
    stored = room.store(loose_pages(3), "b" * 64)
    assert (stored.pages, stored.again) == (1, 2)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"%PDF-1.7 nothing", "scan_damaged"),
        (b"PK\x03\x04 nothing", "zip_damaged"),
        (b"GIF89a", "scan_not_readable"),
        (zipped(), "scan_not_readable"),  # an empty zip begins with other bytes
        (zipped(b"no picture"), "scan_not_readable"),
        (page_image()[:400], "picture_damaged"),
    ],
)
def test_what_is_no_scan_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(Refused, match=code):
        read_scans({"data": data, "name": "x"}, QUIET)


def test_nothing_is_brought_in_before_the_end(room: PaperRoom) -> None:
    with pytest.raises(Refused, match="scripts_before_end"):
        room.store(loose_pages(2))
    room.end()
    with pytest.raises(Forbidden):
        room.scene.write(scans.store, room.markers[0], room.room, scans.Brought("a" * 64, 1), loose_pages(2))


# --- markers ---------------------------------------------------------------------------------------------


def test_two_markers_a_script_with_even_loads(room: PaperRoom) -> None:
    room.end()
    assert room.allot(*room.markers[:3]) == 6
    for seat in "123":
        first, second = room.readings(seat)
        assert first.user_id != second.user_id
        assert (first.turn, second.turn) == (1, 2)
    with room.host.db.read() as session:
        assert [line.allotted for line in script_markers.register(session, room.room)] == [2, 2, 2]
    assert room.scene.write(script_markers.allot, room.manager, room.room, "again") == 0


def test_who_may_not_mark(room: PaperRoom, person_as: Callable[..., Actor]) -> None:
    room.end()
    here = person_as("examiner")
    duty = Assignment(room_sitting_id=room.room, user_id=here.user_id or 0, role="examiner")
    room.host.db.write(lambda session: session.add(duty))
    for who, code in (
        (person_as("invigilator"), "script_marker_role"),
        (person_as("examiner", "scorer"), "script_marker_apart"),
        (person_as("examiner", "administrator"), "script_marker_apart"),
        (here, "script_marker_was_here"),
    ):
        with pytest.raises(Refused, match=code):
            room.scene.write(script_markers.name, room.manager, room.room, [who.user_id])
    with room.host.db.read() as session:
        offered = {user for user, _name in script_markers.candidates(session, room.room)}
    assert offered == {marker.user_id for marker in room.markers}


def test_who_stands_back_for_the_author_gets_another_script(room: PaperRoom) -> None:
    room.end()
    uncle = room.markers[0]

    def link(session: Any) -> None:
        author = session.scalars(select(Candidate).where(Candidate.name == "考生2")).one()
        row = StaffRecusal(
            user_id=uncle.user_id, kind="kin", candidate_index=author.id_index, added_at=room.host.now()
        )
        session.add(row)

    room.host.db.write(link)
    with pytest.raises(Refused, match="script_too_few_markers") as refused:
        room.allot(*room.markers[:2])
    assert room.scripts() == {} or refused.value.params["codes"] == room.scripts()["2"].code
    room.allot(*room.markers[:3])
    assert uncle.user_id not in {one.user_id for one in room.readings("2")}
    assert uncle.user_id in {one.user_id for seat in "13" for one in room.readings(seat)}


def test_who_got_a_right_that_shows_names_gets_no_more_scripts(room: PaperRoom) -> None:
    room.end()
    people = [marker.user_id for marker in room.markers[:3]]
    room.scene.write(script_room.prepare, room.manager, room.room)
    room.scene.write(script_markers.name, room.manager, room.room, people)
    room.host.db.write(lambda session: session.add(UserRole(user_id=people[0], role="scorer")))
    room.scene.write(script_markers.allot, room.manager, room.room, "seed")
    assert people[0] not in {one.user_id for seat in "123" for one in room.readings(seat)}


# --- answers typed from the sheet ------------------------------------------------------------------------


def test_answers_typed_twice_are_marked_by_the_key(room: PaperRoom, person_as: Callable[..., Actor]) -> None:
    room.end()
    room.allot(*room.markers[:2])
    script = room.scripts()["1"]
    second = person_as("administrator")
    typed = "1 A\n2. d\n3 a\n"
    write = lambda who, text: room.scene.write(script_objectives.type_in, who, script.id, text)  # noqa: E731
    assert write(room.manager, typed)
    with pytest.raises(Refused, match="script_typed_by_you"):
        write(room.manager, typed)
    assert not write(second, "1 A\n2 B\n3 A")
    assert write(second, typed)
    assert write(room.manager, typed)
    reading_ = room.readings("1")[0]
    desk = room.scene.write(script_readings.desk, room.marker(reading_), reading_.id)
    assert desk.computed == D(40)
    assert [one.place for one in desk.questions] == ["item-4", "item-5"]
    for one in room.readings("1"):
        room.hand_in(one, four="12", five="10")
    assert room.scripts()["1"].points == D(62)


@pytest.mark.parametrize(
    ("typed", "code"),
    [("9 A", "script_typing_number"), ("4 text", "script_typing_number"), ("1 A\n1 B", "script_typing_line")],
)
def test_typing_names_the_line_that_is_wrong(room: PaperRoom, typed: str, code: str) -> None:
    room.end()
    room.scene.write(script_room.prepare, room.manager, room.room)
    with pytest.raises(Refused, match=code):
        room.scene.write(script_objectives.type_in, room.manager, room.scripts()["1"].id, typed)


# --- the register ----------------------------------------------------------------------------------------


def test_the_register_says_who_marked_what_by_code_alone(room: PaperRoom) -> None:
    room.end()
    room.allot(*room.markers[:2])
    for one in room.readings("1"):
        room.hand_in(one, objective="40", four="12", five="10")
    with room.host.db.read() as session:
        payload = script_register.document(session, room.manager, room.room, now=room.host.now(), zone=ZONE)
    data = payload["data"]
    codes = {line["code"]: line for line in data["scripts"]}
    settled = codes[room.scripts()["1"].code]
    assert (settled["points"], settled["rule"], settled["state"]) == ("62", "二评平均", "已定分")
    assert [one["total"] for one in codes[room.scripts()["2"].code]["readings"]] == ["", ""]
    assert [line["handed"] for line in data["markers"]] == [1, 1]
    assert "T2026" not in str(data)
    assert "考生" not in str(data)


def test_the_chain_never_says_points_or_who_wrote_it(room: PaperRoom) -> None:
    room.end()
    room.allot(*room.markers[:2])
    for one in room.readings("1"):
        room.hand_in(one, objective="40", four="12", five="10")
    with room.host.db.read() as session:
        rows = list(session.scalars(select(AuditEntry).where(AuditEntry.act.like("script%"))))
    said = " ".join(str(row.details) for row in rows)
    assert "script_settled" in {row.act for row in rows}
    for secret in ("62", "T2026", "考生", "要点"):
        assert secret not in said


def test_markers_get_the_criteria_that_the_bank_has(host: Host, person_as: Callable[..., Actor]) -> None:
    essay, case = item_kit.EVERY[ItemKind.ESSAY], item_kit.EVERY[ItemKind.CASE]
    body = replace(essay.body, criteria=(Criterion("写明时间", D(4)),), explanation="见第三章")
    parts = (*case.body.parts[:2], replace(case.body.parts[2], body=body))
    shelf = item_kit.shelf(host, person_as)
    ids = [
        shelf.add(replace(essay, body=body), uid="essay-1"),
        shelf.add(replace(case, body=replace(case.body, parts=parts)), uid="case-1"),
    ]

    def papers(session: Any) -> Sitting:
        blueprint = BlueprintRow(title="b", occupation="baowei", level=3, text="", created_at=host.now())
        session.add(blueprint)
        session.flush()
        facts = {"seed": "s", "forms": 1, "max_overlap": 0, "state": "approved", "created_at": host.now()}
        row = PaperSet(title="p", bank_id=shelf.bank, blueprint_id=blueprint.id, **facts)
        session.add(row)
        session.flush()
        for number, item_id in enumerate(ids, 1):
            place = {"paper_set_id": row.id, "form": "A", "number": number, "item_id": item_id}
            uid = session.get_one(BankItem, item_id).uid
            session.add(FormItem(**place, item_uid=uid, item_version=1, points=D(10)))
        return Sitting(paper_set_id=row.id)

    sitting = host.db.write(papers)
    with host.db.read() as session:
        found = script_criteria.criteria(session, sitting, "A", ["essay-1", "case-1.3", "gone"])
        other = script_criteria.criteria(session, sitting, "B", ["essay-1"])
    said = (("写明时间", "4"), ("见第三章", ""))
    assert (dict(found), dict(other)) == ({"essay-1": said, "case-1.3": said}, {})
