"""A face is enrolled: good frames, agreement, the announced photo."""

import base64
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from client.watch_enrol import AGAIN_SECONDS, PHOTO_SECONDS, TRIES
from exam_rooms.protocol import Route
from exam_rooms.watch_messages import (
    EnrolmentRequest,
)
from exam_rooms.watching import Likeness, WatchRules
from proctoring import observe
from proctoring.models import card
from proctoring.quality import Verdict
from tests.client.camera_kit import (
    QUICK,
    any_template,
    eyes,
    photo,
    plan,
    scene,
)
from tests.client.watch_bench import STEP, Bench

# Enrolment


class Enrolments:
    """Stands in for `proctoring.observe.enrol` where only its use is looked at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[Any, int]] = []
        self.spread: float | None = 0.9
        monkeypatch.setattr("client.watch_enrol.enrol", self.enrol)

    def enrol(self, eyes: Any, photo: Any, frames: Any, rules: WatchRules) -> observe.Enrolment | None:
        self.calls.append((photo, len(frames)))
        if self.spread is None:
            return None
        template = np.ones(card("verify").dim, np.float32)
        return observe.Enrolment(template, 0.61, Likeness.MATCH, self.spread, len(frames))


@pytest.fixture
def enrolments(monkeypatch: pytest.MonkeyPatch) -> Enrolments:
    return Enrolments(monkeypatch)


def server_takes(bench: Bench, route: str) -> None:
    while (news := bench.evidence.next_news(route)) is not None:
        bench.evidence.news_taken(news.number, [])


def test_three_good_frames_make_an_enrolment(bench: Bench, enrolments: Enrolments) -> None:
    bench.plan = plan(watch=False, enrol=True)
    bench.eyes.persons = 2
    bench.look(2)
    bench.eyes.persons, bench.eyes.verdict = 1, Verdict.DARK
    bench.look(2)
    assert enrolments.calls == []
    bench.eyes.verdict = Verdict.GOOD
    bench.look(3 * STEP)
    (made,) = bench.told(EnrolmentRequest)
    assert (made.attempt, made.likeness, made.similarity, made.spread, made.count) == (
        7,
        "match",
        0.61,
        0.9,
        3,
    )
    assert np.frombuffer(base64.b64decode(made.template), "<f4").size == card("verify").dim
    assert made.models == bench.eyes.models and len(made.frames) == 3
    assert all(bench.evidence.load(frame.sha256) for frame in made.frames)
    assert enrolments.calls == [(None, 3)]
    assert bench.alerts() == []


def test_while_the_server_has_it_not_or_is_about_to_say_so_no_other_is_made(
    bench: Bench, enrolments: Enrolments
) -> None:
    bench.plan = plan(watch=False, enrol=True)
    bench.look(40)
    assert len(enrolments.calls) == 1
    server_takes(bench, Route.ENROLMENT)
    bench.look(AGAIN_SECONDS - 1)
    assert len(enrolments.calls) == 1
    bench.look(2)
    assert len(enrolments.calls) == 2  # the server still asks: it wants another one


def test_a_plan_that_asks_again_later_gets_another(bench: Bench, enrolments: Enrolments) -> None:
    bench.plan = plan(watch=False, enrol=True)
    bench.look(1)
    server_takes(bench, Route.ENROLMENT)
    bench.plan = plan(watch=True, template=any_template())
    bench.look(1)
    bench.plan = plan(watch=True, enrol=True)
    bench.look(1)
    assert len(enrolments.calls) == 2


def test_it_waits_for_a_photo_that_is_announced_but_not_for_ever(
    bench: Bench, enrolments: Enrolments
) -> None:
    bench.plan, bench.photo = plan(watch=False, enrol=True), b""
    bench.look(5)
    assert enrolments.calls == []
    bench.photo = cv2.imencode(".jpg", np.zeros((200, 200, 3), np.uint8))[1].tobytes()
    bench.look()
    assert len(enrolments.calls) == 1 and enrolments.calls[0][0].shape == (200, 200, 3)
    server_takes(bench, Route.ENROLMENT)
    other = bench.restart()
    other.plan, other.photo = bench.plan, b""
    other.look(PHOTO_SECONDS + 1)
    assert enrolments.calls[1] == (None, 3)


def test_while_the_link_is_down_it_waits_for_the_photo(bench: Bench, enrolments: Enrolments) -> None:
    """An enrolment without the photo would pass for one whose candidate has none."""
    bench.plan, bench.photo, bench.linked = plan(watch=False, enrol=True), b"", False
    bench.look(3 * PHOTO_SECONDS)
    assert enrolments.calls == []
    bench.linked = True
    bench.look(PHOTO_SECONDS - 1)
    assert enrolments.calls == []
    bench.look(2)
    assert enrolments.calls == [(None, 3)]


def test_without_an_announced_photo_the_link_does_not_matter(bench: Bench, enrolments: Enrolments) -> None:
    bench.plan, bench.linked = plan(watch=False, enrol=True), False
    bench.look(1)
    assert enrolments.calls == [(None, 3)]


@pytest.mark.parametrize(("spread", "sets"), [(0.6999, TRIES + 1), (0.7, 1)])
def test_frames_agree_from_the_policys_threshold_on(
    bench: Bench, enrolments: Enrolments, spread: float, sets: int
) -> None:
    bench.plan = plan(watch=False, enrol=True, rules=replace(QUICK, match_from=0.7))
    enrolments.spread = spread
    bench.look(3 * STEP * (TRIES + 3))
    assert len(enrolments.calls) == sets


@pytest.mark.dear
def test_two_people_are_not_enrolled_as_one_unseen(bench: Bench) -> None:
    """Real networks: one frame of three shows somebody else, in every set. It is sent, and tells so."""
    bench.eyes = eyes()  # type: ignore[assignment]
    bench.plan = plan(watch=False, enrol=True)
    mixed = (scene("biden.jpg")[0], scene("obama.jpg")[0], scene("biden.jpg")[1])
    bench.look(3 * STEP * TRIES, frame=mixed)
    assert bench.told(EnrolmentRequest) == []
    bench.look(3 * STEP, frame=mixed)
    (made,) = bench.told(EnrolmentRequest)
    assert made.spread < 0.2


def test_a_photo_that_is_no_picture_is_none(bench: Bench, enrolments: Enrolments) -> None:
    bench.plan, bench.photo = plan(watch=False, enrol=True), b"\xff\xd8photo"
    bench.look(1)
    assert enrolments.calls == [(None, 3)]


def test_frames_that_disagree_are_taken_anew_a_few_times(bench: Bench, enrolments: Enrolments) -> None:
    bench.plan = plan(watch=False, enrol=True)
    enrolments.spread = None
    bench.look(3 * STEP * 10)
    assert len(enrolments.calls) == 10 and bench.told(EnrolmentRequest) == []
    enrolments.spread = 0.2
    again = bench.restart()
    again.plan = bench.plan
    again.look(3 * STEP * (TRIES + 1))
    (made,) = again.told(EnrolmentRequest)
    assert made.spread == 0.2


@pytest.mark.parametrize("missing", [("detect",), ("verify",), ("detect", "verify")])
def test_without_a_model_nobody_is_enrolled_and_it_is_said(
    bench: Bench, enrolments: Enrolments, missing: tuple[str, ...]
) -> None:
    bench.plan = plan(watch=False, enrol=True)
    bench.eyes.unavailable = missing
    assert bench.look(2) == missing
    assert enrolments.calls == []


def test_watching_and_enrolling_go_together(bench: Bench, enrolments: Enrolments) -> None:
    bench.plan = plan(watch=True, enrol=True)
    bench.look(1)
    bench.eyes.persons = 0
    bench.look(1)
    assert len(bench.told(EnrolmentRequest)) == 1 and len(bench.alerts()) == 1


@pytest.mark.dear
def test_real_faces_are_enrolled_recognised_and_a_stranger_is_told(bench: Bench) -> None:
    """Real networks, real photos: the enrolment agrees with another photo, another person does not."""
    bench.eyes = eyes()  # type: ignore[assignment]
    bench.plan = plan(watch=False, enrol=True)
    bench.photo = cv2.imencode(".jpg", photo("obama2.jpg"))[1].tobytes()
    bench.look(3 * STEP, frame=scene("obama.jpg"))
    (made,) = bench.told(EnrolmentRequest)
    assert made.likeness == "match" and made.similarity is not None and made.similarity >= 0.5
    assert made.spread > 0.8
    bench.plan = plan(template=made.template)
    bench.look(1.2, frame=scene("obama.jpg", seed=2))
    assert bench.alerts() == []
    bench.look(2, frame=scene("biden.jpg"))
    (stranger,) = bench.alerts()
    assert stranger.kind == "FACE_MISMATCH" and stranger.scores["similarity"] < 0.35
    assert set(stranger.models) == {"detect", "verify"}
