"""Dispatches out and results back by file, between two stores that know nothing of each other's numbers."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from server.access import Actor
from server.db.answers import Received
from server.db.base import Base, vault_of
from server.db.papers import Package
from server.db.rooms import Room, Seat
from server.db.sites import AttemptOrigin, SiteFile, SiteRoom
from server.db.sittings import (
    Attempt,
    Candidate,
    ComponentResult,
    Registration,
    RoomSitting,
    SeatStay,
    Sitting,
)
from server.errors import Refused
from server.host import Host
from server.jobs.results import mark
from server.rules.site_file import Subject, fingerprint, joined, make
from server.services import (
    attempt_export,
    audit,
    dispatches,
    dossier_tables,
    marks,
    origins,
    site_exchange,
    site_files,
    site_results,
    site_taking,
)
from server.services.attempt_export import Sources
from server.services.origins import as_written, number_and_key
from server.services.rosters import ID_PURPOSE
from server.services.site import letter_public
from server.services.stream import chain_faults
from tests.server.conftest import Machine
from tests.server.delivery_kit import ID_NUMBERS
from tests.server.site_kit import CODE, Pair, desk, hold_exam, make_pair, rows, scene_at_site, site_host


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path, machine: Machine, store: str) -> Iterator[Host]:
    folder = tmp_path / "site"
    if not store:
        with site_host(folder, machine) as host:
            yield host
        return
    server = request.getfixturevalue("postgres")
    name = server.create()
    with site_host(folder, machine, server.url(name)) as host:
        yield host
    server.drop(name)


@pytest.fixture
def pair(host: Host, site: Host, machine: Machine, person_as: Callable[..., Actor]) -> Pair:
    return make_pair(host, site, machine, person_as)


def sent(pair: Pair) -> bytes:
    made = site_exchange.make_dispatch(desk(pair.authority), pair.here[0], pair.order)
    with pair.authority.db.read() as session:
        return site_files.as_file(session, site_files.get(session, made.id))


def bring(pair: Pair, data: bytes) -> dict[str, object]:
    came = site_exchange.receive(desk(pair.site), pair.there[0], data)
    return site_taking.take_in(desk(pair.site), pair.at_site(), came.id)


def results(pair: Pair) -> bytes:
    made = site_exchange.make_results(desk(pair.site), pair.there[0], pair.about)
    with pair.site.db.read() as session:
        return site_files.as_file(session, site_files.get(session, made.id))


def take_back(pair: Pair, data: bytes) -> dict[str, object]:
    came = site_exchange.receive(desk(pair.authority), pair.here[0], data)
    return site_taking.take_in(desk(pair.authority), pair.signed(), came.id)


@pytest.mark.both_stores
def test_a_sitting_goes_out_is_held_without_a_link_and_is_marked_at_the_authority(pair: Pair) -> None:
    data = sent(pair)
    assert bring(pair, data) == {"rooms": 1, "candidates": 3, "packages": 1, "people": 3}
    scene = hold_exam(pair, {"1": 5, "2": 2})
    told = take_back(pair, results(pair))
    assert told["attempts"] == 3 and told["records"] == 13
    assert {row.attempt_id: row.number for row in rows(pair.authority, AttemptOrigin)} == {
        pair.scene.attempts[seat]: scene.attempts[seat] for seat in "123"
    }
    assert pair.scene.attempts["1"] != scene.attempts["1"]
    room = pair.scene.room_row()
    assert room.state == "collected"
    with pair.authority.db.read() as session:
        payload = marks.work(session, pair.here[0], pair.authority.answers, pair.scene.room_sitting)
    marked = mark(payload, lambda *_: None)
    pair.authority.db.write(
        marks.store_marks, pair.here[0], pair.scene.room_sitting, marked, now=pair.authority.now()
    )
    totals = {row.attempt_id: row.total for row in rows(pair.authority, ComponentResult)}
    assert totals[pair.scene.attempts["1"]] == 100
    assert totals[pair.scene.attempts["2"]] == 40
    assert totals[pair.scene.attempts["3"]] is None


def test_streams_at_the_authority_hold_as_their_agents_wrote_them(pair: Pair) -> None:
    bring(pair, sent(pair))
    hold_exam(pair, {"1": 5})
    take_back(pair, results(pair))
    attempt = pair.scene.attempts["1"]
    with pair.authority.db.read() as session:
        number, _key = number_and_key(session, attempt)
    events = pair.authority.answers.events(attempt)
    assert len(events) == 7
    assert chain_faults(as_written(events, number), {}) == []
    assert chain_faults(events, {}) != []


def test_the_same_is_made_once_and_taken_once(pair: Pair) -> None:
    data = sent(pair)
    assert not site_exchange.make_dispatch(desk(pair.authority), pair.here[0], pair.order).fresh
    first = bring(pair, data)
    before = len(rows(pair.site, Attempt)), len(rows(pair.site, Registration))
    assert bring(pair, data) == first
    assert (len(rows(pair.site, Attempt)), len(rows(pair.site, Registration))) == before
    hold_exam(pair, {"1": 5})
    back = results(pair)
    assert results(pair) == back
    told = take_back(pair, back)
    count = len(pair.authority.answers.events(pair.scene.attempts["1"]))
    assert take_back(pair, back) == told
    assert len(pair.authority.answers.events(pair.scene.attempts["1"])) == count
    assert len(rows(pair.authority, RoomSitting)) == 1


def test_a_cut_file_goes_on_where_it_stopped(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.rules.site_file.PART_BYTES", 4000)
    data = sent(pair)
    came = site_exchange.receive(desk(pair.site), pair.there[0], data[: len(data) // 2])
    assert came.state == "coming" and came.missing
    with pytest.raises(Refused) as refused:
        site_taking.take_in(desk(pair.site), pair.at_site(), came.id)
    assert refused.value.code == "site_file_incomplete"
    again = site_exchange.receive(desk(pair.site), pair.there[0], data)
    assert (again.id, again.state, again.missing) == (came.id, "whole", ())
    site_taking.take_in(desk(pair.site), pair.at_site(), came.id)
    assert len(rows(pair.site, SiteFile)) == 1


@pytest.mark.parametrize("place", [10, 400, -20])
def test_a_changed_byte_is_named(pair: Pair, place: int) -> None:
    data = bytearray(sent(pair))
    data[place] ^= 1
    with pytest.raises(Refused) as refused:
        bring(pair, bytes(data))
    assert refused.value.code in {"site_file_shape", "site_file_signature", "site_file_part"}
    assert scene_is_absent(pair)


def scene_is_absent(pair: Pair) -> bool:
    return len(rows(pair.site, RoomSitting)) == 1


def test_results_are_for_the_authority_alone(pair: Pair) -> None:
    bring(pair, sent(pair))
    hold_exam(pair, {"1": 5})
    data = results(pair)
    with pytest.raises(Refused) as refused:
        site_exchange.receive(desk(pair.site), pair.there[0], data)
    assert refused.value.code == "site_file_not_for_us"


def test_a_newer_dispatch_replaces_the_older_one_until_somebody_signs_in(pair: Pair) -> None:
    bring(pair, sent(pair))

    def leave(session) -> None:  # type: ignore[no-untyped-def]
        session.get_one(Registration, 1).employer = "另一家公司"
        session.get_one(RoomSitting, pair.scene.room_sitting).version += 1

    pair.authority.db.write(leave)
    newer = sent(pair)
    told = bring(pair, newer)
    assert (told["added"], told["removed"], told["moved"]) == (0, 0, 0)
    scene = scene_at_site(pair)
    assert len(scene.attempts) == 3

    def sign_in(session) -> None:  # type: ignore[no-untyped-def]
        session.get_one(Attempt, scene.attempts["1"]).state = "identified"

    pair.site.db.write(sign_in)

    def again(session) -> None:  # type: ignore[no-untyped-def]
        session.get_one(Registration, 1).employer = "第三家公司"

    pair.authority.db.write(again)
    newest = sent(pair)
    with pytest.raises(Refused) as refused:
        bring(pair, newest)
    assert refused.value.code == "dispatch_too_late"


def tampered(pair: Pair, change: Callable[[dict[str, Any]], object]) -> list[str]:
    """Results that the site itself has changed before sealing them; what the authority says, by place."""
    content = _content(pair)
    change(content)
    peer = fingerprint(pair.authority.site.public_key)
    subject = Subject("results", pair.about, 9, peer, pair.site.now())
    with pair.authority.db.read() as session:
        letter = letter_public(session, now=pair.authority.now())
    data = joined(*make(subject, content, letter, pair.site.site.signing_key))
    came = site_exchange.receive(desk(pair.authority), pair.here[0], data)
    with pytest.raises(Refused) as refused:
        site_taking.take_in(desk(pair.authority), pair.signed(), came.id)
    assert refused.value.code == "results_wrong"
    assert pair.scene.room_row().state == "arranged"
    (row,) = [row for row in rows(pair.authority, SiteFile) if row.id == came.id]
    assert row.state == "refused"
    return [f"{one['code']} {one['place']}" for one in row.wrong]


def _content(pair: Pair) -> dict[str, Any]:
    about, sources = pair.about, Sources(pair.site.answers, pair.site.site)
    pair.site.db.write(site_results.seal_chains, pair.there[0], about, now=pair.site.now())
    with pair.site.db.read() as session:
        return site_results.content(session, pair.there[0], sources, about)


def _answer_of(content: dict[str, Any]) -> dict[str, Any]:
    document = json.loads(content["document"])
    document["attempts"][0]["records"][2]["record"]["body"] = "AAAA"
    content["document"] = json.dumps(document)
    return content


def test_what_fails_names_site_room_and_seat(pair: Pair) -> None:
    bring(pair, sent(pair))
    scene = hold_exam(pair, {"1": 5, "2": 2})
    here = f"{CODE}/第一考场"
    found = tampered(pair, _answer_of)
    assert f"results_chain {here}/1" in found and f"results_export_signature {CODE}" in found
    one = str(scene.attempts["2"])
    assert tampered(pair, lambda c: c["keys"].update({one: c["keys"][str(scene.attempts["1"])]})) == [
        f"results_unreadable {here}/2"
    ]
    room = str(scene.room_sitting)
    assert f"results_audit {here}" in tampered(
        pair, lambda c: c["chains"][room]["entries"][1].update(actor="somebody")
    )
    assert f"results_unsealed {here}" in tampered(pair, lambda c: c["chains"][room]["checkpoints"].clear())
    assert f"results_missing {CODE}" in tampered(
        pair, lambda c: c["known"]["attempts"].pop(str(scene.attempts["3"]))
    )
    assert f"results_of_others {CODE}/attempts" in tampered(
        pair, lambda c: c["known"]["attempts"].update({"999": 999})
    )
    assert tampered(pair, lambda c: c.pop("tables")) == [f"results_form {CODE}"]
    told = take_back(pair, results(pair))
    assert told["attempts"] == 3


def test_two_people_may_take_a_broken_audit_chain_with_a_reason_and_nothing_else(pair: Pair) -> None:
    bring(pair, sent(pair))
    scene = hold_exam(pair, {"1": 5})
    room = str(scene.room_sitting)
    tampered(pair, lambda c: c["chains"][room]["entries"][1].update(actor="somebody"))
    (row,) = [row for row in rows(pair.authority, SiteFile) if row.incoming]
    told = site_taking.take_in(desk(pair.authority), pair.signed("硬盘坏道"), row.id)
    assert told["attempts"] == 3 and pair.scene.room_row().state == "collected"


def test_results_do_not_replace_what_was_marked(pair: Pair) -> None:
    bring(pair, sent(pair))
    hold_exam(pair, {"1": 5})
    take_back(pair, results(pair))

    def mark_it(session) -> None:  # type: ignore[no-untyped-def]
        session.get_one(RoomSitting, pair.scene.room_sitting).marked_at = pair.authority.now()

    pair.authority.db.write(mark_it)

    def more(session) -> None:  # type: ignore[no-untyped-def]
        session.scalars(select(Attempt).where(Attempt.state == "absent").limit(1)).one().version += 1

    pair.site.db.write(more)
    pair.site.db.write(
        audit.record, "sitting/2", pair.there[0], "submitted", "attempt/8", now=pair.site.now()
    )
    with pytest.raises(Refused) as refused:
        take_back(pair, results(pair))
    assert refused.value.code == "results_after_marking"


def test_the_authority_cannot_open_a_room_that_is_at_a_site(pair: Pair) -> None:
    sent(pair)
    with pair.authority.db.read() as session, pytest.raises(Refused) as refused:
        dispatches.need_here(session, pair.scene.room_sitting)
    assert (refused.value.code, refused.value.params) == ("room_at_site", {"site": CODE})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (
            lambda pair: _set(pair, RoomSitting, pair.scene.room_sitting, state="running"),
            "dispatch_not_ready",
        ),
        (lambda pair: _set(pair, Sitting, 1, method="hands_on"), "dispatch_not_at_seats"),
        (lambda pair: _set(pair, Package, 2, state="destroyed"), "dispatch_not_sealed"),
        (lambda pair: _set(pair, SiteRoom, pair.scene.room, delete=True), "dispatch_no_rooms"),
    ],
)
def test_why_a_sitting_cannot_go_out(pair: Pair, change: Callable[[Pair], None], code: str) -> None:
    change(pair)
    with pytest.raises(Refused) as refused:
        sent(pair)
    assert refused.value.code == code


def _set(pair: Pair, table: Any, number: int, *, delete: bool = False, **values: object) -> None:
    def change(session) -> None:  # type: ignore[no-untyped-def]
        rows = session.scalars(select(table))
        row = rows.one() if table is Package else session.get_one(table, number)
        for name, value in values.items():
            setattr(row, name, value)
        if delete:
            session.delete(row)

    pair.authority.db.write(change)


def test_a_room_of_another_plan_is_named(pair: Pair) -> None:
    data = sent(pair)

    def move(session) -> None:  # type: ignore[no-untyped-def]
        room = session.scalars(select(Room.id).where(Room.name == "第一考场")).one()
        for seat in session.scalars(select(Seat).where(Seat.room_id == room, Seat.number == "2")):
            seat.column = 9

    pair.site.db.write(move)
    with pytest.raises(Refused) as refused:
        bring(pair, data)
    assert refused.value.code == "dispatch_plan_differs"
    assert refused.value.params["seats"] == "2"
    assert len(rows(pair.site, RoomSitting)) == 1


def test_every_table_of_a_sitting_goes_back_or_stays_for_a_reason() -> None:
    belonging = {table.name for table in dossier_tables.belonging(Base.metadata)}
    decided = {*site_results.BACK, *site_results.STAYS, *site_results.ROOTS}
    assert belonging - decided == set()
    assert not set(site_results.BACK) & site_results.STAYS.keys()


def test_what_was_set_aside_comes_back_with_its_reason(pair: Pair) -> None:
    bring(pair, sent(pair))
    scene = hold_exam(pair, {"1": 5})
    attempt = scene.attempts["1"]
    (first, *_rest) = pair.site.answers.events(attempt)
    late = Received(replace(first.record, seq=99, hash="f" * 64), 5_000_000, first.workstation, "other_seat")
    pair.site.answers.append([late])
    take_back(pair, results(pair))
    kept = pair.authority.answers.aside(pair.scene.attempts["1"])
    assert [(one.seq, one.reason) for one in kept] == [(99, "other_seat")]
    assert take_back(pair, results(pair))["attempts"] == 3
    assert len(pair.authority.answers.aside(pair.scene.attempts["1"])) == 1


def test_the_authoritys_export_and_dossier_prove_what_was_held_at_the_site(pair: Pair) -> None:
    bring(pair, sent(pair))
    hold_exam(pair, {"1": 5, "2": 2})
    take_back(pair, results(pair))
    sources = Sources(pair.authority.answers, pair.authority.site)
    attempts = [pair.scene.attempts[seat] for seat in "12"]
    with pair.authority.db.read() as session:
        made = attempt_export.document(session, sources, attempts, now=pair.authority.now())
        ((code, proofs),) = origins.proofs(session, pair.order.sitting)
    checked = attempt_export.check(attempt_export.read(made), site_key=pair.authority.site.public_key)
    assert checked.wrong == ()
    assert {fault.code for proof in checked.proofs for fault in proof.faults} <= {"no_receipt"}
    assert code == CODE and json.loads(proofs)["chains"]


def _at_site(pair: Pair, change: Callable[[Any], object]) -> None:
    pair.site.db.write(lambda session: change(session))


def _swapped(pair: Pair) -> None:
    """At the site the candidates of seats 1 and 2 have changed places, by way of the spare seat."""
    scene = scene_at_site(pair)

    def swap(session: Any) -> None:
        one, two = (session.get_one(Attempt, scene.attempts[seat]) for seat in "12")
        for row, seat in ((one, "4"), (two, "1"), (one, "2")):
            row.seat_id = scene.seats[seat]
            session.flush()

    _at_site(pair, swap)


@pytest.mark.both_stores
def test_two_who_changed_places_come_back_at_their_new_seats(pair: Pair) -> None:
    bring(pair, sent(pair))
    hold_exam(pair, {"1": 5, "2": 2})
    _swapped(pair)
    assert take_back(pair, results(pair))["attempts"] == 3
    with pair.authority.db.read() as session:
        seats = {row.id: row.seat_id for row in session.scalars(select(Attempt))}
    assert seats[pair.scene.attempts["1"]] == pair.scene.seats["2"]
    assert seats[pair.scene.attempts["2"]] == pair.scene.seats["1"]
    assert [room.name for room in rows(pair.authority, Room)] == ["第一考场"]


def _walk_in(pair: Pair) -> None:
    """Somebody whom the desk let in at the spare seat."""
    scene = scene_at_site(pair)

    def add(session: Any) -> None:
        room = session.get_one(RoomSitting, scene.room_sitting)
        index = vault_of(session).index(ID_PURPOSE, ID_NUMBERS[3])
        sealed = vault_of(session).seal_value(ID_PURPOSE, index, ID_NUMBERS[3].encode())
        person = Candidate(id_index=index, sealed_id=sealed, name="补录者", created_at=pair.site.now())
        session.add(person)
        session.flush()
        place = Registration(
            sitting_id=room.sitting_id,
            room_id=room.room_id,
            candidate_id=person.id,
            ticket="T2026-0004",
            employer="",
        )
        session.add(place)
        session.flush()
        attempt = Attempt(
            registration_id=place.id, room_sitting_id=room.id, seat_id=scene.seats["4"], form="B"
        )
        session.add(attempt)
        session.flush()
        session.add(SeatStay(attempt_id=attempt.id, seat_id=attempt.seat_id, from_at=pair.site.now()))

    _at_site(pair, add)


@pytest.mark.both_stores
def test_who_was_let_in_at_the_site_comes_back_too_once(pair: Pair) -> None:
    bring(pair, sent(pair))
    _walk_in(pair)
    hold_exam(pair, {"1": 5, "4": 3})
    assert take_back(pair, results(pair))["attempts"] == 4
    newer = site_exchange.make_results(desk(pair.site), pair.there[0], pair.about)
    assert not newer.fresh

    def touch(session: Any) -> None:
        session.scalars(select(Attempt).where(Attempt.state == "absent").limit(1)).one().version += 1

    _at_site(pair, touch)
    assert take_back(pair, results(pair))["attempts"] == 4
    assert [row.name for row in rows(pair.authority, Candidate)].count("补录者") == 1
    (place,) = [row for row in rows(pair.authority, Registration) if row.ticket == "T2026-0004"]
    (attempt,) = [row for row in rows(pair.authority, Attempt) if row.registration_id == place.id]
    assert attempt.seat_id == pair.scene.seats["4"] and attempt.receipt is None
    assert len(pair.authority.answers.events(attempt.id)) >= 6
