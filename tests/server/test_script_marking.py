"""Written papers: two markers apart, a third one, the mark that comes in force."""

from collections.abc import Callable
from decimal import Decimal as D

import pytest

from server.access import Actor
from server.db.papers import EnteredMark
from server.db.scripts import ScriptReading
from server.errors import Forbidden, NotFound, Refused
from server.host import Host
from server.services import entered_marks, script_markers, script_readings, script_register, script_room
from server.services.entered_marks import Entry
from server.services.script_readings import Given
from server.services.signed import Signed
from tests.server.conftest import Machine
from tests.server.script_kit import PaperRoom, acts, make_paper_room


@pytest.fixture
def room(host: Host, person_as: Callable[..., Actor], machine: Machine) -> PaperRoom:
    return make_paper_room(host, person_as, machine)


@pytest.mark.both_stores
def test_two_within_the_tolerance_give_their_mean_through_the_entered_marks(room: PaperRoom) -> None:
    room.end()
    room.allot(*room.markers[:2])
    first, second = room.readings("1")
    room.hand_in(first, objective="40", four="12", five="10")
    assert room.scripts()["1"].state == "marking"
    room.hand_in(second, objective="40", four="14.5", five="12.5")
    script = room.scripts()["1"]
    assert (script.state, script.points) == ("settled", D("64.50"))
    with room.host.db.read() as session:
        assert entered_marks.whole_papers(session, [script.attempt_id]) == {script.attempt_id: D("64.5")}
        mark = session.get_one(EnteredMark, script.mark_id)
    assert {mark.entered_by, mark.confirmed_by} == {first.user_id, second.user_id}
    assert "二" not in "".join(acts(room))


@pytest.mark.parametrize(("fourth", "state"), [("17", "settled"), ("17.01", "third")])
def test_the_tolerance_of_the_policy_on_both_sides(room: PaperRoom, fourth: str, state: str) -> None:
    room.end()
    room.allot(*room.markers[:3])
    first, second = room.readings("1")
    room.hand_in(first, objective="40", four="12", five="10")
    room.hand_in(second, objective="40", four=fourth, five="10")
    assert room.scripts()["1"].state == state
    assert len(room.readings("1")) == (3 if state == "third" else 2)


def test_a_third_marker_who_is_neither_decides(room: PaperRoom) -> None:
    room.end()
    room.allot(*room.markers[:3])
    first, second = room.readings("1")
    room.hand_in(first, objective="40", four="2", five="0")
    room.hand_in(second, objective="40", four="20", five="10")
    third = room.readings("1")[2]
    assert third.user_id not in (first.user_id, second.user_id)
    with room.host.db.read() as session:
        assert entered_marks.whole_papers(session, [room.scripts()["1"].attempt_id]) == {}
    room.hand_in(third, objective="40", four="18", five="9")
    script = room.scripts()["1"]
    assert (script.points, script.settled) == (
        D(67),
        {
            "rule": "median",
            "readings": [first.id, second.id, third.id],
            "totals": ["42", "70", "67"],
            "wide": False,
        },
    )


def test_a_paper_waits_for_a_third_marker_until_somebody_is_named(room: PaperRoom) -> None:
    room.end()
    room.allot(*room.markers[:2])
    first, second = room.readings("1")
    room.hand_in(first, objective="60", four="20", five="20")
    room.hand_in(second, objective="60", four="0", five="0")
    assert (room.scripts()["1"].state, len(room.readings("1"))) == ("third", 2)
    assert room.allot(room.markers[3]) == 1
    assert room.marker(room.readings("1")[2]) == room.markers[3]


def test_nobody_sees_or_touches_what_another_marker_gave(room: PaperRoom) -> None:
    room.end()
    room.allot(*room.markers[:2])
    first, second = room.readings("1")
    room.hand_in(first, objective="40", four="12", five="10")
    with pytest.raises(NotFound):
        room.scene.write(script_readings.desk, room.marker(second), first.id)
    with pytest.raises(NotFound):
        room.scene.write(script_readings.save, room.marker(second), first.id, Given({}))
    desk = room.scene.write(script_readings.desk, room.marker(second), second.id)
    assert (desk.given, desk.handed_at) == ({}, None)
    assert "12" not in repr(desk.given)
    with room.host.db.read() as session:
        found = script_register.overview(session, room.manager, room.room)
    assert all(one.total is None for line in found.scripts for one in line.readings)
    with room.host.db.read() as session, pytest.raises(Forbidden):
        script_register.overview(session, room.marker(first), room.room)


def test_what_is_handed_in_stands(room: PaperRoom) -> None:
    room.end()
    room.allot(*room.markers[:2])
    reading_, _second = room.readings("1")
    who = room.marker(reading_)
    with pytest.raises(Refused, match="script_points_missing"):
        room.hand_in(reading_, objective="40", four="12")
    for typed, code in (
        ("20.01", "mark_out_of_range"),
        ("-1", "mark_out_of_range"),
        ("x", "field_not_a_number"),
    ):
        with pytest.raises(Refused, match=code):
            room.hand_in(reading_, objective="40", four=typed, five="1")
    room.scene.write(script_readings.save, who, reading_.id, Given({"item-4": "12"}, "字迹不清"))
    desk = room.scene.write(script_readings.desk, who, reading_.id)
    assert (dict(desk.given), desk.note, desk.most) == ({"item-4": "12"}, "字迹不清", D(100))
    room.hand_in(reading_, objective="40", four="12", five="10")
    with pytest.raises(Refused, match="script_handed_in"):
        room.hand_in(reading_, objective="40", four="13", five="10")
    with pytest.raises(Refused, match="script_handed_in"):
        room.scene.write(script_markers.take_back, Signed(room.manager, "病假"), reading_.id)


def test_a_script_is_taken_back_and_given_to_somebody_else(room: PaperRoom) -> None:
    room.end()
    room.allot(*room.markers[:2])
    first, _second = room.readings("1")
    with pytest.raises(Refused, match="reason_missing"):
        room.scene.write(script_markers.take_back, Signed(room.manager), first.id)
    room.scene.write(script_markers.take_back, Signed(room.manager, "病假"), first.id)
    with pytest.raises(NotFound):
        room.hand_in(first, objective="1", four="1", five="1")
    room.allot(room.markers[2])
    now_first = room.readings("1")[0]
    assert room.marker(now_first) == room.markers[2]
    with room.host.db.read() as session:
        assert session.get_one(ScriptReading, first.id).withdrawn_reason == "病假"


def test_a_mark_beside_the_markers_is_refused_and_later_ones_need_two(room: PaperRoom) -> None:
    room.end()
    room.allot(*room.markers[:2])
    attempt = room.scripts()["1"].attempt_id
    entry = Entry(attempt, D(99))
    with pytest.raises(Refused, match="mark_by_markers"):
        room.scene.write(entered_marks.enter, room.manager, room.host.answers, entry)
    for one in room.readings("1"):
        room.hand_in(one, objective="40", four="12", five="10")
    with pytest.raises(Refused, match="mark_note_missing"):
        room.scene.write(entered_marks.enter, room.manager, room.host.answers, entry)
    later = Entry(attempt, D(63), note="复核：第 4 题漏加 1 分")
    room.scene.write(entered_marks.enter, room.manager, room.host.answers, later)
    with room.host.db.read() as session:
        assert entered_marks.whole_papers(session, [attempt]) == {attempt: D(62)}


def test_a_paper_that_was_not_handed_in_is_left_out(room: PaperRoom) -> None:
    room.end()
    room.scene.write(script_room.prepare, room.manager, room.room)
    script = room.scripts()["3"].id
    room.scene.write(script_room.leave_out, Signed(room.manager, "缺考"), script)
    assert room.allot(*room.markers[:2]) == 4
    room.scene.write(script_room.take_in, room.manager, script)
    assert room.allot(*room.markers[:2]) == 2
    with pytest.raises(Refused, match="script_in_marking"):
        room.scene.write(script_room.leave_out, Signed(room.manager, "缺考"), script)
