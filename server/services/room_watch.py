"""Room cameras while they watch: looks come in, are folded, and what holds long enough is told.

One object of the live process; it reads the scene at every look and writes only when there is something to
keep. A camera that says nothing is looked after by `tick`: who cannot see must not seem to see nobody.
"""

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import select

from exam_rooms.room_camera_messages import HeadNote, RoomCameraOrders, RoomCameraReport, WantedPicture
from exam_rooms.room_watching import RoomCameraRules
from exam_rooms.wire import WireError
from proctoring import room_samples
from proctoring.calibration import pitch_of
from proctoring.room_episodes import step
from proctoring.room_samples import Sampling, Sitter
from proctoring.room_state import START, RoomLook, Stepped, decode
from proctoring.roomview import RoomView
from server.db.base import Database
from server.db.room_cameras import RoomCamera, RoomCameraCalibration
from server.errors import NotFound, Refused
from server.events import Events, LinkChanged
from server.presence import Presence
from server.rules.observed import model_names
from server.services import room_calibrations, room_incidents
from server.services.agents import Agent
from server.services.room_frames import cut_out
from server.services.room_incidents import Wish
from server.services.room_news import (
    ASK,
    MARKS,
    SIGHT,
    STILL,
    TAKEN,
    Tell,
    ask_of,
    picture_of,
    read,
    still_of,
    take_over,
    wanted_of,
)
from server.services.room_scene import Rules, Scene, scene
from server.services.room_sight import RoomSight

log = logging.getLogger(__name__)
SAVE_EVERY = timedelta(seconds=60)
SILENT = 4.0
"""Sample times without a word from a camera after which it counts as lost."""
USUAL_SECONDS = RoomCameraRules().sample_seconds
IDLE_SECONDS = 5.0
"""Pace of looks while no sitting is under way: enough for a calibration page."""
EARLIEST = 0.5
"""Seconds after a look before which another is not taken: no agent of ours looks twice a second."""
WANTED_MOST = 20
"""Pictures that are asked for at once; the others follow."""
HEADS_MOST = 150
COST_MOST = 600_000.0
"""Milliseconds of processor time of one look."""
BLIND = ("lost", "dark", "covered", "blurred", "unavailable")


class RoomWatch:
    """All room cameras of this server.

    `worker`, `tell`: this process among several, and how it tells them what it remembers.
    """

    def __init__(
        self,
        db: Database,
        events: Events,
        presence: Presence,
        worker: str = "",
        tell: Tell = lambda _what, _body: None,
    ) -> None:
        self.orphaned: Callable[[str], bool] = lambda worker: not worker
        """Whether this process looks after cameras that nobody hears, or that a dead process heard."""
        self._worker = worker
        self._tell = tell
        self._db = db
        self._events = events
        self._presence = presence
        self._sights: dict[int, RoomSight] = {}
        self._rules: Rules = {}

    def sight(self, camera: int, room: int) -> RoomSight:
        """What is remembered of the camera of a room."""
        return self._sights.setdefault(camera, RoomSight(camera, room))

    # A look

    def report(self, agent: Agent, told: RoomCameraReport, *, now: datetime) -> RoomCameraOrders:
        """Takes one look of a camera; what it is to do next."""
        _check(told)
        sight = self.sight(agent.workstation, agent.room)
        early = sight.heard_at is not None and 0 <= (now - sight.heard_at).total_seconds() < EARLIEST
        if not early:
            sight.heard_at, sight.report, sight.by = now, told, self._worker
            sight.looks.append((told.number, now.timestamp()))
            found = self._look(sight, told.blind, told.heads, now)
            sight.seconds = found.rules.sample_seconds if found.room_sitting is not None else IDLE_SECONDS
            self._tell(SIGHT, sight)
        wanted = tuple(islice(sight.wanted.values(), WANTED_MOST))
        return RoomCameraOrders(sight.seconds, sight.room_sitting is not None, wanted)

    def _look(self, sight: RoomSight, blind: str, heads: Sequence[HeadNote], now: datetime) -> Scene:
        with self._db.read() as session:
            found = scene(session, (sight.room, sight.camera), sight.picture, self._rules, now=now)
        if found.room_sitting != sight.room_sitting:
            self._turn_to(sight, found, now)
        sight.why = found.why
        at, points = now.timestamp(), tuple((head.x, head.y) for head in heads)
        if found.room_sitting is not None and found.why and not blind:
            self._sample(sight, found, points, now)
        view = self._view(sight, found)
        rules = replace(found.rules, sample_seconds=sight.pace(found.rules.sample_seconds))
        stepped = step(sight.state, RoomLook(at, points, blind), view, found.expected, rules)
        sight.placed = stepped.placed
        if found.room_sitting is None:
            sight.state = START
            return found
        self._keep(sight, found, stepped, now)
        self._show(found.room_sitting, {found.seats[seat]: word for seat, word in sight.marks().items()})
        return found

    def _show(self, room_sitting: int, marks: dict[int, str]) -> None:
        """Lets the monitors know of the seats that are seen otherwise than before."""
        before = self._presence.room_marks(room_sitting)
        self._presence.mark_room(room_sitting, marks)
        if marks != before:
            self._tell(MARKS, [room_sitting, list(marks.items())])
        changed = sorted(seat for seat in before.keys() | marks.keys() if before.get(seat) != marks.get(seat))
        self._events.publish([LinkChanged(room_sitting, seat) for seat in changed])

    def _keep(self, sight: RoomSight, found: Scene, stepped: Stepped, now: datetime) -> None:
        before, sight.state = sight.state, stepped.state
        try:
            self._put_down(sight, found, stepped, now)
        except Exception:
            sight.state = before  # what could not be put on the record is told again by the next look
            raise

    def _put_down(self, sight: RoomSight, found: Scene, stepped: Stepped, now: datetime) -> None:
        both = {row for (kind, seat), row in found.same.items() if sight.tells(kind, seat)} - sight.merged
        if both:
            self._db.write(room_incidents.merge, found, sight)
            sight.merged |= both
        if stepped.news:
            wishes = self._db.write(room_incidents.tell, found, sight, stepped.news, now=now)
            self._want(sight, wishes)
            sight.saved_at = now
        elif sight.saved_at is None or now - sight.saved_at >= SAVE_EVERY:
            self._db.write(room_incidents.save, found, sight, now=now)
            sight.saved_at = now

    def _want(self, sight: RoomSight, wishes: Sequence[Wish]) -> None:
        for wish in wishes:
            ref = f"frame-{wish.frame}"
            if sight.view is not None:
                self._ask(sight, cut_out(sight.view[1], wish.seats, ref, wish.number))

    def _view(self, sight: RoomSight, found: Scene) -> RoomView | None:
        row = found.calibration
        if row is None or found.why:
            return None
        if sight.view is None or sight.view[0] != row.id:
            sight.view = row.id, room_calibrations.view_of(row)
            # Offsets and votes of another view say nothing; what is open stays so until new votes end it.
            sight.state = replace(sight.state, seats=(), drift=(), moved=False, looks=0)
        return sight.view[1]

    def _turn_to(self, sight: RoomSight, found: Scene, now: datetime) -> None:
        """Another sitting, or none: what was open in the last one ends; what is kept of this one goes on."""
        last, sight.room_sitting = sight.room_sitting, found.room_sitting
        sight.state, sight.sampling, sight.saved_at = START, Sampling(last=now.timestamp()), None
        if last is not None:
            self._db.write(room_incidents.end_all, last, sight.camera, now=now)
        if found.room_sitting is None:
            return
        with self._db.read() as reading:
            run = room_incidents.run_of(reading, found.room_sitting, sight.camera)
        if run is not None:
            sitters = tuple(
                Sitter(float(x), float(y), 0.0, room_samples.SETTLED, room_samples.LOST, seat)
                for seat, (x, y) in run.samples.items()
            )
            sight.sampling = Sampling(sitters, frozenset(found.people), now.timestamp())
            try:
                sight.state = decode(run.state) if run.state else START
            except WireError:
                sight.state = START
        if found.calibration is not None and not found.why:
            sight.view = found.calibration.id, room_calibrations.view_of(found.calibration)

    # A calibration that makes itself

    def _sample(
        self, sight: RoomSight, found: Scene, heads: tuple[tuple[float, float], ...], now: datetime
    ) -> None:
        at = now.timestamp()
        sight.sampling = room_samples.follow(sight.sampling, at, heads)
        sight.sampling = room_samples.admit(sight.sampling, at, found.people.keys())
        pitch = pitch_of(list(found.places.values()))
        sight.sampling, made = room_samples.extend(sight.sampling, found.places, pitch)
        if made is not None:
            given = made, sight.sampling.samples, sight.picture
            self._db.write(room_calibrations.accept, sight.camera, given, now=now)

    # Pictures on demand

    def ask_still(self, camera: int, room: int) -> str:
        """Asks for the picture of now; the ref. One question at a time."""
        sight = self.sight(camera, room)
        for ref, data in sight.stills.items():
            if data is None:
                return ref
        ref = secrets.token_urlsafe(12)
        self._ask(sight, WantedPicture(ref), still=True)
        return ref

    def _ask(self, sight: RoomSight, wanted: WantedPicture, *, still: bool = False) -> None:
        sight.ask(wanted.ref, wanted, still=still)
        self._tell(ASK, ask_of(sight, wanted, still=still))

    def still(self, camera: int, ref: str) -> bytes | None:
        """The picture; b"" when the camera gives none, None while it has not come."""
        sight = self._sights.get(camera)
        if sight is None or ref not in sight.stills:
            raise NotFound("picture")
        return sight.stills[ref]

    def take_still(self, camera: int, ref: str, data: bytes) -> bool:
        """The agent's answer; false when the picture is not one that is only looked at."""
        sight = self._sights.get(camera)
        if sight is None or ref not in sight.stills:
            return False
        self._came(sight, ref, data)
        self._tell(STILL, still_of(camera, ref, data))
        return True

    @staticmethod
    def _came(sight: RoomSight, ref: str, data: bytes) -> None:
        sight.wanted.pop(ref, None)
        sight.stills[ref] = data

    def taken(self, camera: int, ref: str) -> None:
        """A picture has come, or never will: it is not asked for again."""
        self._no_more(camera, ref)
        self._tell(TAKEN, [camera, ref])

    def _no_more(self, camera: int, ref: str) -> None:
        sight = self._sights.get(camera)
        if sight is not None:
            sight.wanted.pop(ref, None)

    # Several processes

    def told(self, what: str, body: Any) -> None:  # noqa: ANN401 - plain JSON
        """What another process says of a camera."""
        if what == SIGHT:
            news = read(body)
            sight = self.sight(news.camera, news.room)
            if take_over(sight, news):
                self._turn_view(sight, news.view)
        elif what == ASK:
            camera, room, wanted, still = body
            picture = wanted_of(wanted)
            self.sight(camera, room).ask(picture.ref, picture, still=still)
        elif what == STILL:
            camera, ref, data = body
            if camera in self._sights:
                self._came(self._sights[camera], ref, picture_of(data))
        elif what == TAKEN:
            self._no_more(*body)
        elif what == MARKS:
            room_sitting, marks = body
            self._presence.mark_room(room_sitting, dict(marks))

    def _turn_view(self, sight: RoomSight, calibration: int | None) -> None:
        """What is remembered belongs to that calibration."""
        if calibration is None or (sight.view is not None and sight.view[0] == calibration):
            return
        with self._db.read() as session:
            row = session.get(RoomCameraCalibration, calibration)
        if row is not None:
            sight.view = row.id, room_calibrations.view_of(row)

    def tell_all(self) -> None:
        """Tells a process that came later of every camera that this one looks after."""
        for sight in self._sights.values():
            if sight.by == self._worker:
                self._tell(SIGHT, sight)

    # Silence

    def tick(self, *, now: datetime) -> None:
        """Looks after cameras that say nothing, and ends what belongs to a sitting that is over."""
        with self._db.read() as session:
            paired = session.execute(
                select(RoomCamera.id, RoomCamera.room_id).where(RoomCamera.active.is_(True))
            )
            cameras = dict(paired.all())
        for camera, room in cameras.items():
            sight = self.sight(camera, room)
            if sight.by != self._worker and not self.orphaned(sight.by):
                continue
            seconds = SILENT * sight.pace(IDLE_SECONDS if sight.room_sitting is None else USUAL_SECONDS)
            if sight.heard_at is None or (now - sight.heard_at).total_seconds() > seconds:
                try:
                    self._look(sight, "lost", (), now)
                    self._tell(SIGHT, sight)
                except Exception:  # the other rooms' cameras are looked after all the same
                    log.exception("room camera %s", camera)
        for camera in set(self._sights) - cameras.keys():
            gone = self._sights.pop(camera)
            if gone.by != self._worker and not self.orphaned(gone.by):
                continue
            if gone.room_sitting is not None:
                self._db.write(room_incidents.end_all, gone.room_sitting, camera, now=now)


def _check(told: RoomCameraReport) -> None:
    """Raises `Refused` for what no agent of ours sends."""
    shares = all(0 <= value <= 1 for head in told.heads for value in (head.x, head.y, head.width, head.score))
    sizes = 0 <= told.width <= 1 << 14 and 0 <= told.height <= 1 << 14 and 0 <= told.cost_ms <= COST_MOST
    words = told.blind in ("", *BLIND) and len(told.identity) <= 64 and len(told.boot_id) <= 64
    words = words and len(told.unavailable) <= 8 and all(len(word) <= 40 for word in told.unavailable)
    model_names(told.models or {}, "RoomCameraReport")
    if len(told.heads) > HEADS_MOST or not (shares and sizes and words) or (told.blind and told.heads):
        raise Refused("message_malformed", 400, message="RoomCameraReport", fault="heads")
