"""The link over HTTPS, the wall and the pages; the authority is the application under test."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from server.access import Actor
from server.db.sites import SiteFile, SiteSitting
from server.host import Host
from server.live.authority_line import LinkDown
from server.live.site_link import Link, Taker
from server.services import site_exchange, site_files, site_taking, site_wall
from tests.server.conftest import Machine
from tests.server.site_kit import CODE, Pair, desk, hold_exam, make_pair, rows, site_host
from tests.server.site_line_kit import answering


@pytest.fixture
def pair(host: Host, tmp_path: Path, machine: Machine, person_as: Callable[..., Actor]) -> Iterator[Pair]:
    with site_host(tmp_path / "site", machine) as site:
        yield make_pair(host, site, machine, person_as)


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    with answering(app) as found:
        yield found


@pytest.fixture
def link(pair: Pair, address: str, monkeypatch: pytest.MonkeyPatch) -> Link:
    monkeypatch.setattr("server.live.site_link.desk_of", desk)
    site = replace(pair.site, settings=replace(pair.site.settings, authority=address))
    return Link(site)


@pytest.mark.dear
def test_a_dispatch_comes_and_results_go_over_the_line(pair: Pair, link: Link) -> None:
    site_exchange.make_dispatch(desk(pair.authority), pair.here[0], pair.order)
    first = link.exchange()
    assert first.dispatches == 1 and first.parts_in >= 1
    assert link.exchange().dispatches == 0
    (line,) = walled(pair)
    assert (line.site, line.delivered, line.verified, line.rooms, line.seats) == (CODE, "taken", 1, 1, 3)
    hold_exam(pair, {"1": 5, "2": 1})
    site_exchange.make_results(desk(pair.site), pair.there[0], pair.about)
    assert link.exchange().parts_out >= 1
    Taker(pair.authority).tick()
    assert link.exchange().results == 1
    assert rows(pair.site, SiteSitting)[0].returned_at is not None
    (line,) = walled(pair)
    assert (line.delivered, line.released, line.collected) == ("returned", 1, 3)
    assert link.exchange().parts_out == 0


def walled(pair: Pair) -> list[site_wall.WallLine]:
    with pair.authority.db.read() as session:
        return site_wall.wall(session, pair.here[0], now=pair.authority.now())


@pytest.mark.dear
def test_an_old_word_is_grey_with_its_age(pair: Pair, link: Link) -> None:
    site_exchange.make_dispatch(desk(pair.authority), pair.here[0], pair.order)
    link.exchange()
    assert not walled(pair)[0].old
    pair.machine.advance(seconds=site_wall.FRESH_SECONDS + 1)
    (line,) = walled(pair)
    assert line.old and line.age == site_wall.FRESH_SECONDS + 1


def test_a_line_that_is_down_is_tried_ever_more_rarely(pair: Pair, link: Link) -> None:
    tried = []

    def down() -> None:
        tried.append(1)
        raise LinkDown("cut")

    link.exchange = down  # type: ignore[assignment, method-assign]
    for _minute in range(16):
        link.tick()
    assert len(tried) == 4  # at minutes 1, 3, 6, 11


@pytest.mark.parametrize("what", ["body", "path", "key", "time"])
def test_a_request_that_the_site_did_not_sign_so_is_refused(
    pair: Pair, client: FlaskClient, what: str
) -> None:
    from server.rules.site_signing import headers

    key = pair.authority.site.signing_key if what == "key" else pair.site.site.signing_key
    body = b'{"report":{"sittings":[]},"offers":[]}'
    told = headers(CODE, key, ("POST", "/site-link/exchange", body), now=pair.site.now())
    if what == "time":
        pair.machine.advance(minutes=6)
    path = "/site-link/exchange?x=1" if what == "path" else "/site-link/exchange"
    sent = body.replace(b"[]", b"[ ]", 1) if what == "body" else body
    answer = client.post(path, data=sent, headers=told, content_type="application/json")
    assert answer.status_code == 401


def test_a_site_gets_no_part_of_anothers_file(pair: Pair, client: FlaskClient) -> None:
    from server.rules.site_signing import headers

    site_exchange.make_dispatch(desk(pair.authority), pair.here[0], pair.order)
    (file,) = rows(pair.authority, SiteFile)
    path = f"/site-link/files/{file.uid}/1"
    told = headers(CODE, pair.site.site.signing_key, ("GET", path, b""), now=pair.site.now())
    assert client.get(path, headers=told).status_code == 200

    def give_away(session) -> None:  # type: ignore[no-untyped-def]
        session.get_one(SiteFile, file.id).site_id = None

    pair.authority.db.write(give_away)
    assert client.get(path, headers=told).status_code == 404


@pytest.mark.dear
def test_the_page_shows_the_wall_and_the_files(pair: Pair, sign_in: Callable[[Actor], FlaskClient]) -> None:
    site_exchange.make_dispatch(desk(pair.authority), pair.here[0], pair.order)
    browser = sign_in(pair.here[0])
    page = browser.get("/sites")
    assert page.status_code == 200 and CODE in page.text and "南京考点" in page.text
    (file,) = rows(pair.authority, SiteFile)
    data = browser.get(f"/sites/files/{file.id}").data
    with pair.authority.db.read() as session:
        assert data == site_files.as_file(session, site_files.get(session, file.id))
    told = browser.get("/sites/wall.json").get_json()
    assert [line["site"] for line in told["sites"]] == [CODE]


def test_who_does_not_manage_sites_does_not_see_them(
    pair: Pair, client_as: Callable[..., FlaskClient]
) -> None:
    assert client_as("invigilator").get("/sites").status_code == 403


def test_nobody_answers(pair: Pair) -> None:
    settings = replace(pair.site.settings, authority="http://127.0.0.1:9")
    with pytest.raises(LinkDown):
        Link(replace(pair.site, settings=settings)).exchange()


@pytest.mark.dear
def test_a_file_brought_by_hand_is_opened_by_a_child_and_taken_once(
    pair: Pair, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    made = site_exchange.make_dispatch(desk(pair.authority), pair.here[0], pair.order)
    with pair.authority.db.read() as session:
        out = site_files.as_file(session, site_files.get(session, made.id))
    came = site_exchange.receive(desk(pair.site), pair.there[0], out)
    site_taking.take_in(desk(pair.site), pair.at_site(), came.id)
    hold_exam(pair, {"1": 5})
    back = site_exchange.make_results(desk(pair.site), pair.there[0], pair.about)
    with pair.site.db.read() as session:
        data = site_files.as_file(session, site_files.get(session, back.id))
    browser = sign_in(pair.here[0])
    for _twice in range(2):
        answer = browser.post("/sites/files", data={"file": (io.BytesIO(data), "results.exsf")})
        assert answer.status_code == 302, answer.text
    assert pair.scene.room_row().state == "collected"
    assert [row.state for row in rows(pair.authority, SiteFile) if row.incoming] == ["taken"]
    broken = browser.post("/sites/files", data={"file": (io.BytesIO(b"EXSF1\nno"), "x.exsf")})
    assert broken.status_code == 422 and "密封文件" in broken.text
