"""What a stranger, a site or an authority may try with files and requests, and what it gets for it."""

import io
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from exam_rooms.wire import canonical
from server.access import PERMISSIONS, Actor, Role
from server.db.papers import Package
from server.db.people import User
from server.db.sites import SiteFile, SiteFilePart, SiteSitting
from server.db.sittings import Attempt, Registration
from server.errors import NotFound, Refused
from server.host import Host
from server.rules import site_file
from server.rules.site_file import FileBroken, Head, Subject, fingerprint, joined, make, read_file
from server.services import (
    exam_sites,
    site_exchange,
    site_files,
    site_pictures,
    site_results,
    site_taking,
    site_wall,
)
from server.services.attempt_export import Sources
from server.services.site import letter_public, letter_secret
from tests.server.conftest import Machine
from tests.server.site_kit import (
    Pair,
    desk,
    hold_exam,
    make_pair,
    release_at_site,
    rows,
    scene_at_site,
    site_host,
)

pytestmark = pytest.mark.dear

PAGES = (
    ("GET", "/sites"),
    ("GET", "/sites/wall.json"),
    ("GET", "/sites/introduction.json"),
    ("POST", "/sites/register"),
    ("POST", "/sites/accept"),
    ("POST", "/sites/1/rooms"),
    ("POST", "/sites/1/close"),
    ("POST", "/sites/dispatch"),
    ("POST", "/sites/results"),
    ("GET", "/sites/files/1"),
    ("POST", "/sites/files"),
    ("POST", "/sites/files/1/take"),
)
SEES, MANAGES = "see_sites", "manage_sites"


@pytest.fixture
def pair(host: Host, tmp_path: Path, machine: Machine, person_as: Callable[..., Actor]) -> Iterator[Pair]:
    with site_host(tmp_path / "site", machine) as site:
        yield make_pair(host, site, machine, person_as)


def sent(pair: Pair) -> bytes:
    made = site_exchange.make_dispatch(desk(pair.authority), pair.here[0], pair.order)
    with pair.authority.db.read() as session:
        return site_files.as_file(session, site_files.get(session, made.id))


def brought(pair: Pair, data: bytes) -> dict[str, Any]:
    came = site_exchange.receive(desk(pair.site), pair.there[0], data)
    return site_taking.take_in(desk(pair.site), pair.at_site(), came.id)


def renamed(pair: Pair, employer: str) -> None:
    def change(session: Any) -> None:
        session.get_one(Registration, 1).employer = employer

    pair.authority.db.write(change)


def code_of(act: Callable[..., object], *args: object, **named: object) -> str:
    with pytest.raises(Refused) as refused:
        act(*args, **named)
    return refused.value.code


def test_every_role_tries_every_page_of_the_sites(client_as: Callable[..., FlaskClient]) -> None:
    for role in Role:
        held = {str(permission) for permission in PERMISSIONS[role]}
        browser = client_as(role)
        for number, (method, path) in enumerate(PAGES):
            answer = browser.open(path, method=method)
            may = (SEES if number < 2 else MANAGES) in held
            assert (answer.status_code == 403) is not may, (role, path, answer.status_code)
            assert answer.status_code < 500, (role, path)


def test_a_stranger_gets_nothing_over_the_line(pair: Pair, client: FlaskClient) -> None:
    (uid,) = [read_file(sent(pair))[0].uid]
    for method, path in (
        ("POST", "/site-link/exchange"),
        ("GET", f"/site-link/files/{uid}/1"),
        ("POST", f"/site-link/files/{uid}/1"),
    ):
        assert client.open(path, method=method).status_code == 401
        assert client.open(path, method=method, data=b"x" * (1 << 20)).status_code == 401


@pytest.mark.parametrize("room", ["²", "9" * 30, "-1", "x"])
def test_a_room_number_that_is_none_is_no_fault_of_the_server(
    pair: Pair, sign_in: Callable[[Actor], FlaskClient], room: str
) -> None:
    browser = sign_in(pair.here[0])
    assert browser.post(f"/sites/{pair.site_id}/rooms", data={"room": room}).status_code == 422
    form = {"site": room, "sitting": room}
    assert browser.post("/sites/dispatch", data=form).status_code == 422


def test_a_file_that_goes_out_is_not_taken_in(pair: Pair, sign_in: Callable[[Actor], FlaskClient]) -> None:
    made = site_exchange.make_dispatch(desk(pair.authority), pair.here[0], pair.order)
    with pytest.raises(NotFound):
        site_taking.take_in(desk(pair.authority), pair.signed(), made.id)
    assert sign_in(pair.here[0]).post(f"/sites/files/{made.id}/take").status_code == 404


# --- files ---------------------------------------------------------------------------------------------


def packed(data: bytes) -> bytes:
    """Compressed without the function that is replaced."""
    packing = zlib.compressobj()
    return packing.compress(data) + packing.flush()


def remade(pair: Pair, change: Callable[[bytes], bytes]) -> tuple[Head, list[bytes], bytes]:
    """A file that the authority signed and sealed, and whose packed content is what `change` made of it."""
    with pair.site.db.read() as session:
        letter, secret = (
            letter_public(session, now=pair.site.now()),
            letter_secret(session, now=pair.site.now()),
        )
    subject = Subject("dispatch", str(site_file.uuid.uuid4()), 1, "peer", pair.site.now())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("server.rules.site_file.zlib.compress", lambda data, _level: change(packed(data)))
        head, parts = make(subject, {"about": subject.about}, letter, pair.authority.site.signing_key)
    return head, parts, secret


@pytest.mark.parametrize(
    "change",
    [
        lambda _data: packed(b"[" + b" " * (3 << 20) + b"]"),
        lambda _data: packed(packed(b" " * (3 << 20))),
        lambda data: data + b"more",
        lambda data: data[:-4],
        lambda _data: b"\0" * 64,
        lambda _data: packed(b"[" * 200_000),
    ],
    ids=["bomb", "bomb in a bomb", "longer", "cut", "no stream", "deep"],
)
def test_content_that_swells_or_is_cut_is_refused(
    pair: Pair, change: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.rules.site_file.CONTENT_LIMIT", 1 << 20)
    head, parts, secret = remade(pair, change)
    with pytest.raises(FileBroken):
        site_file.open_parts(head, parts, secret)


@pytest.mark.parametrize("keep", [0, 5, 9, 200, -1])
def test_a_cut_file_leaves_nothing_behind_that_counts(pair: Pair, keep: int) -> None:
    data = sent(pair)[:keep]
    try:
        came = site_exchange.receive(desk(pair.site), pair.there[0], data)
    except Refused as refusal:
        assert refusal.code in {"site_file_shape", "site_file_signature"}
    else:
        assert came.state == "coming"
        assert (
            code_of(site_taking.take_in, desk(pair.site), pair.at_site(), came.id) == "site_file_incomplete"
        )
    assert rows(pair.site, SiteSitting) == []


def test_other_bytes_under_a_known_name_are_refused(pair: Pair) -> None:
    head, parts = read_file(sent(pair))
    row = site_exchange.receive_head(desk(pair.site), head)
    for number, data in ((1, parts[1][:-1] + b"\0"), (1, b""), (99, parts[1]), (0, parts[1])):
        assert code_of(pair.site.db.write, site_files.put_part, row.id, number, data) == "site_file_part"
    other = make(
        Subject(head.kind, head.about, head.number, head.peer, head.made_at),
        {"about": head.about},
        b"\x09" + b"\0" * 31,
        pair.authority.site.signing_key,
    )[0]
    renamed_head = replace(other, uid=head.uid)
    assert code_of(site_exchange.receive_head, desk(pair.site), renamed_head) == "site_file_other"
    assert rows(pair.site, SiteFilePart) == []
    assert brought(pair, joined(head, list(parts.values())))["candidates"] == 3


def test_an_older_dispatch_after_a_newer_one_is_refused(pair: Pair) -> None:
    older = sent(pair)
    renamed(pair, "另一家公司")
    assert brought(pair, sent(pair))["candidates"] == 3
    assert code_of(brought, pair, older) == "site_file_older"
    assert [row.employer for row in rows(pair.site, Registration) if row.employer == "另一家公司"]


def test_an_older_dispatch_does_not_take_the_place_of_one_that_is_being_opened(pair: Pair) -> None:
    older = sent(pair)
    renamed(pair, "另一家公司")
    newer = sent(pair)
    here = desk(pair.site)
    came = site_exchange.receive(here, pair.there[0], older)

    def opened_late(files: Any) -> Any:
        brought(pair, newer)
        return here.opener(files)

    late = replace(here, opener=opened_late)
    assert code_of(site_taking.take_in, late, pair.at_site(), came.id) == "site_file_older"


def test_a_dispatch_after_the_release_is_refused(pair: Pair) -> None:
    brought(pair, sent(pair))
    scene = scene_at_site(pair)
    pair.machine.wall = scene.starts_at - timedelta(minutes=5)
    release_at_site(pair, scene)
    renamed(pair, "另一家公司")
    pair.authority.db.write(lambda session: None)
    assert code_of(brought, pair, sent(pair)) == "dispatch_too_late"
    assert [row.state for row in rows(pair.site, Package) if row.released_at] == ["released"]


def test_what_never_came_whole_gives_way_to_a_newer_one(pair: Pair) -> None:
    head, _parts = read_file(sent(pair))
    first = site_exchange.receive_head(desk(pair.site), head)
    renamed(pair, "另一家公司")
    second = site_exchange.receive_head(desk(pair.site), read_file(sent(pair))[0])
    states = {row.id: row.state for row in rows(pair.site, SiteFile)}
    assert states == {first.id: "refused", second.id: "coming"}


def test_a_site_begins_no_more_files_than_it_may(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.services.site_files.MOST_COMING", 3)
    sent(pair)
    about = site_exchange.dispatches.about(pair.order, pair.authority.site)
    peer = fingerprint(pair.authority.site.public_key)

    def begun() -> None:
        subject = Subject("pictures", about, 1, peer, pair.site.now())
        head = make(subject, {"about": about}, b"\x09" + b"\0" * 31, pair.site.site.signing_key)[0]
        site_exchange.receive_head(desk(pair.authority), head)

    for _time in range(3):
        begun()
    assert code_of(begun) == "site_files_many"


def test_a_kill_while_a_dispatch_is_written_leaves_nothing(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = sent(pair)
    before = {table: count(pair.site, table) for table in (Attempt, Registration, SiteSitting, User, Package)}

    def killed(*_args: object, **_named: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr("server.services.dispatch_taking._packages", killed)
        with pytest.raises(SystemExit):
            brought(pair, data)
    assert {table: count(pair.site, table) for table in before} == before
    assert [row.state for row in rows(pair.site, SiteFile)] == ["whole"]
    assert brought(pair, data)["candidates"] == 3


def count(host: Host, table: Any) -> int:
    with host.db.read() as session:
        return int(session.scalar(select(func.count()).select_from(table)) or 0)


# --- two authorities, words and clocks -----------------------------------------------------------------


def another_authority(pair: Pair, folder: Path, machine: Machine) -> None:
    """The site belongs to another authority from now on."""
    with site_host(folder, machine, number=7) as other, other.db.read() as session:
        told = exam_sites.introduction(session, other.site, ("authority", "邻省", ""), now=other.now())
    pair.site.db.write(exam_sites.accept_authority, pair.at_site(), told, pair.code, now=pair.site.now())


def test_what_waits_from_a_former_authority_is_not_taken(
    pair: Pair, tmp_path: Path, machine: Machine
) -> None:
    came = site_exchange.receive(desk(pair.site), pair.there[0], sent(pair))
    another_authority(pair, tmp_path / "other", machine)
    assert code_of(site_taking.take_in, desk(pair.site), pair.at_site(), came.id) == "site_file_of_stranger"
    assert rows(pair.site, SiteSitting) == []


def test_results_go_to_nobody_but_the_authority_that_sent_the_sitting(
    pair: Pair, tmp_path: Path, machine: Machine
) -> None:
    brought(pair, sent(pair))
    hold_exam(pair, {"1": 5})
    about = pair.about
    another_authority(pair, tmp_path / "other", machine)
    here = desk(pair.site)
    assert code_of(site_exchange.make_results, here, pair.there[0], about) == "results_other_authority"
    assert code_of(site_exchange.make_pictures, here, pair.there[0], about) == "results_other_authority"
    with pair.site.db.read() as session:
        assert site_wall.report(session) == {"sittings": []}
        assert site_pictures.due(session) == []
    assert rows(pair.site, SiteFile)[-1].incoming


def test_a_word_that_was_written_later_stands_and_no_age_is_below_nothing(pair: Pair) -> None:
    sent(pair)
    about = site_exchange.dispatches.about(pair.order, pair.authority.site)
    now = pair.authority.now()

    def said(answering: int) -> dict[str, Any]:
        room = {"room": "r", "state": "running", "seats": 3, "answering": answering}
        room |= {"collected": 0, "released": True}
        return {"sittings": [{"about": about, "taken": "", "rooms": [room]}]}

    ahead = now + timedelta(minutes=4)
    pair.authority.db.write(site_wall.heard, pair.site_id, said(2), ahead, now=now)
    pair.authority.db.write(site_wall.heard, pair.site_id, said(1), now, now=now)
    with pair.authority.db.read() as session:
        (line,) = site_wall.wall(session, pair.here[0], now=now)
    assert (line.answering, line.age, line.old) == (2, 0, False)


# --- results that say what no store can hold -------------------------------------------------------------

RECORDS: tuple[Callable[[dict[str, Any]], Any], ...] = (
    lambda record: record.update(seq=2**40),
    lambda record: record.update(journal=0),
    lambda record: record.update(seq=True),
    lambda record: record.update(item="i" * 65),
    lambda record: record.update(item="a\0b"),
    lambda record: record.update(boot_id="\ud800"),
    lambda record: record.update(kind="other"),
    lambda record: record.pop("body"),
)


def test_records_that_no_store_could_hold_are_no_results(pair: Pair) -> None:
    brought(pair, sent(pair))
    hold_exam(pair, {"1": 5})
    pair.site.db.write(site_results.seal_chains, pair.there[0], pair.about, now=pair.site.now())
    with pair.site.db.read() as session:
        sources = Sources(pair.site.answers, pair.site.site)
        content = site_results.content(session, pair.there[0], sources, pair.about)
    with pair.authority.db.read() as session:
        letter = letter_public(session, now=pair.authority.now())
    peer = fingerprint(pair.authority.site.public_key)
    for number, change in enumerate(RECORDS, 5):
        document = json.loads(content["document"])
        change(document["attempts"][0]["records"][1]["record"])
        lying = content | {"document": json.dumps(document)}
        subject = Subject("results", pair.about, number, peer, pair.site.now())
        came = site_exchange.receive(
            desk(pair.authority),
            pair.here[0],
            joined(*make(subject, lying, letter, pair.site.site.signing_key)),
        )
        assert code_of(site_taking.take_in, desk(pair.authority), pair.signed(), came.id) == "results_wrong"
        (row,) = [one for one in rows(pair.authority, SiteFile) if one.id == came.id]
        assert [one["code"] for one in row.wrong] == ["results_form"], number
    assert pair.scene.room_row().state == "arranged"
    assert canonical(json.loads(content["document"])).decode() == content["document"]


def test_a_broken_upload_by_hand_says_what_is_wrong(
    pair: Pair, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    browser = sign_in(pair.here[0])
    for data in (b"", b"EXSF1\n", b"EXSF1\n\xff\xff\xff\xff", b"PK\x03\x04" + b"\0" * 100):
        answer = browser.post("/sites/files", data={"file": (io.BytesIO(data), "x.exsf")})
        assert answer.status_code == 422
