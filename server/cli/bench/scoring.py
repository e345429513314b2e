"""Examiners at their tablets against a real server: no acknowledged mark is lost, and how long it takes."""

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server.access import Role
from server.cli.bench.panels import PanelRoom, PanelWish, panel_rooms
from server.cli.bench.tablets import BenchTablet, Tally
from server.cli.rehearse.crew import Names, hire
from server.cli.rehearse.hall import Hall, private_hall
from server.cli.rehearse.staff import Desk
from server.cli.rehearse.usage import cpu_seconds
from server.cli.rehearse.watch import percentile
from server.cli.words import _
from server.db.assessing import ScoreRecord, ScoreSheet, Turn
from server.host import Host
from server.services import sheets

PANEL = 3


@dataclass(frozen=True, slots=True)
class Order:
    """What to bench: `gap_seconds` between two taps of one examiner on average; `told` gets progress."""

    examiners: int
    candidates: int
    gap_seconds: float
    tls: bool
    told: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Found:
    """What came of it. `lost`: acknowledged and not in the store; `wrong`: turns whose opened marks are not
    what was entered. Milliseconds of a request with one mark, from the tablet's side.
    """

    examiners: int
    sheets: int
    marks_entered: int
    acknowledged: int
    lost: int
    wrong: int
    locked: int
    resent: int
    cut_connections: int
    forks_staged: int
    forks_found: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    server_cpu_ms_per_mark: float
    load: tuple[float, float]
    faults: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing was lost or wrong and every sheet was locked."""
        all_locked = self.locked == self.sheets
        return all_locked and not (self.lost or self.wrong or self.faults) and self._forks_told

    @property
    def _forks_told(self) -> bool:
        return self.forks_staged == self.forks_found

    def to_json(self) -> dict[str, object]:
        """The line."""
        return asdict(self)

    def in_words(self) -> str:
        """The line for people."""
        return _(
            "%(examiners)d 名考评员、%(marks)d 条评分：丢失 %(lost)d 条，保存 p99 %(p99)d ms，"
            "分叉 %(staged)d 处、发现 %(found)d 处。",
            examiners=self.examiners,
            marks=self.marks_entered,
            lost=self.lost,
            p99=self.p99_ms,
            staged=self.forks_staged,
            found=self.forks_found,
        )


def measured(order: Order) -> Found:
    """One bench on a private server."""
    before = os.getloadavg()[0]
    with private_hall(tls=order.tls) as hall:
        rooms = _staged(hall, order)
        hall.serve()
        tablets = _signed_in(hall, rooms, order)
        order.told(_("%(n)d 台平板已登录，开始评分", n=len(tablets)))
        spent = _played(hall, tablets, order)
        tallies = [tablet.tally for tablet in tablets]
        with hall.host.db.read() as session:
            return _found(session, order, tallies, (spent, before))


def _staged(hall: Hall, order: Order) -> list[PanelRoom]:
    crew = hire(hall.host, Names("bench-", _("压测")), invigilators=1)
    rooms = max(1, order.examiners // PANEL)
    password = crew.one(Role.ADMINISTRATOR).password
    wish = PanelWish(rooms, order.candidates, PANEL, password)
    order.told(_("准备 %(n)d 个考场", n=rooms))
    keeper, arranger = crew.one(Role.BANK_KEEPER).actor, crew.one(Role.ADMINISTRATOR).actor
    made = panel_rooms(hall.host, keeper, arranger, wish)
    hall.host.db.write(_performed, hall.host, made)
    return made


def _performed(session: Session, host: Host, rooms: list[PanelRoom]) -> None:
    """Every candidate has performed before their panel."""
    for room in rooms:
        panel = [member.user_id for member in room.examiners]
        done = {"state": "done", "panel": panel, "started_at": host.now(), "ended_at": host.now()}
        session.execute(update(Turn).where(Turn.room_sitting_id == room.room_sitting).values(**done))


def _signed_in(hall: Hall, rooms: list[PanelRoom], order: Order) -> list[BenchTablet]:
    tablets = []
    for room in rooms:
        for member in room.examiners:
            desk = Desk(hall.address, member)
            desk.sign_in()
            tablets.append(BenchTablet(desk, room.template, seed=member.user_id))
    return tablets


def _played(hall: Hall, tablets: list[BenchTablet], order: Order) -> float:
    """Lets all of them score at once; processor seconds of the server meanwhile."""
    gate = threading.Barrier(len(tablets))
    threads = [
        threading.Thread(target=tablet.score_all, args=(order.gap_seconds, gate), daemon=True)
        for tablet in tablets
    ]
    assert hall.server is not None
    began = cpu_seconds(hall.server.child.pid)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return cpu_seconds(hall.server.child.pid) - began


def _found(session: Session, order: Order, tallies: list[Tally], measures: tuple[float, float]) -> Found:
    spent, before = measures
    stored = set(session.scalars(select(ScoreRecord.hash)))
    saves = sorted(ms for tally in tallies for ms in tally.save_ms)
    entered = sum(tally.entered for tally in tallies)
    expected = {uid: actions for tally in tallies for uid, actions in tally.actions.items()}
    return Found(
        examiners=len(tallies),
        sheets=len(tallies) * order.candidates,
        marks_entered=entered,
        acknowledged=sum(len(tally.acked) for tally in tallies),
        lost=sum(len(tally.acked - stored) for tally in tallies),
        wrong=_wrong(session, expected),
        locked=sum(tally.locked for tally in tallies),
        resent=sum(tally.resent for tally in tallies),
        cut_connections=sum(tally.cut for tally in tallies),
        forks_staged=sum(tally.staged_forks for tally in tallies),
        forks_found=sum(tally.found_forks for tally in tallies),
        p50_ms=percentile(saves, 0.5),
        p99_ms=percentile(saves, 0.99),
        max_ms=percentile(saves, 1.0),
        server_cpu_ms_per_mark=round(1000 * spent / max(1, entered), 2),
        load=(round(before, 2), round(os.getloadavg()[0], 2)),
        faults=tuple(fault for tally in tallies for fault in tally.faults)[:20],
    )


def _wrong(session: Session, expected: Mapping[str, list[Mapping[str, object]]]) -> int:
    """Sheets whose opened marks are not what their examiner entered."""
    wrong = 0
    for turn in session.scalars(select(Turn)):
        if not sheets.locked(session, turn):
            continue
        opened = sheets.opened_marks(session, turn)
        query = select(ScoreSheet).where(ScoreSheet.turn_id == turn.id)
        for sheet in session.scalars(query):
            given = [dict(action) for action in opened[sheet.user_id] if action["act"] != "lock"]
            wrong += given != [dict(action) for action in expected.get(sheet.uid, [])]
    return wrong
