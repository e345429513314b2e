"""Pictures follow the results; and what a site that lies cannot do to the authority."""

import base64
import hashlib
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from server.access import Actor
from server.db.base import vault_of
from server.db.papers import Package
from server.db.rooms import Room
from server.db.sites import PeerRow, SiteFile, SiteFilePart
from server.db.sittings import Attempt, Incident, RoomSitting
from server.db.watching import EvidenceFrame
from server.errors import NotFound, Refused
from server.host import Host
from server.rules.site_file import Subject, fingerprint, joined, make
from server.rules.site_signing import headers
from server.services import evidence, site_exchange, site_files, site_results, site_taking, site_wall
from server.services.attempt_export import Sources
from server.services.site import letter_public
from tests.server.conftest import Machine
from tests.server.site_kit import CODE, Pair, desk, hold_exam, make_pair, rows, site_host
from tests.server.site_pictures_kit import PICTURE, back, carried, next_pictures, photographed


@pytest.fixture
def pair(host: Host, tmp_path: Path, machine: Machine, person_as: Callable[..., Actor]) -> Iterator[Pair]:
    with site_host(tmp_path / "site", machine) as site:
        made = make_pair(host, site, machine, person_as)
        out = site_exchange.make_dispatch(desk(host), made.here[0], made.order)
        with host.db.read() as session:
            data = site_files.as_file(session, site_files.get(session, out.id))
        came = site_exchange.receive(desk(site), made.there[0], data)
        site_taking.take_in(desk(site), made.at_site(), came.id)
        hold_exam(made, {"1": 5})
        yield made


def shown(pair: Pair) -> list[bytes | None]:
    with pair.authority.db.read() as session:
        found = session.scalars(select(EvidenceFrame).order_by(EvidenceFrame.id)).all()
        return [
            evidence.opened(vault_of(session), pair.authority.evidence, row.file) if row.file else None
            for row in found
        ]


@pytest.mark.dear
def test_pictures_follow_the_results_in_files_of_their_own(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    photographed(pair, 3)
    monkeypatch.setattr("server.services.site_pictures.MOST_BYTES", 2 * len(PICTURE) + 10)
    early = next_pictures(pair)
    with pytest.raises(Refused) as refused:
        carried(pair, early)
    assert refused.value.code == "pictures_before_results"
    assert back(pair)["attempts"] == 3
    assert shown(pair) == [None] * 6
    assert site_taking.take_waiting(desk(pair.authority)) == 1
    assert carried(pair, next_pictures(pair)) == {"pictures": 1, "unknown": 0}
    assert next_pictures(pair) == 0
    assert shown(pair) == [PICTURE + bytes([number]) for number in (0, 0, 1, 1, 2, 2)]
    assert carried(pair, early)["pictures"] == 2
    back(pair)
    assert shown(pair)[0] == PICTURE + b"\0"


@pytest.mark.dear
def test_a_server_that_dies_between_a_picture_and_its_row_takes_it_again(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    photographed(pair)
    back(pair)
    made = next_pictures(pair)
    with monkeypatch.context() as patched:
        patched.setattr("server.services.site_pictures.arrived", _killed)
        with pytest.raises(SystemExit):
            carried(pair, made)
    assert shown(pair) == [None, None]
    carried(pair, made)
    assert shown(pair) == [PICTURE + b"\0"] * 2
    with pair.authority.db.read() as session:
        assert evidence.orphans(session, pair.authority.evidence) == []


def _killed(*_words: object, **_facts: object) -> None:
    raise SystemExit(137)


def forged(
    pair: Pair, change: Callable[[dict[str, Any]], object], kind: str = "results", number: int = 9
) -> int:
    """A file that the site sealed and signed over what is not true; it is whole at the authority."""
    pair.site.db.write(site_results.seal_chains, pair.there[0], pair.about, now=pair.site.now())
    with pair.site.db.read() as session:
        sources = Sources(pair.site.answers, pair.site.site)
        content = site_results.content(session, pair.there[0], sources, pair.about)
    content = change(content) or content  # type: ignore[assignment]
    peer = fingerprint(pair.authority.site.public_key)
    with pair.authority.db.read() as session:
        letter = letter_public(session, now=pair.authority.now())
    subject = Subject(kind, pair.about, number, peer, pair.site.now())
    data = joined(*make(subject, content, letter, pair.site.site.signing_key))
    return site_exchange.receive(desk(pair.authority), pair.here[0], data).id


def code_of(pair: Pair, file_id: int) -> str:
    with pytest.raises(Refused) as refused:
        site_taking.take_in(desk(pair.authority), pair.signed(), file_id)
    return refused.value.code


@pytest.mark.dear
def test_a_picture_that_is_not_the_announced_one_is_refused(pair: Pair) -> None:
    (row,) = photographed(pair)
    back(pair)
    for number, data in enumerate((PICTURE + b"x", b"no JPEG", evidence.JPEG + bytes(3 << 20)), 9):
        sha256 = hashlib.sha256(data).hexdigest()
        frame = {"ids": [row], "sha256": sha256, "data": base64.b64encode(data).decode()}
        sent = {"format": 1, "about": pair.about, "frames": [frame]}
        assert (
            code_of(pair, forged(pair, lambda _c, sent=sent: sent, "pictures", number)) == "picture_differs"
        )
    assert shown(pair) == [None, None]


@pytest.mark.dear
def test_a_site_names_no_package_that_was_not_sent_to_it(pair: Pair) -> None:
    def other(session: Any) -> int:
        package = session.scalars(select(Package)).one()
        row = Package(**{c.name: getattr(package, c.name) for c in Package.__table__.c if c.name != "id"})
        row.uid, row.state = "of-another-site", "sealed"
        session.add(row)
        session.flush()
        return int(row.id)

    number = pair.authority.db.write(other)
    lie = forged(pair, lambda c: c["packages"][0].update(id=number, state="destroyed"))
    assert code_of(pair, lie) == "results_of_others"
    assert {row.uid: row.state for row in rows(pair.authority, Package)}["of-another-site"] == "sealed"


@pytest.mark.dear
def test_a_site_changes_no_row_of_another_sitting(pair: Pair) -> None:
    photographed(pair)
    now = pair.authority.now()

    def elsewhere(session: Any) -> int:
        mine = session.get_one(RoomSitting, pair.scene.room_sitting)
        room = Room(name="another room", layout={}, created_at=now)
        session.add(room)
        session.flush()
        other = RoomSitting(uid="other", sitting_id=mine.sitting_id, room_id=room.id, state="collected")
        session.add(other)
        session.flush()
        row = Incident(room_sitting_id=other.id, kind="OTHER", severity=1, first_at=now, last_at=now)
        session.add(row)
        session.flush()
        (theirs,) = [one.id for one in rows(pair.site, Incident) if one.kind == "GAZE_AWAY"]
        peer = fingerprint(pair.site.site.public_key)
        session.add(PeerRow(peer=peer, place="incidents", theirs=theirs, own=row.id))
        return int(row.id)

    number = pair.authority.db.write(elsewhere)
    assert code_of(pair, forged(pair, lambda c: None)) == "results_of_others"
    (row,) = [one for one in rows(pair.authority, Incident) if one.id == number]
    assert row.kind == "OTHER"


@pytest.mark.dear
def test_two_candidates_are_not_exchanged_by_their_numbers(pair: Pair) -> None:
    def exchange(content: dict[str, Any]) -> None:
        known = content["known"]["attempts"]
        one, two, *_rest = sorted(known)
        known[one], known[two] = known[two], known[one]

    assert code_of(pair, forged(pair, exchange)) == "results_of_others"


def _twice(content: dict[str, Any]) -> None:
    content["tables"]["seat_stays"].append(dict(content["tables"]["seat_stays"][0]))


LIES: tuple[Callable[[dict[str, Any]], Any], ...] = (
    _twice,
    lambda c: c["tables"].pop("incidents"),
    lambda c: c["tables"]["attempts"][0].update(form=None),
    lambda c: c["tables"]["attempts"][0].update(answering_at="yesterday"),
    lambda c: c["tables"]["workstations"].clear(),
    lambda c: c["keys"].clear(),
    lambda c: c["packages"].append(None),
    lambda c: c.update(chains=[], rooms=7),
    lambda c: c.update(document="[" * 100_000),
)


@pytest.mark.dear
def test_a_file_that_says_what_cannot_be_stops_nobody_else(pair: Pair) -> None:
    before = pair.scene.room_row().state
    bad = {forged(pair, lie, number=number) for number, lie in enumerate(LIES, 9)}
    assert site_taking.take_waiting(desk(pair.authority)) == 0
    found = [one for one in rows(pair.authority, SiteFile) if one.id in bad]
    assert [one.state for one in found] == ["refused"] * len(LIES) and all(one.wrong for one in found)
    assert pair.scene.room_row().state == before
    assert back(pair)["attempts"] == 3


@pytest.mark.dear
def test_a_fault_of_the_store_at_one_file_stops_nobody_else(pair: Pair) -> None:
    first, second = (forged(pair, lambda c: None, number=number) for number in (9, 10))
    broken = f"CREATE TRIGGER broken BEFORE UPDATE ON site_files WHEN OLD.id = {first} BEGIN SELECT json('{{'); END"
    pair.authority.db.write(lambda session: session.execute(text(broken)))
    with pytest.raises(OperationalError):
        site_taking.take_waiting(desk(pair.authority))
    states = {one.id: one.state for one in rows(pair.authority, SiteFile)}
    assert (states[first], states[second]) == ("whole", "taken")


@pytest.mark.dear
def test_a_server_that_dies_before_the_last_step_goes_on_with_the_same_file(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in ("append_answers", "finish"):
        with monkeypatch.context() as patched:
            patched.setattr(f"server.services.results_taking.{step}", _killed)
            with pytest.raises(SystemExit):
                back(pair)
    count = len(rows(pair.authority, Attempt))
    assert back(pair)["attempts"] == 3 and len(rows(pair.authority, Attempt)) == count
    assert len(pair.authority.answers.events(pair.scene.attempts["1"])) == 7


@pytest.mark.dear
def test_a_site_sends_nothing_about_a_sitting_that_did_not_go_there(pair: Pair) -> None:
    content = {"format": 1, "about": str(uuid.uuid4()), "frames": []}
    peer = fingerprint(pair.authority.site.public_key)
    subject = Subject("results", content["about"], 1, peer, pair.site.now())
    with pair.authority.db.read() as session:
        letter = letter_public(session, now=pair.authority.now())
    data = joined(*make(subject, content, letter, pair.site.site.signing_key))
    with pytest.raises(NotFound):
        site_exchange.receive(desk(pair.authority), pair.here[0], data)
    assert [row for row in rows(pair.authority, SiteFile) if row.incoming] == []


@pytest.mark.dear
@pytest.mark.parametrize("seats", ["1e999", "-5", "true", "[" * 5000 + "]" * 5000, '"x"'])
def test_a_word_of_a_site_that_cannot_be_is_no_fault_of_the_authority(
    pair: Pair, client: FlaskClient, seats: str
) -> None:
    room = (
        f'{{"room":"r","state":"running","seats":{seats},"answering":99999999,"collected":-3,"released":1}}'
    )
    body = f'{{"report":{{"sittings":[{{"about":"{pair.about}","taken":"","rooms":[{room}]}}]}},"offers":[]}}'
    request = "POST", "/site-link/exchange", body.encode()
    told = headers(CODE, pair.site.site.signing_key, request, now=pair.site.now())
    answer = client.post("/site-link/exchange", data=body, headers=told, content_type="application/json")
    assert answer.status_code in {200, 422}
    with pair.authority.db.read() as session:
        (line,) = site_wall.wall(session, pair.here[0], now=pair.authority.now())
    assert 0 <= line.answering <= line.seats and 0 <= line.collected <= line.seats


@pytest.mark.dear
def test_parts_of_files_that_have_done_their_duty_go_after_thirty_days(pair: Pair) -> None:
    made = site_exchange.make_results(desk(pair.site), pair.there[0], pair.about)

    def confirm(session: Any) -> None:
        row = session.get_one(SiteFile, made.id)
        row.state, row.done_at = site_files.CONFIRMED, pair.site.now()

    pair.site.db.write(confirm)
    late = pair.site.now() + site_files.KEPT
    assert pair.site.db.write(site_files.purge, now=late) == 0
    assert pair.site.db.write(site_files.purge, now=late + timedelta(seconds=1)) == 1
    assert rows(pair.site, SiteFilePart) == []
    again = site_exchange.make_results(desk(pair.site), pair.there[0], pair.about)
    assert again.fresh and carried(pair, again.id)["attempts"] == 3


@pytest.mark.dear
def test_a_picture_from_a_site_is_shown_at_the_authority(
    pair: Pair, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    photographed(pair)
    back(pair)
    carried(pair, next_pictures(pair))
    (incident,) = [row for row in rows(pair.authority, Incident) if row.kind == "GAZE_AWAY"]
    frames = [row for row in rows(pair.authority, EvidenceFrame) if row.moment == "at"]
    room, browser = pair.scene.room_sitting, sign_in(pair.scene.chief)
    strip = browser.get(f"/monitor/{room}/incidents/{incident.id}/frames").text
    path = f"/monitor/{room}/frames/{frames[0].id}"
    assert path in strip
    assert browser.get(path).data == PICTURE + b"\0"
