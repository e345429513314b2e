"""The challenge at a seat: offered, tried, tried again, declined; what of it goes with the enrolment."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from client import watch_challenge, watch_enrol
from client.brief import Brief
from client.challenge_desk import BEGIN, CANNOT, ChallengeDesk, ChallengeView
from client.evidence import Evidence
from client.seat import PageRefused
from client.watch_enrol import Enroller
from exam_rooms.challenge import ChallengeNote, ChallengePlan
from exam_rooms.watch_messages import EnrolmentRequest, WatchPlan
from exam_rooms.watching import Likeness, WatchRules
from proctoring.faces import Vector
from proctoring.models import card
from proctoring.observation import FoundFace, Identity, Observation
from proctoring.observe import NOTHING_MORE, Enrolment, Looks
from proctoring.quality import Quality, Verdict
from tests.client.camera_kit import shot
from tests.proctoring.heads import EVERY, SHUT, head, looked

PLAN = ChallengePlan((("turn_left", "blink"), ("turn_right", "blink")), 6.0)
AHEAD = (0.0, 0.0, 0.0)
TO_LEFT = (6.0, 14.0, 22.0, 26.0, 24.0, 12.0, 4.0, 0.0)
FACE = FoundFace((100.0, 50.0, 80.0, 90.0), 0.9, ((0.0, 0.0),) * 5, main=True)
DIM = card("verify").dim
WHO = np.full(DIM, DIM**-0.5, np.float32)


class Eyes:
    """Eyes before which one head turns as told; `lacking`: networks that are missing."""

    def __init__(self) -> None:
        self.head = head(0)
        self.eyes = 0.3
        self.similarity = 0.8
        self.persons = 1
        self.alive: float | None = None
        self.lacking: tuple[str, ...] = ()
        self.unavailable: tuple[str, ...] = ()
        self.models = {"verify": "told 1"}
        self.asked: list[tuple[bool, Looks]] = []

    def missing(self, look: Looks = NOTHING_MORE) -> tuple[str, ...]:
        return tuple(each for each in look.purposes if each in self.lacking)

    def observe(
        self,
        frame: Any,
        enrolled: Vector | None,
        rules: WatchRules,
        *,
        compare: bool = True,
        look: Looks = NOTHING_MORE,
    ) -> Observation:
        self.asked.append((compare and enrolled is not None, look))
        seen = looked(self.head, 0.0, self.eyes)
        identity = Identity(self.similarity, Likeness.MATCH) if compare and enrolled is not None else None
        return Observation(
            width=640,
            height=480,
            quality=Quality(120.0, 200.0, Verdict.GOOD),
            faces=(FACE,) * self.persons,
            persons=self.persons,
            comparable=True,
            identity=identity,
            fingerprint="",
            attention=seen.attention if look.attention else None,
            shape=seen.shape if look.attention else None,
            liveness=self.alive if look.liveness else None,
        )


class Bench:
    """An enroller under eyes, a page's desk and a clock in hand."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.desk = ChallengeDesk()
        self.eyes = Eyes()
        self.enroller = Enroller(7, "boot", evidence, self.desk)
        self.plan = WatchPlan(WatchRules(), enrol=True, challenge=PLAN)
        self.since_start: float | None = None
        self.now, self.number = 100.0, 0

    def look(self, *yaws: float, eyes: float = 0.3) -> None:
        for yaw in yaws or (0.0,):
            self.eyes.head, self.eyes.eyes = head(yaw), eyes
            self.now += EVERY
            self.number += 1
            taken = shot(self.number, self.now)
            brief = Brief(known=True, attempt=7, plan=self.plan, since_start=self.since_start)
            seen = self.enroller.observe(self.plan, taken, self.eyes)  # type: ignore[arg-type]
            self.enroller.look(brief, taken, seen, self.eyes, self.now)  # type: ignore[arg-type]

    @property
    def shown(self) -> ChallengeView | None:
        view = self.desk.view()
        return None if view is None else ChallengeView(**view)  # type: ignore[arg-type]

    def sent(self) -> list[EnrolmentRequest]:
        return list(self.evidence.about(EnrolmentRequest, 7))

    def note(self) -> ChallengeNote:
        (made,) = self.sent()
        assert made.challenge is not None
        return made.challenge


@pytest.fixture
def bench(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    def made(eyes: Any, photo: Any, frames: Any, rules: WatchRules) -> Enrolment | None:
        enough = len(frames) >= rules.enrol_frames
        return Enrolment(WHO, None, Likeness.NO_PHOTO, 0.9, len(frames)) if enough else None

    monkeypatch.setattr(watch_challenge, "enrol", made)
    monkeypatch.setattr(watch_enrol, "enrol", made)
    yield Bench(Evidence(tmp_path / "evidence", b"k" * 32))


def test_nothing_is_offered_before_the_face_is_seen_and_nothing_begins_by_itself(bench: Bench) -> None:
    bench.look(0, 0)
    assert bench.shown is None
    bench.look(*AHEAD)
    assert bench.shown == ChallengeView("offered", tries=2)
    bench.look(*TO_LEFT)
    assert bench.shown == ChallengeView("offered", tries=2)
    assert bench.sent() == []
    assert bench.enroller.pause(bench.plan) == 1.0


def test_who_does_what_is_asked_is_enrolled_with_the_result(bench: Bench) -> None:
    bench.look(*AHEAD)
    bench.desk.press(BEGIN)
    assert bench.shown == ChallengeView("starting", tries=2)
    bench.look()
    assert bench.shown == ChallengeView("running", "centre", 1, 2, 6, 6, 2)
    assert bench.enroller.pause(bench.plan) == watch_challenge.PACE
    bench.look(*AHEAD)
    assert bench.shown is not None and (bench.shown.ask, bench.shown.number) == ("turn_left", 1)
    bench.look(*TO_LEFT)
    assert bench.shown is not None and (bench.shown.ask, bench.shown.number) == ("blink", 2)
    bench.look(0, 0, eyes=SHUT)
    bench.look(0)
    assert bench.shown is None
    note = bench.note()
    assert (note.result, note.tries, note.reason) == ("passed", 1, "")
    assert note.scores["yaw"] == pytest.approx(26, abs=0.1)
    assert all(compare and look == watch_challenge.WATCHING for compare, look in bench.eyes.asked[4:])


def test_a_failed_try_is_told_and_the_next_one_asks_something_else(bench: Bench) -> None:
    bench.look(*AHEAD)
    bench.desk.press(BEGIN)
    bench.look(0, *AHEAD, *(-yaw for yaw in TO_LEFT))
    assert bench.shown == ChallengeView("again", tries=1, reason="wrong_step")
    bench.look(0, 0)
    assert bench.shown == ChallengeView("again", tries=1, reason="wrong_step")
    assert bench.sent() == []
    bench.desk.press(BEGIN)
    bench.look(0, *AHEAD)
    assert bench.shown is not None and bench.shown.ask == "turn_right"
    bench.look(*TO_LEFT)
    note = bench.note()
    assert (note.result, note.tries, note.reason) == ("failed", 2, "wrong_step")
    assert bench.shown is None


def test_time_runs_out_after_the_last_try(bench: Bench) -> None:
    bench.look(*AHEAD)
    for _try in PLAN.orders:
        bench.desk.press(BEGIN)
        bench.look(*[0.0] * 36)
    assert (bench.note().result, bench.note().tries) == ("timed_out", 2)


@pytest.mark.parametrize("before", [0, 6])
def test_who_cannot_is_enrolled_at_once(bench: Bench, before: int) -> None:
    bench.look(*AHEAD)
    if before:
        bench.desk.press(BEGIN)
        bench.look(*[0.0] * before)
    bench.desk.press(CANNOT)
    bench.look()
    assert (bench.note().result, bench.note().tries) == ("declined", int(before > 0))
    assert bench.shown is None


def test_the_exam_never_waits_for_it(bench: Bench) -> None:
    bench.look(*AHEAD)
    bench.since_start = 0.5
    bench.look()
    assert bench.note().result == "skipped"


@pytest.mark.parametrize("lacking", [("mesh",), ("iris",), ("mesh", "iris")])
def test_a_seat_that_cannot_judge_says_so(bench: Bench, lacking: tuple[str, ...]) -> None:
    bench.eyes.lacking = lacking
    bench.look(*AHEAD)
    assert bench.note() == ChallengeNote("unavailable")
    assert bench.shown is None


def test_a_step_of_a_later_edition_is_left_to_people(bench: Bench) -> None:
    bench.plan = replace(bench.plan, challenge=ChallengePlan((("dance",),), 6.0))
    bench.look(*AHEAD)
    bench.desk.press(BEGIN)
    bench.look()
    assert bench.note().result == "unavailable"


def test_who_is_enrolled_is_who_took_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.look(*AHEAD)
    bench.desk.press(BEGIN)
    bench.look()
    other = np.zeros(DIM, np.float32)
    other[0] = 1.0
    swapped = Enrolment(other, None, Likeness.NO_PHOTO, 0.9, 3)
    monkeypatch.setattr(watch_enrol, "enrol", lambda *given: swapped)
    bench.look(*AHEAD, *TO_LEFT)
    bench.look(0, 0, eyes=SHUT)
    bench.look(0)
    assert (bench.note().result, bench.note().reason) == ("failed", "other_face")


def test_frames_of_somebody_else_are_not_enrolled(bench: Bench) -> None:
    bench.look(*AHEAD)
    bench.desk.press(BEGIN)
    bench.look()
    bench.eyes.similarity = 0.4
    bench.look(0, 0)
    kept = [taken.boot for taken in bench.enroller._shots]
    assert max(kept) < bench.now - EVERY


def test_liveness_is_the_median_of_the_looks(bench: Bench) -> None:
    for alive in (0.9, 0.2, 0.8):
        bench.eyes.alive = alive
        bench.look()
    bench.desk.press(CANNOT)
    bench.eyes.alive, bench.eyes.persons = 0.0, 2  # of two faces nothing is taken
    bench.look()
    (made,) = bench.sent()
    assert made.liveness == 0.8


def test_without_a_challenge_nothing_more_is_looked_at(bench: Bench) -> None:
    bench.plan = replace(bench.plan, challenge=None)
    bench.look(*AHEAD)
    (made,) = bench.sent()
    assert (made.challenge, made.liveness) == (None, None)
    assert {look for _compare, look in bench.eyes.asked} == {NOTHING_MORE}


def test_an_enrolment_that_is_asked_for_again_has_its_own_challenge(bench: Bench) -> None:
    bench.look(*AHEAD)
    bench.desk.press(BEGIN)
    bench.look(0, 0)
    bench.enroller.forget()
    assert bench.shown is None
    bench.look(*AHEAD)
    assert bench.shown == ChallengeView("offered", tries=2)


# --- the desk -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "act", "code"),
    [
        (None, BEGIN, "challenge_not_now"),
        (None, CANNOT, "challenge_not_now"),
        ("running", BEGIN, "challenge_not_now"),
        ("starting", BEGIN, "challenge_not_now"),
        ("offered", "dance", "bad_request"),
        ("offered", BEGIN, ""),
        ("again", BEGIN, ""),
        ("running", CANNOT, ""),
        ("starting", CANNOT, ""),
    ],
)
def test_what_may_be_pressed_when(state: str | None, act: str, code: str) -> None:
    changes: list[int] = []
    desk = ChallengeDesk(lambda: changes.append(1))
    desk.show(None if state is None else ChallengeView(state, tries=2))
    try:
        desk.press(act)
    except PageRefused as refused:
        assert refused.code == code
        assert desk.take() == ""
    else:
        assert code == ""
        assert (desk.take(), desk.take()) == (act, "")
    assert len(changes) == int(state is not None) + int(code == "")


def test_what_was_pressed_for_something_gone_is_forgotten() -> None:
    desk = ChallengeDesk()
    desk.show(ChallengeView("offered"))
    desk.press(BEGIN)
    desk.show(None)
    assert desk.take() == ""
