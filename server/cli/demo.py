"""`examhall demo`: a server, a smart room of 24 seats, a sitting with simulated candidates, a free seat."""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from secrets import token_hex
from typing import Any

import click

from server.access import Role
from server.cli.portraits import silhouette
from server.cli.rehearse import show
from server.cli.rehearse.cameras import Person, known_people
from server.cli.rehearse.crew import Crew, Member, Names, hire
from server.cli.rehearse.fleet import FleetFault
from server.cli.rehearse.hall import Hall, port_is_free, private_hall
from server.cli.rehearse.panel_stage import stage_panel
from server.cli.rehearse.play import ENROLMENT_SECONDS, Play
from server.cli.rehearse.report import Report
from server.cli.rehearse.staff import StaffRefused
from server.cli.rehearse.stage import (
    Entrant,
    Stage,
    Wish,
    fictional_people,
    import_photos,
    room_of_file,
    staff_needed,
    stage_sitting,
)
from server.cli.rehearse.staging import Director, Recording, recorded, window_of
from server.cli.rehearse.telling import interruptible, tell, tell_step
from server.cli.words import _
from server.host import Host
from server.rules.roster import RosterEntry

FIRST_PORT, PORTS = 8000, 50
ROOM_FILE, ROOM_SEATS = "room_smart_24.csv", 24
MINUTES, SHORT_MINUTES = 15.0, 1.5
SEATS, LENGTH = click.IntRange(1, ROOM_SEATS - 1), click.FloatRange(0.25, 240)
SCENES_SECONDS = (20.0, 120.0)
"""From when to when something happens before the cameras: soon, so that whoever opens the monitor sees it."""
WITH_CAMERA = 2
"""Every so many-th simulated candidate has a recorded camera."""
VISITOR = "访客 Visitor"
VISITOR_SECONDS = 60.0
"""How long the start waits for the visitor; later the visitor is a late candidate, which the rules allow."""
LOOK_AT_VISITOR_SECONDS = 4.0
"""After how long the demo's invigilator admits the visitor: long enough to see the waiting screen."""
PEOPLE = (
    "王建国", "李秀英", "张伟", "刘洋", "陈静", "杨帆", "赵敏", "黄志强", "周婷", "吴磊",
    "徐丽", "孙浩", "马晓东", "㼆小宁", "𠮷田惠", "阿卜杜·外力", "古丽娜尔·买买提", "欧阳明", "司马兰",
    "胡军", "朱丹", "郭涛", "何芳", "林峰", "罗琳", "高翔", "梁玉", "宋杰", "郑爽爽",
)  # fmt: skip
ROLES: Mapping[Role, tuple[str, str]] = {
    Role.ADMINISTRATOR: ("考务管理员 Administrator", "/batches"),
    Role.BANK_KEEPER: ("题库管理员 Bank keeper", "/banks"),
    Role.CUSTODIAN: ("试卷保管人 Custodian", "/sittings/{sitting}"),
    Role.CHIEF_INVIGILATOR: ("主考 Chief invigilator", "/monitor/{sitting}"),
    Role.INVIGILATOR: ("监考员 Invigilator", "/monitor/{sitting}"),
    Role.ROVER: ("流动监考 Rover", "/monitor"),
    Role.SYSTEM_ADMINISTRATOR: ("系统管理员 System administrator", "/sittings/{sitting}"),
    Role.SUPERVISOR: ("内部质量督导员 Supervisor", "/monitor/{sitting}"),
    Role.EXAMINER: ("考评员 Examiner", "/scoring"),
    Role.SCORER: ("统分人 Scorer", "/panels"),
    Role.MARK_CHECKER: ("核分人 Mark checker", "/panels"),
    Role.INSTITUTION_HEAD: ("机构负责人 Head of the institution", "/cases"),
    Role.AUDITOR: ("审计员 Auditor", "/audit"),
}
NAME_WIDE = 36
"""Columns of a role's name in the table of accounts; a Chinese character takes two."""


@dataclass(frozen=True, slots=True)
class Show:
    """How it goes: simulated candidates, minutes; is the visitor admitted, does it end by itself.

    `camera`: the visitor's, as the agent's --camera takes it; "" for none.
    """

    seats: int
    minutes: Decimal
    admit: bool
    leave: bool
    camera: str = ""


@click.command(help=_("演示：本机服务器、24 座智能考场、模拟考生，以及留给您的一个座位。"))
@click.option("--port", type=int, default=FIRST_PORT, envvar="DEMO_PORT", help=_("起始端口，默认 8000"))
@click.option("--seats", type=SEATS, default=12, envvar="DEMO_SEATS", help=_("模拟考生人数，默认 12"))
@click.option("--minutes", type=LENGTH, envvar="DEMO_MINUTES", help=_("考试分钟数，默认 15"))
@click.option("--admit", type=bool, default=True, envvar="DEMO_ADMIT", help=_("0：由您来放行访客座位"))
@click.option("--exit", "leave", type=bool, default=False, envvar="DEMO_EXIT", help=_("1：考完即退出"))
@click.option("--camera", default="", envvar="DEMO_CAMERA", help=_("您座位的摄像头，如 0；默认不用摄像头"))
def demo(  # noqa: PLR0913 - one argument for each option
    port: int, seats: int, minutes: float | None, admit: bool, leave: bool, camera: str
) -> None:
    """Stays until Ctrl-C; with --exit it ends after the sitting with the rehearsal's line and status."""
    length = minutes or (SHORT_MINUTES if leave else MINUTES)
    wanted = Show(seats, Decimal(str(length)), admit, leave, camera)
    status = 0
    try:
        with interruptible(), private_hall(tls=False, port=_port(port)) as hall:
            status = _demonstrate(hall, wanted)
    except (FleetFault, StaffRefused) as fault:
        raise click.ClickException(str(fault)) from fault
    except KeyboardInterrupt:
        tell(_("演示结束，临时数据已删除。"))
    sys.exit(status)


def _port(first: int) -> int:
    free = next((port for port in range(first, first + PORTS) if port_is_free(port)), None)
    if free is None:
        raise click.ClickException(_("端口 %(first)d 及其后都被占用。", first=first))
    return free


def _demonstrate(hall: Hall, wanted: Show) -> int:
    password = f"demo-{token_hex(3)}"
    names = Names("", _("演示"), password)
    crew = hire(hall.host, names, invigilators=staff_needed(wanted.seats + 1))
    people = demo_people(wanted.seats)
    wish = Wish(
        title=_("演示 %(day)s", day=f"{hall.host.now().astimezone():%m-%d %H:%M}"),
        entrants=people,
        minutes=wanted.minutes,
        seed=token_hex(8),
        starts_in=timedelta(minutes=2),
        room=room_of_file(hall.host, ROOM_FILE),
    )
    staged = stage_sitting(hall.host, crew, wish, told=tell_step)
    visitor = next(entrant for entrant in staged.entrants if entrant.name == VISITOR)
    draw_portraits(hall.host, crew, staged)
    crew = stage_panel(hall.host, crew, names, _("演示技能考核"), seed=token_hex(8)).crew
    director = record_cameras(hall, crew, staged, wanted)
    hall.serve()
    with Play(hall, crew, staged, told=tell) as play:
        play.direct(director)
        link = _seat(play, crew, visitor, wanted)
        _sit(play, visitor, link, wanted)
        report = judged(play.report(), visitor.seat)
        show(report, as_json=True)
        if not wanted.leave:
            tell(_("考试已结束，各页面仍可查看；按 Ctrl-C 退出。"))
            _stay(play, link)
        return 1 if report.faults() else 0


def demo_people(count: int) -> tuple[RosterEntry, ...]:
    """Fictional candidates with names of every kind, the visitor last."""
    entries = fictional_people(count + 1)
    names = [*PEOPLE[:count], VISITOR]
    return tuple(replace(entry, name=name) for entry, name in zip(entries, names, strict=True))


def draw_portraits(host: Host, crew: Crew, staged: Stage) -> None:
    """Drawn photos for everybody, through the import that real ones take."""
    pictures = {entrant.ticket: silhouette(number) for number, entrant in enumerate(staged.entrants)}
    import_photos(host, crew, staged, pictures)


def record_cameras(hall: Hall, crew: Crew, staged: Stage, wanted: Show) -> Director | None:
    """Recorded cameras for half of the simulated candidates; none, and a word, without the sample photos."""
    try:
        people: tuple[Person, ...] = known_people()
    except FleetFault as fault:
        tell(str(fault))
        tell(_("演示继续，但没有摄像头画面。"))
        return None
    numbered = tuple(enumerate(_simulated(staged), 1))[::WITH_CAMERA]
    first, last = SCENES_SECONDS
    window = first, min(last, window_of(float(wanted.minutes) * 60)[1])
    return recorded(hall, crew, staged, Recording(people, numbered, token_hex(8), window), tell)


def judged(report: Report, visitor: str) -> Report:
    """The report without what the visitor's own camera saw: a visitor may walk about."""
    seats = {
        kind: [seat for seat in found if seat != visitor] for kind, found in report.incident_seats.items()
    }
    return replace(report, incident_seats={kind: found for kind, found in seats.items() if found})


def _simulated(staged: Stage) -> tuple[Entrant, ...]:
    return tuple(entrant for entrant in staged.entrants if entrant.name != VISITOR)


def _seat(play: Play, crew: Crew, visitor: Entrant, wanted: Show) -> "_Link":
    play.simulated = _simulated(play.stage)
    if wanted.camera:
        recorded_of, mine = play.camera_of, play.stage.cameras[visitor.seat]
        real = ("--camera", wanted.camera, "--camera-id", mine)
        play.camera_of = lambda seat: real if seat == visitor.seat else recorded_of(seat)
    play.admits = _Door(visitor, wanted).opens
    play.prepare()
    play.start_agents([entrant.seat for entrant in play.stage.entrants])
    link = _Link(play, visitor)
    click.echo(table(play, crew, visitor, link.text))
    play.enter()
    return link


class _Door:
    """Whom the demo's invigilator admits: simulated candidates at once, the visitor after a look."""

    def __init__(self, visitor: Entrant, wanted: Show) -> None:
        self._visitor = visitor
        self._admit = wanted.admit
        self._seen_at: float | None = None

    def opens(self, card: Mapping[str, Any]) -> bool:
        """Whether the person at this seat is admitted now."""
        if card["number"] != self._visitor.seat:
            return True
        self._seen_at = self._seen_at or time.monotonic()
        return self._admit and time.monotonic() - self._seen_at >= LOOK_AT_VISITOR_SECONDS


def _sit(play: Play, visitor: Entrant, link: "_Link", wanted: Show) -> None:
    end = time.monotonic() + (0 if wanted.leave else VISITOR_SECONDS)
    latest = end + ENROLMENT_SECONDS

    def ready() -> bool:
        link.tell_new()
        here = {card["number"] for card in play.monitor.in_state("ready")}
        if time.monotonic() > latest or play.room_state() != "released":
            return True
        return (visitor.seat in here or time.monotonic() > end) and not play.unenrolled()

    play.run(until=ready)
    while play.room_state() == "released":  # unless the visitor was quicker, as an invigilator
        play.tolerant(play.start)
    play.run(until=lambda: link.tell_new() or play.over())
    play.finish()


class _Link:
    """The visitor's link: good for one page; a page opened with it makes a new one."""

    def __init__(self, play: Play, visitor: Entrant) -> None:
        self._file = play.agents[visitor.seat].launch_file
        self.text = self._file.read_text().strip()

    def tell_new(self) -> bool:
        """Prints the next link once the last one was used; never true."""
        text = self._file.read_text().strip() if self._file.exists() else ""
        if text and text != self.text:
            self.text = text
            click.echo(_("再次打开访客考试机（上一个链接已用过）：%(url)s", url=text))
        return False


def _stay(play: Play, link: _Link) -> None:
    while play.hall.server is not None and play.hall.server.running:
        link.tell_new()
        time.sleep(1)
    raise FleetFault(_("服务器意外退出。"))


def table(play: Play, crew: Crew, visitor: Entrant, launch: str) -> str:
    """Every role's screen with its login, and the visitor's seat."""
    url, sitting = play.hall.address.url, play.stage.room_sitting
    rule = "─" * 96
    lines = [rule, "examhall 演示 · DEMO", rule]
    for role, (name, path) in ROLES.items():
        members = crew.all(role) if role is Role.EXAMINER else crew.all(role)[:1]
        lines += [_row(member, name, url + path.format(sitting=sitting)) for member in members]
    chief = crew.one(Role.CHIEF_INVIGILATOR)
    lines += [
        "",
        f"保管口令 custodian passphrase: {chief.passphrase}",
        f"技能考核（主考叫号） practical assessment, run by the chief:  {url}/assessments",
        rule,
        f"您的考试机 your kiosk, 座位 seat {visitor.seat}:  {launch}",
        f"准考证号 ticket {visitor.ticket}    证件号码 ID number {visitor.id_number}",
        *_camera_lines(play),
        rule,
        "按 Ctrl-C 结束，临时数据随即删除。 Ctrl-C ends the demo and removes its data.",
    ]
    return "\n".join(lines)


def _camera_lines(play: Play) -> list[str]:
    """Which seats have a camera; nothing when there are none."""
    if play.director is None:
        return []
    seats = " ".join(sorted(seat for seat in play.stage.seats if seat in play.director.cameras))
    lines = [f"有摄像头（录像）的座位 seats with a recorded camera: {seats}"]
    if play.director.takes:
        lines.append("开考后不久监控大屏会出现提示。 Alerts appear on the monitor soon after the start.")
    return lines


def _row(member: Member, name: str, url: str) -> str:
    wide = sum(2 if ord(sign) > 0x2E80 else 1 for sign in name)
    return f"{name}{' ' * (NAME_WIDE - wide)}{url:<36}{member.username:<14}{member.password}"
