"""Which seats stage what in front of their cameras, and when: drawn from the seed, the same every time."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from server.cli.rehearse.cameras import RAISES, Cameras, Person, Scene
from server.cli.rehearse.crew import Crew
from server.cli.rehearse.hall import Hall
from server.cli.rehearse.stage import Entrant, Stage, import_photos
from server.cli.words import _

SECONDS = {Scene.STRANGER: 30.0, Scene.EMPTY: 20.0, Scene.COVERED: 16.0, Scene.TWO: 10.0}
"""How long each scene lasts: longer than the policy's hold time, with the time that comparing takes."""
SETTLING_SECONDS, BUSY_SHARE = 8.0, 0.75
"""Scenes begin after candidates have settled, and end while all of them still answer."""
REFUSING_SEATS = 6
"""Every so many-th candidate refuses face comparison: an ordinary path, at which nothing is looked at."""


def consents(number: int) -> bool:
    """Whether the simulated candidate with this number (from 1) agrees to face comparison."""
    return number % REFUSING_SEATS != 0


@dataclass(frozen=True, slots=True)
class Take:
    """One scene at one seat, `begins` seconds after the start of the sitting, for `seconds`."""

    seat: str
    scene: Scene
    begins: float
    seconds: float


def window_of(sitting_seconds: float) -> tuple[float, float]:
    """From when to when scenes may be shown in a sitting of this length."""
    return SETTLING_SECONDS, BUSY_SHARE * sitting_seconds


def planned(seats: Sequence[str], seed: str, window: tuple[float, float]) -> tuple[Take, ...]:
    """One take for every staged scene that fits the window, each at a seat of its own, in order of time."""
    draw = random.Random(f"{seed}|takes")  # noqa: S311 - a replayable choice, no secret
    chosen = draw.sample(list(seats), min(len(seats), len(SECONDS)))
    takes = []
    for seat, (scene, seconds) in zip(chosen, SECONDS.items(), strict=False):
        if (latest := window[1] - seconds) >= window[0]:
            takes.append(Take(seat, scene, draw.uniform(window[0], latest), seconds))
    return tuple(sorted(takes, key=lambda take: take.begins))


def complete(takes: Iterable[Take]) -> bool:
    """Whether every kind of scene is among them."""
    return {take.scene for take in takes} == set(SECONDS)


class Director:
    """Shows the scenes while the sitting runs: `tick` is called a few times a second.

    `enrolling`: seats with a camera whose candidates agreed to face comparison.
    """

    def __init__(
        self,
        cameras: Cameras,
        enrolling: Iterable[str],
        takes: Sequence[Take],
        told: Callable[[str], None],
    ) -> None:
        self.cameras = cameras
        self.enrolling = frozenset(enrolling)
        self.takes = tuple(takes)
        self._told = told
        self._shown: set[Take] = set()
        self._done: set[Take] = set()
        for take in takes:
            cameras.record(take.seat, take.scene)

    def tick(self, elapsed: float) -> None:
        """Begins and ends what is due `elapsed` seconds after the start."""
        for take in self.takes:
            if take not in self._shown and elapsed >= take.begins:
                self._shown.add(take)
                self.cameras.show(take.seat, take.scene)
                self._told(_("座位 %(seat)s：%(scene)s", seat=take.seat, scene=_words()[take.scene]))
            elif take not in self._done and elapsed >= take.begins + take.seconds:
                self._done.add(take)
                self.cameras.show(take.seat, Scene.NORMAL)

    @property
    def staged(self) -> dict[str, list[str]]:
        """Incident kind -> seats at which it was staged."""
        return {str(RAISES[take.scene]): [take.seat] for take in self.takes}


@dataclass(frozen=True, slots=True)
class Recording:
    """What to record: whom (numbered as the simulated candidates are), from which seed, staged when."""

    people: Sequence[Person]
    entrants: Sequence[tuple[int, Entrant]]
    seed: str
    window: tuple[float, float] | None


def recorded(
    hall: Hall, crew: Crew, staged: Stage, wanted: Recording, told: Callable[[str], None]
) -> Director:
    """Recorded cameras for a staged sitting, with registration photos of the same people."""
    cameras = Cameras(hall.fleet.folder / "cameras", wanted.people, wanted.seed)
    for _number, entrant in wanted.entrants:
        cameras.add(entrant.seat, staged.cameras[entrant.seat])
    photos = {entrant.ticket: cameras.registered(entrant.seat) for _number, entrant in wanted.entrants}
    import_photos(hall.host, crew, staged, photos)
    agreeing = [entrant.seat for number, entrant in wanted.entrants if consents(number)]
    takes = planned(agreeing, wanted.seed, wanted.window) if wanted.window else ()
    told(_("录制的摄像头：%(n)d 个，安排情形 %(takes)d 个", n=len(cameras), takes=len(takes)))
    return Director(cameras, agreeing, takes, told)


def _words() -> dict[Scene, str]:
    return {
        Scene.EMPTY: _("空椅"),
        Scene.TWO: _("两人同框"),
        Scene.STRANGER: _("换人"),
        Scene.COVERED: _("遮挡镜头"),
    }
