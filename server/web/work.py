"""The pages of a room in its sitting, in the order of the day: which of them somebody is led to.

The page of the sitting and the room's monitor show the same list, so every page has one place and one name.
"""

from dataclasses import dataclass
from typing import Any

from flask import request, url_for
from flask_babel import gettext as _

from server.access import Permission
from server.messages import N_
from server.services import packages
from server.services.duty import may_see_room
from server.web.guard import actor_or_none, current_host

DRAWN = ("arranged", "released", "running", "ended", "collected", "marked")
BEGUN = DRAWN[2:]
OVER = DRAWN[3:]
ALWAYS = ("planned", *DRAWN)


@dataclass(frozen=True, slots=True)
class Way:
    """A page: for whom any of `permissions` opens it, in these states of the room.

    `room` is the name under which the page takes the room; `near`: for those alone who may see into the room;
    `seats`: only where candidates sit at seats, `panel`: only where a panel assesses.
    """

    endpoint: str
    label: str
    permissions: tuple[Permission, ...]
    states: tuple[str, ...] = ALWAYS
    room: str = "room_sitting_id"
    near: bool = False
    seats: bool = False
    panel: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A way as it is offered; `current`: it leads to the page that is shown."""

    href: str
    label: str
    current: bool


_STAFF = (Permission.SUPERVISE, Permission.MANAGE_STAFFING)
WAYS = (
    Way("sittings.show", N_("场次安排"), (Permission.SEE_BATCHES,)),
    Way("day_papers.show", N_("考务资料"), (Permission.PRINT_PAPERS_OF_DAY,)),
    Way("staffing.show", N_("监考安排"), (Permission.SEE_BATCHES,)),
    Way("assessments.show", N_("叫号与考评组"), (Permission.SEE_BATCHES,), panel=True),
    Way("gates.show", N_("开考检查"), (Permission.SEE_BATCHES,), seats=True),
    Way("supervision.show", N_("督导表"), _STAFF),
    Way("prints.show", N_("纸质试卷"), (Permission.SEE_BATCHES,), DRAWN, seats=True),
    Way("desk.page", N_("签到台"), (Permission.ADMIT_CANDIDATES,), DRAWN, seats=True),
    Way("monitor.room", N_("监考画面"), (Permission.MONITOR_ROOM,), DRAWN, near=True, seats=True),
    Way("commands.page", N_("指令与补时"), (Permission.MONITOR_ROOM,), BEGUN, near=True, seats=True),
    Way("cases.index", N_("违纪处理"), (Permission.SEE_CASES,), DRAWN, "sitting"),
    Way("ledger.show", N_("座位台账"), (Permission.SEE_LEDGER,), DRAWN, seats=True),
    Way("measures.show", N_("监考统计"), (Permission.SEE_BATCHES,), BEGUN, near=True, seats=True),
    Way("record.show", N_("考场情况记录单"), (Permission.SEE_BATCHES,), OVER, near=True, seats=True),
    Way("results.show", N_("成绩"), (Permission.SEE_RESULTS,), OVER, seats=True),
    Way("panels.show", N_("统分与核分"), (Permission.SEE_PANELS,), BEGUN, panel=True),
    Way("panel_members.show", N_("考评报告"), (Permission.SCORE_SHEETS,), OVER, near=True, panel=True),
    Way("dossier.show", N_("考试档案"), (Permission.EXPORT_ARCHIVE,), OVER),
)


def work_of(room_sitting_id: int, state: str) -> list[Link]:
    """The pages of this room that the signed-in person may open now."""
    who = actor_or_none()
    if who is None:
        return []
    with current_host().db.read() as session:
        near = may_see_room(session, who, room_sitting_id)
        panel = packages.assessed(session, room_sitting_id)
    return [
        Link(_address(way, room_sitting_id), _(way.label), way.endpoint == request.endpoint)
        for way in WAYS
        if state in way.states
        and (near or not way.near)
        and not (way.seats if panel else way.panel)
        and any(who.can(permission) for permission in way.permissions)
    ]


def _address(way: Way, room_sitting_id: int) -> str:
    place: dict[str, Any] = {way.room: room_sitting_id}
    return url_for(way.endpoint, **place)
