"""Results of a site at the authority: what is believed, what is refused by its place, who comes back where."""

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
from server.db.rooms import Room
from server.db.sites import SiteFile
from server.db.sittings import (
    Attempt,
    Candidate,
    Registration,
    RoomSitting,
    SeatStay,
)
from server.errors import Refused
from server.host import Host
from server.rules.site_file import Subject, fingerprint, joined, make
from server.services import (
    attempt_export,
    audit,
    dossier_tables,
    origins,
    site_exchange,
    site_results,
    site_taking,
)
from server.services.attempt_export import Sources
from server.services.peer_rows import Peers
from server.services.rosters import ID_PURPOSE
from server.services.site import letter_public
from tests.server.conftest import Machine
from tests.server.delivery_kit import ID_NUMBERS
from tests.server.site_exchange_kit import bring, results, sent, site_beside, take_back
from tests.server.site_kit import CODE, Pair, desk, hold_exam, make_pair, rows, scene_at_site


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path, machine: Machine, store: str) -> Iterator[Host]:
    with site_beside(request, tmp_path / "site", machine, store) as host:
        yield host


@pytest.fixture
def pair(host: Host, site: Host, machine: Machine, person_as: Callable[..., Actor]) -> Pair:
    return make_pair(host, site, machine, person_as)


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


@pytest.mark.dear
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


@pytest.mark.dear
def test_two_people_may_take_a_broken_audit_chain_with_a_reason_and_nothing_else(pair: Pair) -> None:
    bring(pair, sent(pair))
    scene = hold_exam(pair, {"1": 5})
    room = str(scene.room_sitting)
    tampered(pair, lambda c: c["chains"][room]["entries"][1].update(actor="somebody"))
    (row,) = [row for row in rows(pair.authority, SiteFile) if row.incoming]
    told = site_taking.take_in(desk(pair.authority), pair.signed("硬盘坏道"), row.id)
    assert told["attempts"] == 3 and pair.scene.room_row().state == "collected"


@pytest.mark.dear
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


def test_every_table_of_a_sitting_goes_back_or_stays_for_a_reason() -> None:
    belonging = {table.name for table in dossier_tables.belonging(Base.metadata)}
    decided = {*site_results.BACK, *site_results.STAYS, *site_results.ROOTS}
    assert belonging - decided == set()
    assert not set(site_results.BACK) & site_results.STAYS.keys()


@pytest.mark.dear
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


@pytest.mark.dear
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


@pytest.mark.dear
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


@pytest.mark.dear
@pytest.mark.both_stores
def test_a_site_whose_attempts_are_more_than_a_statement_takes_goes_on_bringing_results(pair: Pair) -> None:
    """PostgreSQL takes 65535 values, some SQLite 32766: a large site comes to as many in a few years."""
    bring(pair, sent(pair))
    hold_exam(pair, {"1": 5, "2": 2})
    earlier = {number: number for number in range(10**6, 10**6 + 66_000)}
    peer = fingerprint(pair.site.site.public_key)
    pair.authority.db.write(lambda session: Peers(session, peer).learn_all({"attempts": earlier}))
    assert take_back(pair, results(pair))["attempts"] == 3


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


@pytest.mark.dear
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
