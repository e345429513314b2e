"""What is done to a whole room at once: codes for all its seats, a roster; the store is asked as for one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from exam_rooms.pairing import decode_code
from server.access import Actor
from server.db.record import AuditEntry
from server.db.rooms import PairingCode
from server.db.sittings import Registration, RoomSitting, Sitting
from server.errors import NotFound, Refused
from server.host import Host
from server.rules.roster import RosterEntry
from server.rules.tickets import check_digit
from server.services import audit, pairing, rosters
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene

DAY = date(2026, 12, 1)


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@contextmanager
def counted(host: Host) -> Iterator[list[str]]:
    """The statements to the main store."""
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        said.append(statement)

    event.listen(host.db.engine, "before_cursor_execute", note)
    yield said
    event.remove(host.db.engine, "before_cursor_execute", note)


def looks(said: list[str]) -> int:
    """The questions among them."""
    return sum(statement.startswith("SELECT") for statement in said)


def issue(scene: Scene, *numbers: str) -> dict[int, str]:
    seats, fingerprint = [scene.seats[number] for number in numbers], scene.host.site.ca_fingerprint
    codes: dict[int, str] = scene.write(pairing.issue_codes, scene.signed(), seats, fingerprint)
    return codes


def people(*numbers: int) -> list[RosterEntry]:
    return [RosterEntry(f"第 {n} 行", f"考生{n}", f"11000019900101{n:03d}X") for n in numbers]


def register(scene: Scene, entries: list[RosterEntry]) -> list[str]:
    """The tickets in the order of the list."""

    def act(session: Session) -> list[str]:
        row = session.get_one(RoomSitting, scene.room_sitting)
        sitting = session.get_one(Sitting, row.sitting_id)
        now = scene.host.now()
        found = rosters.register_all(session, (sitting, row.room_id), entries, on=DAY, now=now)
        tickets = dict(session.execute(select(Registration.candidate_id, Registration.ticket)).all())
        return [tickets[candidate.id] for candidate in found]

    return scene.host.db.write(act)


@pytest.mark.both_stores
def test_codes_of_several_seats_each_stand_on_the_record_and_pair_their_seat(
    scene: Scene, machine: Machine
) -> None:
    machine.advance(minutes=10)
    scene.start()
    old = issue(scene, "1")[scene.seats["1"]]
    codes = issue(scene, "1", "2", "4")
    key = pairing.AgentKey(b"l" * 32, "laptop", "1")
    with pytest.raises(Refused, match="pairing_code_invalid"):
        scene.write(pairing.pair, decode_code(old)[0], key)
    for number in ("1", "2", "4"):
        secret = decode_code(codes[scene.seats[number]])[0]
        assert scene.write(pairing.pair, secret, key).seat == number
    with scene.host.db.read() as session:
        assert all(not verdict.breaks for verdict in audit.verify_all(session))
        query = select(AuditEntry.object).where(
            AuditEntry.stream == audit.sitting_stream(scene.room_sitting),
            AuditEntry.act == "pairing_code_issued",
        )
        told = [f"seat/{scene.seats[number]}" for number in ("1", "1", "2", "4")]
        assert sorted(session.scalars(query)) == sorted(told)


def test_codes_of_a_room_ask_the_store_no_more_than_the_code_of_a_seat(scene: Scene) -> None:
    with counted(scene.host) as of_one:
        issue(scene, "1")
    with counted(scene.host) as of_more:
        issue(scene, "1", "2", "4")
    assert len(of_more) == len(of_one)


def test_one_seat_that_is_not_there_and_no_code_is_made(scene: Scene) -> None:
    fingerprint = scene.host.site.ca_fingerprint
    with pytest.raises(NotFound):
        scene.write(pairing.issue_codes, scene.signed(), [scene.seats["1"], 9_999_999], fingerprint)
    with scene.host.db.read() as session:
        assert session.scalars(select(PairingCode)).all() == []


def test_a_longer_roster_asks_the_store_no_more(scene: Scene) -> None:
    with counted(scene.host) as of_one:
        register(scene, people(1))
    with counted(scene.host) as of_more:
        tickets = register(scene, people(*range(2, 30)))
    assert looks(of_more) == looks(of_one)
    assert len(set(tickets)) == 28


def test_rows_are_held_against_the_rows_before_them(scene: Scene) -> None:
    first, second = people(1, 2)
    with pytest.raises(Refused, match="already_registered"):
        register(scene, [first, replace(first, place="第 9 行")])
    with pytest.raises(Refused, match="name_differs_from_record"):
        register(scene, [first, replace(first, name="另一人")])
    with pytest.raises(Refused, match="ticket_taken"):
        register(scene, [replace(first, ticket="T1"), replace(second, ticket="T1")])
    (given,) = register(scene, [first])
    following = f"{int(given[:-1]) + 1:0{len(given) - 1}d}"
    taken = following + check_digit(following)
    tickets = register(scene, [replace(second, ticket=taken), *people(3)])
    assert tickets[0] == taken
    assert tickets[1] not in (given, taken)
