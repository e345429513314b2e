"""Marks of papers that were written on paper: entered by one, confirmed by another."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from server.access import Actor
from server.db.papers import EnteredMark
from server.db.sittings import ComponentResult
from server.errors import Refused
from server.host import Host
from server.jobs.documents import document_pdf
from server.jobs.results import mark as mark_papers
from server.services import entered_marks, marks, paper_prints, paper_register
from server.services.entered_marks import Entry
from server.services.paper_prints import ALL_FORMS
from server.services.paper_register import Counts
from server.services.signed import Signed
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.desk import page, said
from tests.server.paper_kit import pages, sizes
from tests.server.print_kit import ended, entries, order, work


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    """Seats 1 and 3 have form A, seat 2 has form B; the package is released."""
    return make_scene(host, person_as)


@pytest.fixture
def keepers(scene: Scene, person_as: Callable[..., Actor]) -> Signed:
    return Signed(scene.chief, "考试机全部断电", person_as("custodian"))


def results(scene: Scene) -> dict[str, ComponentResult]:
    """Marks the room; the results by seat."""
    with scene.host.db.read() as session:
        payload = marks.work(session, scene.chief, scene.host.answers, scene.room_sitting)
    scene.write(marks.store_marks, scene.chief, scene.room_sitting, mark_papers(payload, lambda *_: None))
    with scene.host.db.read() as session:
        rows = {row.attempt_id: row for row in session.scalars(select(ComponentResult))}
    return {seat: rows[attempt] for seat, attempt in scene.attempts.items()}


# --- entered marks ---------------------------------------------------------------------------------------


@pytest.fixture
def second(person_as: Callable[..., Actor]) -> Actor:
    return person_as("administrator")


def enter(scene: Scene, who: Actor, seat: str, points: str, **more: str) -> int:
    entry = Entry(scene.attempts[seat], Decimal(points), **more)
    return scene.write(entered_marks.enter, who, scene.host.answers, entry)


@pytest.mark.both_stores
def test_a_paper_written_on_paper_gets_its_result(scene: Scene, machine: Machine, second: Actor) -> None:
    ended(scene, machine)
    scene.write(entered_marks.confirm, second, enter(scene, scene.chief, "1", "60"), Decimal("60.00"))
    scene.write(entered_marks.confirm, second, enter(scene, scene.chief, "2", "59.5"), Decimal("59.5"))
    enter(scene, scene.chief, "3", "88")  # nobody confirms it
    found = results(scene)
    assert (found["1"].status, found["1"].total, found["1"].passed) == ("scored", Decimal(60), True)
    assert (found["2"].total, found["2"].passed) == (Decimal("59.5"), False)
    assert (found["3"].status, found["3"].total) == ("absent", None)


def test_a_mark_confirmed_later_asks_for_marking_again(scene: Scene, machine: Machine, second: Actor) -> None:
    ended(scene, machine)
    results(scene)
    machine.advance(minutes=1)
    scene.write(entered_marks.confirm, second, enter(scene, scene.chief, "1", "71"), Decimal(71))

    def waiting() -> int:
        with scene.host.db.read() as session:
            return entered_marks.not_counted_yet(session, marks.load(session, scene.room_sitting))

    assert waiting() == 1
    machine.advance(minutes=1)
    assert results(scene)["1"].total == 71
    assert waiting() == 0


def test_a_changed_mark_is_a_new_one_and_the_old_stays_until_it_is_confirmed(
    scene: Scene, machine: Machine, second: Actor
) -> None:
    ended(scene, machine)
    scene.write(entered_marks.confirm, second, enter(scene, scene.chief, "1", "58"), Decimal(58))
    with pytest.raises(Refused, match="mark_note_missing"):
        enter(scene, scene.chief, "1", "62")
    newer = enter(scene, second, "1", "62", note="第 3 大题漏加 4 分")
    assert results(scene)["1"].total == 58
    scene.write(entered_marks.confirm, scene.chief, newer, Decimal(62))
    assert results(scene)["1"].total == 62
    with scene.host.db.read() as session:
        rows = session.scalars(select(EnteredMark).order_by(EnteredMark.id)).all()
        assert [(row.points, row.replaced_at is None) for row in rows] == [(58, False), (62, True)]


def test_an_entry_nobody_confirmed_gives_way_at_once(scene: Scene, machine: Machine, second: Actor) -> None:
    ended(scene, machine)
    first = enter(scene, scene.chief, "1", "50")
    enter(scene, scene.chief, "1", "55")
    with pytest.raises(Refused, match="mark_settled"):
        scene.write(entered_marks.confirm, second, first, Decimal(50))


@pytest.mark.parametrize(
    ("who", "points", "code"),
    [
        ("chief", "60", "mark_same_person"),
        ("invigilator", "60", "forbidden"),
    ],
)
def test_who_cannot_confirm(
    scene: Scene, machine: Machine, second: Actor, who: str, points: str, code: str
) -> None:
    ended(scene, machine)
    number = enter(scene, scene.chief, "1", "60")
    person = {"chief": scene.chief, "second": second, "invigilator": scene.invigilator}[who]
    with pytest.raises(Refused, match=code):
        scene.write(entered_marks.confirm, person, number, Decimal(points))
    assert results(scene)["1"].status == "absent"


def test_a_differing_reading_ends_the_entry(scene: Scene, machine: Machine, second: Actor) -> None:
    ended(scene, machine)
    number = enter(scene, scene.chief, "1", "60")
    assert scene.write(entered_marks.confirm, second, number, Decimal("60.5")) is False
    with pytest.raises(Refused, match="mark_settled"):
        scene.write(entered_marks.confirm, second, number, Decimal(60))
    told = [entry for entry in entries(scene) if entry.act == "mark_differed"]
    assert [entry.details["attempt"] for entry in told] == [scene.attempts["1"]]
    assert scene.write(entered_marks.confirm, second, enter(scene, scene.chief, "1", "60"), Decimal(60))


@pytest.mark.parametrize("points", ["-0.01", "100.01", "1E+3", "60.123", "NaN", "Infinity", "-Infinity"])
def test_marks_outside_the_scale(points: str) -> None:
    with pytest.raises(Refused, match="mark_out_of_range"):
        entered_marks.check_points(Decimal(points), Decimal(100))


def test_no_mark_before_the_end_and_none_for_an_item_that_the_key_marks(
    scene: Scene, machine: Machine
) -> None:
    with pytest.raises(Refused, match="marks_before_end"):
        enter(scene, scene.chief, "1", "60")
    ended(scene, machine)
    for item in ("item-1", "no-such-item"):
        with pytest.raises(Refused, match="mark_of_no_essay"):
            enter(scene, scene.chief, "1", "6", item_uid=item)
    with pytest.raises(Refused, match="mark_out_of_range"):
        enter(scene, scene.chief, "1", "100.5")


def test_a_paper_sets_electronic_answers_aside_only_with_a_reason(
    app: Flask, scene: Scene, machine: Machine, second: Actor
) -> None:
    agent = TestAgent(app, scene, "1")
    agent.enter()
    machine.advance(minutes=10)
    scene.start()
    agent.state()
    agent.open_journal()
    agent.sent()
    agent.answer(1)
    agent.sent()
    ended(scene, machine, agent)
    assert results(scene)["1"].total == 20
    with pytest.raises(Refused, match="mark_note_missing"):
        enter(scene, scene.chief, "1", "77")
    number = enter(scene, scene.chief, "1", "77", note="断电后改用纸卷作答")
    scene.write(entered_marks.confirm, second, number, Decimal(77))
    row = results(scene)["1"]
    assert (row.total, row.passed, row.answered, row.sealed_marks) == (77, True, 1, None)


@pytest.mark.dear
def test_scenario_33_a_written_paper_from_printing_to_its_mark(
    scene: Scene, keepers: Signed, machine: Machine, second: Actor
) -> None:
    asked = order(scene, form=ALL_FORMS, size="A3")
    pdf = document_pdf(work(scene, keepers, asked), lambda *_: None)["data"]
    assert sizes(pdf) == {(420, 297)}
    assert [f"座位{seat}" in text for seat, text in zip("123", pages(pdf), strict=False)] == [True] * 3
    assert sum("备用卷" in text for text in pages(pdf)) == 2
    number = scene.write(paper_prints.print_form, keepers, asked, pdf, first=1)
    scene.write(paper_register.enter, scene.invigilator, number, Counts(3, 2, None))
    ended(scene, machine)
    scene.write(paper_register.enter, scene.invigilator, number, Counts(3, 2, 5))
    for seat, points in (("1", "73"), ("2", "41.5"), ("3", "60")):
        entered = enter(scene, scene.chief, seat, points)
        scene.write(entered_marks.confirm, second, entered, Decimal(points))
    assert [(row.total, row.passed) for row in results(scene).values()] == [
        (73, True),
        (Decimal("41.5"), False),
        (60, True),
    ]
    acts = [entry.act for entry in entries(scene)]
    assert [acts.count(act) for act in ("paper_printed", "register_entered", "mark_confirmed")] == [1, 2, 3]


@given(st.decimals(min_value=0, max_value=100, places=2))
def test_every_mark_of_two_places_is_a_mark(points: Decimal) -> None:
    entered_marks.check_points(points, Decimal(100))


# --- pages -----------------------------------------------------------------------------------------------


@pytest.fixture
def chief(scene: Scene, sign_in: Callable[[Actor], FlaskClient]) -> FlaskClient:
    return sign_in(scene.chief)


def test_marks_page_from_entry_to_confirmation(
    scene: Scene, machine: Machine, second: Actor, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    path = f"/sittings/{scene.room_sitting}/marks"
    one, other = sign_in(scene.chief), sign_in(second)
    assert "考试还没有结束" in page(one.get(path))
    ended(scene, machine)
    data = {"attempt": str(scene.attempts["1"]), "points": "76.5", "note": ""}
    assert one.post(path, data=data).status_code == 302
    assert "待另一人确认" in page(one.get(path))
    told = page(other.get(path))
    assert "76.5" not in told, "the second person reads the paper, not the screen"
    wrong = other.post(f"{path}/1/confirm", data={"points": "75.5"})
    assert said("mark_differs") in page(wrong)
    assert other.post(f"{path}/1/confirm", data={"points": "76.5"}).status_code == 409
    assert one.post(path, data=data).status_code == 302
    assert other.post(f"{path}/2/confirm", data={"points": "76.5"}).status_code == 302
    assert "已确认" in page(one.get(path))
    assert page(sign_in(scene.invigilator).get(path)) != told
    assert sign_in(scene.invigilator).get(path).status_code == 403
