"""A site that does not take a dispatch: the authority's wall says so and why, until it does."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from server.access import Actor
from server.db.rooms import Room, Seat
from server.db.sites import SiteFile
from server.errors import Refused
from server.host import Host
from server.live.site_link import Link
from server.services import site_exchange, site_taking, site_wall
from tests.server.conftest import Machine
from tests.server.site_exchange_kit import bring, sent
from tests.server.site_kit import Pair, desk, make_pair, rows, site_host
from tests.server.site_line_kit import answering


@pytest.fixture
def pair(host: Host, tmp_path: Path, machine: Machine, person_as: Callable[..., Actor]) -> Iterator[Pair]:
    with site_host(tmp_path / "site", machine) as site:
        yield make_pair(host, site, machine, person_as)


@pytest.fixture
def link(pair: Pair, app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Link]:
    monkeypatch.setattr("server.live.site_link.desk_of", desk)
    with answering(app) as address:
        yield Link(replace(pair.site, settings=replace(pair.site.settings, authority=address)))


def place_of_seat_two(pair: Pair, column: int) -> None:
    """Another plan than the authority's, or the same again."""

    def move(session: Any) -> None:
        room = session.scalars(select(Room.id).where(Room.name == pair.room_name)).one()
        session.scalars(select(Seat).where(Seat.room_id == room, Seat.number == "2")).one().column = column

    pair.site.db.write(move)


def planned_column(pair: Pair) -> int:
    with pair.site.db.read() as session:
        found = session.scalars(
            select(Seat.column)
            .join(Room, Room.id == Seat.room_id)
            .where(Room.name == pair.room_name, Seat.number == "2")
        )
        return found.one()


def walled(pair: Pair) -> site_wall.WallLine:
    with pair.authority.db.read() as session:
        (line,) = site_wall.wall(session, pair.here[0], now=pair.authority.now())
    return line


def test_the_wall_says_that_a_site_refused_and_why_until_it_takes(
    pair: Pair, link: Link, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    right = planned_column(pair)
    place_of_seat_two(pair, 9)
    site_exchange.make_dispatch(desk(pair.authority), pair.here[0], pair.order)
    link.exchange()
    assert walled(pair).delivered == "sent", "the site learned of it in this very exchange"
    link.exchange()
    line = walled(pair)
    assert line.delivered == "refused" and line.verified == 0
    assert line.refused is not None
    assert (line.refused.code, line.refused.params["seats"]) == ("dispatch_plan_differs", "2")
    browser = sign_in(pair.here[0])
    page = browser.get("/sites").text
    assert "考点拒收" in page and "座位与机构的平面图不同：2" in page
    (told,) = browser.get("/sites/wall.json").get_json()["sites"]
    assert (told["delivered"], told["refused"]["code"]) == ("refused", "dispatch_plan_differs")

    place_of_seat_two(pair, right)
    (file,) = [row for row in rows(pair.site, SiteFile) if row.incoming]
    site_taking.take_in(desk(pair.site), pair.at_site(), file.id)
    link.exchange()
    line = walled(pair)
    assert (line.delivered, line.refused) == ("taken", None)


@pytest.mark.dear
def test_what_was_carried_by_hand_and_refused_is_told_at_the_next_exchange(pair: Pair, link: Link) -> None:
    data = sent(pair)
    place_of_seat_two(pair, 9)
    with pytest.raises(Refused) as refused:
        bring(pair, data)
    assert refused.value.code == "dispatch_plan_differs"
    link.exchange()
    assert walled(pair).delivered == "refused"


@pytest.mark.dear
def test_a_newer_dispatch_is_on_its_way_and_not_refused(pair: Pair, link: Link) -> None:
    data = sent(pair)
    place_of_seat_two(pair, 9)
    with pytest.raises(Refused):
        bring(pair, data)
    link.exchange()

    def turn(session: Any) -> None:
        seat = session.get_one(Seat, pair.scene.seats["3"])
        seat.column += 5

    pair.authority.db.write(turn)
    made = site_exchange.make_dispatch(desk(pair.authority), pair.here[0], pair.order)
    assert made.fresh and walled(pair).delivered == "sent"


@pytest.mark.dear
@pytest.mark.parametrize(
    "said",
    [
        {"code": "not a code %(", "params": {}},
        {"code": "dispatch_plan_differs", "params": {"not_before": "never", "place": "a/b/c", "room": "r"}},
        {"code": "dispatch_plan_differs", "params": {}},
        {"code": "dispatch_unheard_of", "params": {"room": ["x"], "seats": None}},
        {
            "code": "dispatch_plan_differs",
            "params": {"room": "half a character: \ud800", "seats": "\u202e\0"},
        },
    ],
)
def test_a_strange_refusal_is_no_fault_of_the_wall(
    pair: Pair, sign_in: Callable[[Actor], FlaskClient], said: dict[str, Any]
) -> None:
    sent(pair)
    (file,) = rows(pair.authority, SiteFile)
    one = said | {"about": file.about, "content": file.content}
    word = site_wall.read_report({"sittings": [], "refused": [one] * 60})
    now = pair.authority.now()
    pair.authority.db.write(site_wall.heard, pair.site_id, word, now, now=now)
    page = sign_in(pair.here[0]).get("/sites")
    assert page.status_code == 200 and "考点拒收" in page.text


@pytest.mark.parametrize("said", [[1], [{"code": "x"}], {"a": 1}, 7, [{"params": 3, "code": "dispatch_x"}]])
def test_a_refusal_without_form_is_refused_with_its_word(said: Any) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        site_wall.read_report({"sittings": [], "refused": said})
