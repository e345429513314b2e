"""One sitting in two rooms under one chief, at screens: both start, a seat moves, time is given, both are closed.

Nobody sits at the seats: candidates are ready before the start as their machines would have left them. With
EXAMHALL_SCREENSHOTS set to a folder the pictures of the documentation are made on the way.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.seats import AttemptState
from server.access import Role
from server.cli.bench.crowd import paired
from server.cli.rehearse import stage as staging
from server.cli.rehearse.acts import Shift
from server.cli.rehearse.crew import Crew, Member, Names, hire
from server.cli.rehearse.hall import Hall, private_hall
from server.cli.rehearse.stage import Stage, Wish, fictional_people, made_room, stage_sitting
from server.cli.rehearse.telling import tell
from server.db.record_book import RoomRecordRow
from server.db.rooms import Workstation
from server.db.sittings import Attempt, RoomSitting, SeatStay, TimeCredit
from server.services import duties, rooms
from tests.system.axe import violations
from tests.system.chromium import chromium
from tests.system.screens import DESK, PASSWORD, PATIENCE_MS, shot

pytestmark = [pytest.mark.system, pytest.mark.long]  # a long walk: `make test-long`
CAME = 3
"""Candidates of the first room, the last of whom does not come; the second has one less."""


@dataclass
class Site:
    """Two rooms of one sitting, whose server runs. Each room has two invigilators of its own."""

    hall: Hall
    crews: tuple[Crew, Crew]
    stages: tuple[Stage, Stage]
    browser: Browser

    def page(self, who: Member) -> Page:
        page = self.browser.new_context(viewport=DESK, locale="zh-CN").new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.faults = []  # type: ignore[attr-defined]
        page.on("pageerror", lambda fault: page.faults.append(str(fault)))  # type: ignore[attr-defined]
        page.goto(f"{self.hall.address.url}/login")
        page.fill("#username", who.username)
        page.fill("#password", who.password)
        page.click("main .btn-primary")
        page.wait_for_url(lambda url: "/login" not in url)
        return page

    def at(self, page: Page, path: str) -> None:
        answer = page.goto(self.hall.address.url + path)
        assert answer is not None and answer.status == 200, path

    def rows(self, kind: type) -> list:
        with self.hall.host.db.read() as session:
            return list(session.scalars(select(kind).order_by(kind.id)))

    def spoken(self, moment: datetime) -> str:
        """A moment as the fields of the ledger take it."""
        zone = ZoneInfo(self.hall.host.settings.timezone)
        return f"{moment.astimezone(zone):%Y-%m-%dT%H:%M:%S}"


@pytest.fixture
def site() -> Iterator[Site]:
    with ExitStack() as stack:
        hall = stack.enter_context(private_hall(tls=False))
        everybody = hire(hall.host, Names("demo-", "示例", PASSWORD), invigilators=4)
        crews = _of_rooms(everybody)
        people = fictional_people(2 * CAME - 1, named="示例考生")
        plan = made_room("第一考场", CAME)
        wish = Wish("示例场次", people[:CAME], Decimal(60), "7", timedelta(seconds=1), plan)
        first = stage_sitting(hall.host, crews[0], wish, told=tell)
        second = _beside(hall, crews[1], first, replace(wish, entrants=people[CAME:]))
        for crew, staged in zip(crews, (first, second), strict=True):
            _come(hall, crew, staged)
        chief = everybody.one(Role.CHIEF_INVIGILATOR).actor
        hall.host.db.write(duties.sign_in, chief, first.room_sitting, now=hall.host.now())
        hall.serve()
        for crew, staged in zip(crews, (first, second), strict=True):
            shift = Shift(hall.address, crew, staged.room_sitting)
            shift.sign_in()
            shift.release()
            shift.overrule_checks()
        hall.host.db.write(_ready, first)
        hall.host.db.write(_ready, second)
        yield Site(hall, crews, (first, second), stack.enter_context(chromium()))


def _of_rooms(crew: Crew) -> tuple[Crew, Crew]:
    watching = crew.all(Role.INVIGILATOR)
    others = tuple(member for member in crew.members if member.role is not Role.INVIGILATOR)
    return Crew((*others, *watching[:2])), Crew((*others, *watching[2:]))


def _beside(hall: Hall, crew: Crew, first: Stage, wish: Wish) -> Stage:
    """A second room in the sitting of the first, prepared in the same way."""
    host, admin = hall.host, crew.one(Role.ADMINISTRATOR).actor
    (room,) = host.db.write(rooms.store_rooms, admin, [made_room("第二考场", CAME - 1)], now=host.now())

    def add(session: Session) -> int:
        sitting = session.get_one(RoomSitting, first.room_sitting).sitting_id
        row = RoomSitting(uid="second-room", sitting_id=sitting, room_id=room, state="planned")
        session.add(row)
        session.flush()
        return row.id

    number = host.db.write(add)
    staging._people(host, crew, number, wish)
    staging._seal(host, crew, number)
    return staging._stage(host, crew, wish, room, number)


def _come(hall: Hall, crew: Crew, staged: Stage) -> None:
    """Workstations stand at every seat, and the staff of the room is there."""
    host = hall.host
    paired(host, staged)
    spare = [staged.seats[number] for number in staged.spare_seats()]
    station = {"public_key": bytes(32), "hostname": "spare", "software": "0", "paired_at": host.now()}
    host.db.write(lambda session: session.add_all(Workstation(seat_id=seat, **station) for seat in spare))
    for member in crew.all(Role.INVIGILATOR):
        host.db.write(duties.sign_in, member.actor, staged.room_sitting, now=host.now())


def _ready(session: Session, staged: Stage) -> None:
    """Everybody waits for the start but the last candidate of the first room."""
    seats = {staged.seats[one.seat]: one for one in staged.entrants}
    stations = dict(session.execute(select(Workstation.seat_id, Workstation.id)).all())
    for attempt in session.scalars(select(Attempt).where(Attempt.room_sitting_id == staged.room_sitting)):
        if seats[attempt.seat_id] is staged.entrants[-1] and len(seats) == CAME:
            continue
        attempt.state, attempt.workstation_id = AttemptState.READY, stations[attempt.seat_id]
        attempt.identified_at = attempt.admitted_at = attempt.accepted_at = staged.starts_at
        attempt.confirmed_at = staged.starts_at


def test_two_rooms_of_one_sitting_under_one_chief(site: Site) -> None:
    chief = site.page(site.crews[0].one(Role.CHIEF_INVIGILATOR))
    start_both(site, chief)
    here, there = (site.page(crew.all(Role.INVIGILATOR)[0]) for crew in site.crews)
    moved = move_a_seat(site, here)
    give_time(site, there)
    for page, crew, staged in zip((here, there), site.crews, site.stages, strict=True):
        end_room(site, page, crew, staged)
    say_that_no_time_can_be_given(site, chief)
    ask_both_stays(site, chief, moved)
    for crew, staged in zip(site.crews, site.stages, strict=True):
        close_the_record(site, chief, crew, staged)
    look_back(site, chief)
    assert chief.faults == []  # type: ignore[attr-defined]


def tile(page: Page, staged: Stage):
    return page.locator(f".room-tile[data-room='{staged.room_sitting}']")


def start_both(site: Site, page: Page) -> None:
    """The screen of all rooms shows both; one act starts them."""
    first, second = site.stages
    site.at(page, "/monitor")
    expect(page.locator(".room-tile")).to_have_count(2)
    for staged, present in ((first, CAME - 1), (second, CAME - 1)):
        expect(tile(page, staged).locator("[data-count=present]")).to_have_text(str(present))
    page.get_by_role("link", name="对全部考场发送…").click()
    form = page.locator("form[action$='/everywhere/start']")
    expect(form.locator("label")).to_contain_text("第一考场、第二考场")
    form.locator("input[name=confirm]").check()
    form.get_by_role("button", name="全部考场开考").click()
    page.wait_for_url("**/monitor")
    expect(page.locator(".flash-list")).to_contain_text("第一考场、第二考场")
    for staged in site.stages:
        expect(tile(page, staged)).to_contain_text("进行中")
        expect(tile(page, staged).locator("[data-count=answering]")).to_have_text(str(CAME - 1))
    assert violations(page) == []
    shot(page, "two-rooms-started")
    assert [row.state for row in site.rows(RoomSitting)] == ["running", "running"]


def open_seat(site: Site, page: Page, staged: Stage, number: str) -> None:
    site.at(page, f"/monitor/{staged.room_sitting}")
    expect(page.locator("#socket-state")).to_have_class("tag-line good")
    seat = page.locator(f"#seat-{staged.seats[number]}")
    name = str(seat.get_attribute("aria-label"))
    assert name.startswith(f"{number} "), name
    assert violations(page, ("label-content-name-mismatch",)) == []
    seat.click()
    expect(page.locator("#drawer-title")).to_contain_text(number)


def move_a_seat(site: Site, page: Page) -> datetime:
    """A screen fails: the candidate goes on at the spare seat, with a reason. When it was, for the ledger."""
    staged = site.stages[0]
    here, spare = staged.entrants[0], staged.spare_seats()[0]
    open_seat(site, page, staged, here.seat)
    drawer = page.locator("#drawer")
    drawer.get_by_text("换到另一座位").click()
    form = drawer.locator("form[action$='/move']")
    form.locator("select[name=seat]").select_option(str(staged.seats[spare]))
    form.locator("[name=reason]").fill("显示器故障")
    form.get_by_role("button", name="换座").click()
    expect(page.locator("#drawer-title")).to_contain_text(spare)
    expect(page.locator(f"#seat-{staged.seats[spare]}")).to_contain_text(here.name)
    expect(page.locator(f"#seat-{staged.seats[here.seat]}")).not_to_contain_text(here.name)
    shot(page, "two-rooms-moved")
    assert page.faults == []  # type: ignore[attr-defined]
    (after,) = [stay for stay in site.rows(SeatStay) if stay.seat_id == staged.seats[spare]]
    assert after.reason == "显示器故障"
    return after.from_at


def give_time(site: Site, page: Page) -> None:
    """The other room's invigilator asks for six minutes; without the chief there are none."""
    staged = site.stages[1]
    here = staged.entrants[0]
    open_seat(site, page, staged, here.seat)
    drawer, chief = page.locator("#drawer"), site.crews[1].one(Role.CHIEF_INVIGILATOR)
    for password, given in (("not the password", 0), (PASSWORD, 1)):
        fold = drawer.locator("details:has(form[action$='/add_time'])")
        if fold.get_attribute("open") is None:
            fold.locator("summary").click()
        form = fold.locator("form")
        form.locator("[name=minutes]").fill("6")
        form.locator("[name=reason]").fill("断电 6 分钟")
        form.locator("[name=cosign_username]").fill(chief.username)
        form.locator("[name=cosign_password]").fill(password)
        form.get_by_role("button", name="补时").click()
        if given:
            expect(drawer.locator("[data-fresh=history]")).to_contain_text("补时（分钟） · 6")
        else:
            expect(drawer.locator(".field-error, .alert").first).to_be_visible()
        assert len(site.rows(TimeCredit)) == given
    (credit,) = site.rows(TimeCredit)
    assert (credit.minutes, credit.cosigned_by) == (Decimal(6), chief.user_id)
    assert page.faults == []  # type: ignore[attr-defined]


def end_room(site: Site, page: Page, crew: Crew, staged: Stage) -> None:
    """An invigilator ends the room before its time, which the chief signs; every answer is in."""
    site.at(page, f"/monitor/{staged.room_sitting}")
    expect(page.locator("#socket-state")).to_have_class("tag-line good")
    page.locator("#bar").get_by_text("结束本场").click()
    dialog, chief = page.locator("#dialog"), crew.one(Role.CHIEF_INVIGILATOR)
    dialog.locator("[name=reason]").fill("全部考生做完")
    dialog.locator("[name=cosign_username]").fill(chief.username)
    dialog.locator("[name=cosign_password]").fill(PASSWORD)
    dialog.get_by_role("button", name="结束本场").click()
    expect(page.locator(".flash-list")).to_contain_text("本场已结束")
    assert page.faults == []  # type: ignore[attr-defined]


def say_that_no_time_can_be_given(site: Site, page: Page) -> None:
    """Once a room is over, its pages say so and offer no form for time."""
    number = site.stages[0].room_sitting
    for path in ("time", "commands", "everywhere"):
        site.at(page, f"/monitor/{number}/{path}")
        expect(page.get_by_text("不能再补时").first).to_be_visible()
        expect(page.locator("main [name=minutes], main [name=scope]")).to_have_count(0)
    assert violations(page) == []


def ask_both_stays(site: Site, page: Page, moved: datetime) -> None:
    """The ledger tells who sat where before and after."""
    staged = site.stages[0]
    here, spare = staged.entrants[0], staged.spare_seats()[0]
    moments = (moved - timedelta(seconds=2), moved + timedelta(seconds=1))
    for number, taken in ((here.seat, (True, False)), (spare, (False, True))):
        for moment, sits in zip(moments, taken, strict=True):
            site.at(page, f"/ledger/{staged.room_sitting}?seat={number}&at={site.spoken(moment)}")
            expect(page.locator("#ledger-found")).to_contain_text(f"{number} 号座位")
            if sits:
                expect(page.locator(".facts").first).to_contain_text(here.name)
            else:
                expect(page.get_by_text("这一时刻没有人坐在这里。")).to_be_visible()


def close_the_record(site: Site, page: Page, crew: Crew, staged: Stage) -> None:
    """Expected = submitted + absent + void; everybody signs with the own password, the chief seals."""
    site.at(page, f"/sittings/{staged.room_sitting}/record")
    sums = dict(
        zip(("应考", "交卷人数", "终止", "缺考"), (len(staged.entrants), CAME - 1, 0, 0), strict=True)
    )
    sums["缺考"] = len(staged.entrants) - (CAME - 1)
    for word, count in sums.items():
        expect(page.locator(f"dt:text-is('{word}') + dd")).to_have_text(str(count))
    assert sums["应考"] == sums["交卷人数"] + sums["终止"] + sums["缺考"]
    asked = page.locator(".signers").inner_text()
    rovers = crew.all(Role.ROVER)[:1] if "流动监考" in asked else ()
    signers = [*crew.all(Role.INVIGILATOR), *rovers, crew.one(Role.CHIEF_INVIGILATOR)]
    for count, person in enumerate(signers, 1):
        page.fill("input[name=cosign_username]", person.username)
        page.fill("input[name=cosign_password]", PASSWORD)
        page.get_by_role("button", name="签名", exact=True).click()
        expect(page.locator(".signers .good")).to_have_count(count)
    page.get_by_role("button", name="封存", exact=True).first.click()
    page.locator("dialog").get_by_role("button", name="封存", exact=True).click()
    expect(page.locator("h1")).to_contain_text("已封存")


def look_back(site: Site, page: Page) -> None:
    """The overview of all rooms: nobody is open any more, and both are to be marked."""
    site.at(page, "/monitor")
    for staged in site.stages:
        expect(tile(page, staged)).to_contain_text("已收卷")
        expect(tile(page, staged).locator("[data-count=answering]")).to_have_text("0")
        expect(tile(page, staged).locator("[data-count=submitted]")).to_have_text(str(CAME - 1))
    expect(tile(page, site.stages[0]).locator("[data-count=absent]")).to_have_text("1")
    with site.hall.host.db.read() as session:
        sealed = set(session.scalars(select(RoomRecordRow.room_sitting_id)))
    assert sealed == {staged.room_sitting for staged in site.stages}
