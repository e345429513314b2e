"""One list of ways to the pages of a room's sitting: each role is led where it may go, and nowhere else."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from server.access import Actor, Role
from server.db.sittings import RoomSitting
from server.host import Host
from server.services import audit
from server.services.duty import may_see_room
from server.web.work import ALWAYS, WAYS
from tests.server.delivery_kit import Scene, make_scene

LINK = re.compile(r'<(?:a|form)\b[^>]*?\b(?:href|hx-get)="(/[^"#]*)')
ELSEWHERE = ("/static/", "/language/", "/logout")
FILES = (".zip",)
"""Files that are made for the click; everything else is a page."""


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


def put_in(scene: Scene, state: str) -> None:
    def change(session: Session) -> None:
        row = session.get_one(RoomSitting, scene.room_sitting)
        now = scene.host.now()
        row.state = state
        row.started_at = now if state in ALWAYS[3:] else None
        row.ended_at = now if state in ALWAYS[4:] else None
        row.collected_at = now if state in ALWAYS[5:] else None

    scene.host.db.write(change)


def links(page: str) -> list[str]:
    """The links of a page; the navigation beside it is the same on all pages and no part of it."""
    page = re.sub(r'<nav class="sidenav".*?</nav>', "", page, flags=re.DOTALL)
    return [href.replace("&amp;", "&") for href in LINK.findall(page) if not href.startswith(ELSEWHERE)]


def person(role: Role, scene: Scene, person_as: Callable[..., Actor]) -> Actor:
    """Who has the role: of the room's staff where it has one."""
    known = {Role.CHIEF_INVIGILATOR: scene.chief, Role.INVIGILATOR: scene.invigilator}
    return known.get(role) or person_as(str(role))


@pytest.mark.dear
@pytest.mark.parametrize("role", Role)
def test_every_link_of_the_sitting_and_of_the_monitor_leads_to_a_page(
    role: Role, scene: Scene, person_as: Callable[..., Actor], sign_in: Callable[[Actor], FlaskClient]
) -> None:
    browser = sign_in(person(role, scene, person_as))
    seen: dict[str, int] = {}
    for state in ("planned", "arranged", "running", "collected"):
        put_in(scene, state)
        for page in (f"/sittings/{scene.room_sitting}", f"/monitor/{scene.room_sitting}", "/monitor"):
            answer = browser.get(page)
            if answer.status_code == 403:  # no way leads there either
                continue
            assert answer.status_code == 200, page
            for href in links(answer.text):
                key = f"{state} {href}"
                if key not in seen and not href.endswith(FILES):
                    seen[key] = browser.get(href).status_code
    assert {key: status for key, status in seen.items() if status != 200} == {}
    if role is not Role.BANK_KEEPER:
        assert len(seen) > 10


@pytest.mark.parametrize("role", Role)
def test_a_page_has_one_place_in_the_list_and_one_name(
    role: Role, scene: Scene, person_as: Callable[..., Actor], sign_in: Callable[[Actor], FlaskClient]
) -> None:
    who = person(role, scene, person_as)
    browser = sign_in(who)
    put_in(scene, "collected")
    pages = [f"/sittings/{scene.room_sitting}", f"/monitor/{scene.room_sitting}"]
    for page in pages:
        answer = browser.get(page)
        if answer.status_code == 403:
            continue
        listed = re.search(r'<ul class="work-list">(.*?)</ul>', answer.text, re.DOTALL)
        assert listed
        found = dict(re.findall(r'href="([^"]*)">([^<]*)<', listed[1]))
        with scene.host.db.read() as session:
            near = may_see_room(session, who, scene.room_sitting)
        mine = [way for way in WAYS if any(who.can(each) for each in way.permissions)]
        offered = {way.label for way in mine if (near or not way.near) and not way.panel}
        here = {"场次安排"} if "sittings" in page else {"监考画面"}
        assert set(found.values()) == offered - here
        assert len(found) == len(set(found.values()))


def test_an_act_without_a_sentence_of_its_own_is_told_by_its_word(
    scene: Scene, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    def happened(session: Session) -> None:
        stream = audit.sitting_stream(scene.room_sitting)
        for act in ("record_annexed", "seating_locked", "desk_picture_viewed"):
            audit.record(session, stream, scene.chief, act, stream, now=scene.host.now())

    scene.host.db.write(happened)
    side = sign_in(scene.chief).get(f"/monitor/{scene.room_sitting}/side").text
    assert f"{scene.chief.name}：为考场情况记录单补充附注" in side
    assert f"{scene.chief.name} 锁定座位" in side
    assert "desk_picture" not in side and "签到画面" not in side
