"""What `drill proctoring` plays before its staged cameras: composed pictures, and what each must raise.

Two candidates with faces of their own, and a stranger, out of the sample photos. A sequence begins and ends
with the usual scene, long enough for habits to be learned and for episodes to end.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from exam_rooms.incidents import IncidentKind
from exam_rooms.watching import WatchRules
from proctoring import mesh, recording, staged
from proctoring.frames import Frame, decode
from proctoring.models import ModelUnavailable, open_nets, places
from proctoring.observe import PHOTO, Eyes, main_face
from proctoring.recording import Cutout, Sitter
from proctoring.turned import turned
from server.cli.rehearse.cameras import Person
from server.cli.rehearse.fleet import FleetFault
from server.cli.words import _

USUAL, LOST, STALLED = "usual", "lost", "stalled"
FRAMES, WALK, QUIET_FRAMES = 12, 20, 60
"""Different pictures of a scene, of somebody who walks through, and of the usual scene."""
LEAD, HABITS = 6.0, 45.0
"""Seconds of the usual scene before a sequence, and before a turned head: habits are the median of 30 s, and
begin anew after an empty chair."""
COMPARED = 30.0
"""Seconds of the usual scene until the median over compared faces is the candidate's own again."""
MARGIN = 8.0
"""Seconds that a scene lasts beyond its hold time."""
DETECT, VERIFY, MESH, LIVENESS, OBJECTS = "detect", "verify", "mesh", "liveness", "objects"
SEATS = 2
LIGHTS_OUT, DIM = 0.12, 0.16
"""Shares of the light: nobody could be seen, and a face is still found but is too dark to compare."""

Timed = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Staging:
    """One sequence. `plays`: place of the seat (0, 1) -> scenes and how long each is shown, in seconds;
    `expected`: place -> kind of the one episode there; `needs`: models without which it cannot be raised.
    """

    name: str
    plays: Mapping[int, Timed]
    expected: Mapping[int, IncidentKind] = field(default_factory=dict)
    needs: tuple[str, ...] = (DETECT,)


def sequences(rules: WatchRules, quiet_looks: int) -> tuple[Staging, ...]:
    """All sequences that the policy's rules make sense for, the quiet one last."""
    kind = IncidentKind
    single = (
        ("empty_chair", 0, (("empty", 20.0),), kind.NO_FACE, (DETECT,)),
        ("two_faces", 1, (("two", 5.0),), kind.MULTI_FACE, (DETECT,)),
        ("stranger", 0, (("stranger", 30.0),), kind.FACE_MISMATCH, (DETECT, VERIFY)),
        ("covered", 1, (("covered", _held(rules, kind.CAMERA_COVERED)),), kind.CAMERA_COVERED, (DETECT,)),
        ("lights_out", 0, (("dark", _held(rules, kind.DARK)),), kind.DARK, (DETECT,)),
        ("frozen", 1, (("frozen", _held(rules, kind.FROZEN)),), kind.FROZEN, (DETECT,)),
        ("camera_lost", 0, ((LOST, _held(rules, kind.CAMERA_LOST)),), kind.CAMERA_LOST, ()),
        ("camera_stalled", 1, ((STALLED, _held(rules, kind.CAMERA_STALLED)),), kind.CAMERA_STALLED, ()),
        ("small_pictures", 0, (("small", _held(rules, kind.CAMERA_RESOLUTION)),), kind.CAMERA_RESOLUTION, ()),
        ("turned_away", 1, (("turned", _held(rules, kind.TURNED_AWAY)),), kind.TURNED_AWAY, (DETECT, MESH)),
        ("phone", 0, (("phone", 20.0),), kind.PHONE_HINT, (OBJECTS,)),
        ("photo_of_photo", 1, (("photo", 45.0),), kind.LIVENESS_DOUBT, (DETECT, LIVENESS)),
    )
    calm = (
        ("poor_light", 1, (("dim", 40.0),)),
        ("glare", 0, (("glare", 40.0),)),
        ("out_of_focus", 1, (("blurred", 40.0),)),
        ("walker_behind", 0, (("walker", 30.0),)),
        ("short_absence", 1, (("empty", 4.0),)),
    )
    asked = {rule.kind for rule in rules.episodes}
    found = [
        Staging(name, {seat: _framed(play, rules, raised)}, {seat: raised}, needs)
        for name, seat, play, raised, needs in single
        if raised in asked
    ]
    found += [Staging(name, {seat: _framed(play, rules)}) for name, seat, play in calm]
    if IncidentKind.FACE_MISMATCH in asked:
        found.append(_swap(rules))
    quiet = ((USUAL, quiet_looks / SEATS * rules.slowest),)
    return (*found, Staging("quiet", dict.fromkeys(range(SEATS), quiet)))


def _swap(rules: WatchRules) -> Staging:
    play = _framed((("neighbour", 30.0),), rules, IncidentKind.FACE_MISMATCH)
    expected = dict.fromkeys(range(SEATS), IncidentKind.SEAT_SWAP)
    return Staging("seat_swap", dict.fromkeys(range(SEATS), play), expected, (DETECT, VERIFY))


def _held(rules: WatchRules, kind: IncidentKind) -> float:
    rule = rules.rule(kind)
    return MARGIN + (0.0 if rule is None else rule.hold_seconds)


def _framed(play: Timed, rules: WatchRules, raised: IncidentKind | None = None) -> Timed:
    """With the usual scene around it, until the episode has ended."""
    rule = None if raised is None else rules.rule(raised)
    after = MARGIN + (0.0 if rule is None else rule.clear_seconds)
    if raised is IncidentKind.FACE_MISMATCH:
        after += COMPARED
    lead = HABITS if raised is IncidentKind.TURNED_AWAY else LEAD
    return ((USUAL, lead), *play, (USUAL, after))


class Pictures:
    """The frames of every scene at both seats, drawn when they are asked for."""

    def __init__(self, people: Sequence[Person], seed: int, nobody: Sequence[Frame] = ()) -> None:
        """`nobody`: pictures of empty places, drawn ones when left out. Raises `FleetFault` with fewer than
        three people.
        """
        if len(people) <= SEATS:
            raise FleetFault(_("缺少样例人脸照片或人脸模型，不能录制摄像头画面。请先运行 make setup。"))
        self._people = tuple(reversed(people))[: SEATS + 1]
        self._seed = seed
        self._nobody = tuple(nobody)
        self._walls = [recording.backdrop(seed + place) for place in range(SEATS)]

    def registered(self, place: int) -> bytes:
        """The registration photo of who sits there: another one than the camera's, if there is."""
        faces = self._people[place].faces
        return faces[-1].photo

    def write(self, place: int, scene: str, folder: Path) -> None:
        """The scene's pictures as files, unless they are there or it has none."""
        if scene in (LOST, STALLED) or (folder / scene).exists():
            return
        (folder / scene).mkdir(parents=True)
        for number, frame in enumerate(self.frames(place, scene)):
            (folder / scene / f"{number:03d}.jpg").write_bytes(recording.encode(frame))

    def frames(self, place: int, scene: str) -> list[Frame]:
        """The pictures of a scene at one seat."""
        drawn: dict[str, Callable[[int], list[Frame]]] = {
            USUAL: self._usual,
            "empty": self._empty,
            "two": self._two,
            "stranger": lambda place: self._sit(place, self._stranger()),
            "neighbour": lambda place: self._sit(place, self._me(1 - place)),
            "covered": lambda place: recording.record_covered(self._seed + place, FRAMES),
            "dark": self._dark,
            "dim": lambda place: staged.dark(self._sit(place, self._me(place)), DIM, self._seed),
            "glare": lambda place: staged.glaring(self._sit(place, self._me(place)), self._seed),
            "blurred": lambda place: staged.blurred(self._sit(place, self._me(place)), 5.0),
            "small": lambda place: staged.shrunk(self._sit(place, self._me(place)), 160, 120),
            "frozen": lambda place: self._sit(place, self._me(place), count=1),
            "walker": self._walker,
            "phone": lambda place: staged.with_phone(self._sit(place, self._me(place))),
            "photo": self._photo,
            "turned": lambda place: self._sit(place, self._turned(place)),
        }
        return drawn[scene](place)

    def _usual(self, place: int) -> list[Frame]:
        """The candidate as every photo shows them, in turn."""
        faces = self._people[place].faces if self._nobody else self._people[place].faces[:1]
        count = -(-QUIET_FRAMES // len(faces))
        return [frame for face in faces for frame in self._sit(place, face.cutout, count=count)]

    def _empty(self, place: int) -> list[Frame]:
        walls = self._nobody[:FRAMES] or (self._walls[place],)
        count = -(-FRAMES // len(walls))
        return [frame for wall in walls for frame in recording.record(wall, (), self._seed + 1, count)]

    def _me(self, place: int) -> Cutout:
        return self._people[place].faces[0].cutout

    def _stranger(self) -> Cutout:
        return staged.bust(self._people[SEATS].faces[0].cutout)

    def _sit(self, place: int, who: Cutout, *, count: int = FRAMES) -> list[Frame]:
        return recording.record(self._walls[place], (Sitter(who),), self._seed + 2 + place, count)

    def _two(self, place: int) -> list[Frame]:
        both = (Sitter(self._stranger(), across=0.78, size=0.8), Sitter(self._me(place), across=0.36))
        return recording.record(self._walls[place], both, self._seed + 4, FRAMES)

    def _dark(self, place: int) -> list[Frame]:
        """The light is out: there is something, and no face to be seen."""
        return staged.dark(self._sit(place, staged.headless(self._me(place))), LIGHTS_OUT, self._seed)

    def _walker(self, place: int) -> list[Frame]:
        walker = self._people[SEATS].faces[0].cutout
        return staged.passing(self._walls[place], self._me(place), walker, self._seed + 5, WALK)

    def _photo(self, place: int) -> list[Frame]:
        portrait = decode(self._people[place].faces[0].photo)
        return staged.photo_held(self._walls[place], portrait, self._seed + 6, FRAMES)

    def _turned(self, place: int) -> Cutout:
        """The head turned to the side to which it was turned a little already; unturned without a mesh."""
        cutout = self._me(place)
        face = main_face(Eyes().observe(cutout.pixels, None, WatchRules(), sizes=PHOTO).faces)
        try:
            opened = open_nets("mesh", places())[0]
        except ModelUnavailable:
            return cutout
        if face is None:
            return cutout
        return turned(cutout, mesh.find(opened.net, opened.card, cutout.pixels, face).points, TURN)


TURN = 55.0
"""Degrees; a mesh finds some forty in what comes out."""
