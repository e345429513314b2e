"""Covers and ends in the room record, and that an early end of the room is no end of a single candidate."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.incidents import BREACHES, IncidentKind
from server.access import Actor
from server.db.cases import ReportPhoto, StaffReport
from server.db.sittings import Attempt
from server.host import Host
from server.rules.record_sums import outcome
from server.services import (
    breaches,
    cases,
    collection,
    commands,
    monitoring,
    record_book,
    record_signers,
    replay,
    room_record,
    seat_commands,
)
from server.services.record_acts import CAUSES
from server.services.record_book import Book, Page
from server.services.signed import Signed
from tests.server.case_kit import case_room
from tests.server.command_kit import Room, running_room
from tests.server.conftest import Machine
from tests.server.record_kit import ZONE, over


@pytest.fixture
def room(app: Flask, host: Host, person_as: Callable[..., Actor], machine: Machine) -> Room:
    return running_room(app, host, person_as, machine)


def book(room: Room) -> Book:
    with room.scene.host.db.read() as session:
        return record_book.book(session, Page(room.id, ZONE))


def lines(room: Room, kind: str) -> list[tuple[str, str]]:
    found = book(room).content["lines"]
    return [(one["seat"], one["text"]) for one in found if one["key"].startswith(f"{kind}/")]


@pytest.mark.parametrize(
    ("state", "reason", "counted"),
    [
        ("ended", "room_ended", "room_ended"),
        ("ended", "rescheduled", "room_ended"),
        ("ended", "time_over", "auto_submitted"),
        ("ended", "带手机入座", "ended"),
        ("absent", "room_ended", "absent"),
        ("auto_submitted", "time_over", "auto_submitted"),
        ("answering", "", "answering"),
    ],
)
def test_who_ends_with_the_room_has_handed_in(state: str, reason: str, counted: str) -> None:
    assert outcome(state, reason) == counted


def test_every_breach_that_may_cover_a_paper_has_its_word() -> None:
    assert set(CAUSES) == set(BREACHES)


def test_every_cover_stands_in_the_record_with_who_and_why(room: Room) -> None:
    scene, by = room.scene, room.scene.invigilator.name
    scene.write(seat_commands.lock, room.by("收卷前清场"), room.whom("1"))
    scene.write(seat_commands.check_identity, room.by("与照片不像"), room.whom("2"))

    def cover(session: Session) -> None:
        row = session.get_one(Attempt, scene.attempts["3"])
        row.frozen_at, row.frozen_why = scene.host.now(), str(IncidentKind.SECOND_SCREEN)

    scene.host.db.write(cover)
    room.machine.advance(minutes=3)
    scene.write(seat_commands.unlock, room.by(""), room.whom("1"))
    scene.write(breaches.release, scene.attempts["3"], Signed(scene.staff[1], "已拔除"))
    assert sorted(lines(room, "cover")) == [
        ("1", f"锁定屏幕 3.0 分钟，计时照常（下令：{by}，解除：{by}）：收卷前清场"),
        ("2", f"再次核对身份，遮住试卷 没有解除，计时照常（下令：{by}）：与照片不像"),
        (
            "3",
            f"遮住试卷 3.0 分钟，计时照常（解除：{scene.staff[1].name}）：接入第二块屏幕；解除原因：已拔除",
        ),
    ]


def test_an_early_end_is_a_line_with_both_who_signed_and_counts_as_handed_in(room: Room) -> None:
    scene = room.scene
    assert book(room).content["facts"]["present"] == "—"
    scene.write(commands.end_seat, scene.attempts["3"], scene.signed("带手机入座"))
    signed = scene.signed("消防警报")
    assert signed.cosigner is not None
    scene.write(commands.end_room, scene.room_sitting, signed)
    both = f"{signed.actor.name}、{signed.cosigner.name}"
    assert lines(room, "end") == [
        ("3", f"终止考试（{both}）：带手机入座"),
        ("全场", f"提前结束本场，收回 2 份（{both}）：消防警报"),
    ]
    found = book(room)
    facts = {name: found.content["facts"][name] for name in ("expected", "present", "submitted", "stopped")}
    assert facts == {"expected": "3", "present": "3", "submitted": "2", "stopped": "1"}
    assert [one["state"] for one in room_record.printed(found, ZONE)["receipts"]] == [
        "提前收卷",
        "提前收卷",
        "终止",
    ]
    with scene.host.db.read() as session:
        sums = collection.tally(session, scene.room_sitting)
        cards = monitoring.seat_cards(session, scene.host.answers, scene.host.presence, room.id)
    assert (sums.submitted, sums.ended, sums.open) == (2, 1, 0)
    counts = monitoring.count(cards, 0)
    assert (counts.submitted, counts.ended) == (2, 1)
    assert [card.with_room for card in cards if card.attempt] == [True, True, False]


def test_an_end_after_the_time_is_no_line(room: Room) -> None:
    room.pass_time(minutes=91)
    room.scene.write(commands.end_room, room.id, room.scene.signed("时间到"))
    assert lines(room, "end") == []


def test_a_collected_seat_shows_no_command_any_more(room: Room) -> None:
    scene = room.scene
    scene.write(commands.end_room, scene.room_sitting, scene.signed())
    scene.write(collection.close_missing, scene.chief, scene.attempts["1"], "考试机已关机")
    with scene.host.db.read() as session:
        cards = monitoring.seat_cards(session, scene.host.answers, scene.host.presence, room.id)
    assert {card.number: card.command for card in cards if card.attempt} == {"1": "", "2": "end", "3": "end"}


def test_who_came_counts_those_who_signed_in_at_a_seat(
    app: Flask, host: Host, person_as: Callable[..., Actor], machine: Machine
) -> None:
    day = over(app, host, person_as, machine)
    with host.db.read() as session:
        found = record_book.book(session, day.page).content["facts"]
    assert (found["expected"], found["present"], found["absent"]) == ("3", "2", "1")


def test_an_open_place_for_a_signature_names_who_is_missing(
    app: Flask,
    host: Host,
    person_as: Callable[..., Actor],
    machine: Machine,
    sign_in: Callable[[Actor], FlaskClient],
) -> None:
    day = over(app, host, person_as, machine)
    scene = day.scene

    def awaited() -> tuple[tuple[str, ...], ...]:
        with host.db.read() as session:
            return record_signers.awaited(session, record_book.book(session, day.page))

    first, second = scene.staff[0].name, scene.staff[1].name
    assert awaited()[:2] == ((first,), (second,))
    with host.db.read() as session:
        mark = record_book.book(session, day.page).sha256
    scene.write(record_book.sign, scene.staff[0], day.page, mark)
    assert awaited()[:2] == ((), (second,))
    page = sign_in(scene.chief).get(f"/sittings/{scene.room_sitting}/record").text
    assert f"待签名</span> {second}" in page


def test_a_course_tells_the_case_and_names_the_candidate_but_no_confirmations(
    room: Room, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    scene = room.scene
    scene.write(seat_commands.lock, room.by("清场"), room.whom())
    room.confirm("1")
    opening = cases.Opening(scene.room_sitting, scene.attempts["1"])
    scene.write(cases.open_case, scene.invigilator, opening)
    with scene.host.db.read() as session:
        course: Any = replay.course(session, scene.chief, scene.host.answers, (room.id, scene.seats["1"]))
    kinds = [event.kind for event in course.events if event.track == "acts"]
    assert "case_opened" in kinds and "commands_confirmed" not in kinds
    page = sign_in(scene.chief).get(f"/monitor/{room.id}/seats/{scene.seats['1']}/replay").text
    assert "考生（1 号）" in page and ">seat 1<" not in page


def test_a_reported_incident_shows_its_note_where_it_waits(
    host: Host,
    person_as: Callable[..., Actor],
    machine: Machine,
    sign_in: Callable[[Actor], FlaskClient],
) -> None:
    seen = case_room(host, person_as, machine)
    report = seen.report("PHONE", note="桌下有手机")

    def photographed(session: Session) -> None:
        kept = session.scalars(select(StaffReport).where(StaffReport.incident_id == report)).one()
        row = ReportPhoto(report_id=kept.id, number=1, sha256="0" * 64, size=3, sealed=b"jpg")
        row.added_at = host.now()
        session.add(row)

    host.db.write(photographed)
    page = sign_in(seen.scene.invigilator).get(f"/monitor/{seen.scene.room_sitting}/side").text
    assert '<p>桌下有手机 <span class="muted nowrap">1 张照片</span></p>' in page
