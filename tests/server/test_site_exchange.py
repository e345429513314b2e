"""Dispatches out and results back by file, between two stores that know nothing of each other's numbers."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from server.access import Actor
from server.db.papers import Package
from server.db.rooms import Room, Seat
from server.db.sites import AttemptOrigin, SiteFile, SiteRoom
from server.db.sittings import (
    Attempt,
    ComponentResult,
    Registration,
    RoomSitting,
    Sitting,
)
from server.errors import Refused
from server.host import Host
from server.jobs.results import mark
from server.services import (
    dispatches,
    marks,
    site_exchange,
    site_taking,
)
from server.services.origins import as_written, number_and_key
from server.services.stream import chain_faults
from tests.server.conftest import Machine
from tests.server.site_exchange_kit import bring, results, sent, site_beside, take_back
from tests.server.site_kit import CODE, Pair, desk, hold_exam, make_pair, rows, scene_at_site


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path, machine: Machine, store: str) -> Iterator[Host]:
    with site_beside(request, tmp_path / "site", machine, store) as host:
        yield host


@pytest.fixture
def pair(host: Host, site: Host, machine: Machine, person_as: Callable[..., Actor]) -> Pair:
    return make_pair(host, site, machine, person_as)


@pytest.mark.dear
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


@pytest.mark.dear
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


@pytest.mark.dear
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


@pytest.mark.dear
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


@pytest.mark.dear
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


@pytest.mark.dear
def test_results_are_for_the_authority_alone(pair: Pair) -> None:
    bring(pair, sent(pair))
    hold_exam(pair, {"1": 5})
    data = results(pair)
    with pytest.raises(Refused) as refused:
        site_exchange.receive(desk(pair.site), pair.there[0], data)
    assert refused.value.code == "site_file_not_for_us"


@pytest.mark.dear
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


@pytest.mark.dear
def test_the_authority_cannot_open_a_room_that_is_at_a_site(pair: Pair) -> None:
    sent(pair)
    with pair.authority.db.read() as session, pytest.raises(Refused) as refused:
        dispatches.need_here(session, pair.scene.room_sitting)
    assert (refused.value.code, refused.value.params) == ("room_at_site", {"site": CODE})


@pytest.mark.dear
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


@pytest.mark.dear
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
