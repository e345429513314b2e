"""Scenario 25: what seat cameras must raise, at the right seat, once, with pictures; and what they must not.

Real portraits, networks, fold and queue at two seats, by the hold times of the national policy; the news and
its pictures go to a real server. Things such as telephones are out of its scope.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from flask import Flask

from client.brief import Brief
from client.camera import Shot
from client.evidence import ROUTES, Evidence
from client.watch_attempt import AttemptWatch, Desk
from client.watch_memory import WatchStore
from exam_rooms.watch_messages import WatchPlan
from exam_rooms.watching import PRESENCE_KINDS, PaceRules, WatchRules
from proctoring.faces import Vector
from proctoring.frames import Frame, fingerprint
from proctoring.observation import Observation
from proctoring.observe import Eyes
from server.access import Actor
from server.db.sittings import Incident
from server.db.watching import EvidenceFrame
from server.host import Host
from tests.client.camera_kit import scene, template_of
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.smart_kit import BOOT_ID, CameraAgent, answering, equip, rules


class Recalling(Eyes):
    """Eyes that look once at each picture of a recording, however often it is played; beside the mark that
    tells its repetitions apart it is the same.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[tuple[object, ...], Observation] = {}

    def observe(self, frame: Frame, enrolled: Vector | None, rules: WatchRules, **how: Any) -> Observation:
        face = None if enrolled is None else enrolled.tobytes()
        key = (hashlib.sha256(frame[:, 1:].tobytes()).digest(), face, *sorted(how.items()))
        if key not in self.seen:
            self.seen[key] = super().observe(frame, enrolled, rules, **how)
        return replace(self.seen[key], fingerprint=fingerprint(frame))


@cache
def recalling() -> Recalling:
    return Recalling()


class Seat:
    """A seat's agent: looks at given frames, sends what it has to say."""

    def __init__(self, agent: CameraAgent, folder: Path, machine: Machine, plan: WatchPlan) -> None:
        self.agent, self.machine, self.plan = agent, machine, plan
        self.evidence = Evidence(folder, bytes(32))
        desk = Desk(self.evidence, WatchStore(folder, bytes(32)), BOOT_ID)
        self.watch = AttemptWatch(agent.attempt, desk, self.now)
        self.number = 0

    @property
    def now(self) -> float:
        return self.machine.boot_ns / 1e9

    def see(self, frames: Sequence[Frame], seconds: float) -> None:
        """Looks for so long, at the pace of the policy."""
        until = self.now + seconds
        while self.now < until:
            self.number += 1
            frame = frames[self.number % len(frames)].copy()
            frame[:, 0] = self.number % 251  # no two pictures of a living camera are the same
            shot = Shot(self.number, frame, self.now)
            brief = Brief(True, self.agent.attempt, self.plan, since_start=self.now)
            self.watch.look(brief, shot, recalling(), self.now)
            self.watch.took(self.plan.rules, self.now, 0.015)
            self.machine.advance(seconds=max(0.2, self.watch.pause(self.plan.rules, self.now)))
        self.send()

    def send(self) -> None:
        for route in ROUTES:
            while (news := self.evidence.next_news(route)) is not None:
                self.evidence.news_taken(news.number, self.agent.taken(route, news.message).wanted)
        while (sha256 := self.evidence.next_picture()) is not None:
            assert self.agent.picture(self.evidence.load(sha256), sha256).status_code == 200
            self.evidence.picture_taken(sha256)


@pytest.fixture
def seats(
    app: Flask, host: Host, person_as: Callable[..., Actor], machine: Machine, tmp_path: Path
) -> list[Seat]:
    made: Scene = equip(make_scene(host, person_as))
    agents = answering(app, made, machine, "12")
    names = ("obama.jpg", "biden.jpg")
    national = rules(made)
    asked = tuple(rule for rule in national.episodes if rule.kind in PRESENCE_KINDS)
    plain = replace(national, episodes=asked, pace=PaceRules())
    plans = [WatchPlan(plain, watch=True, template=template_of(*scene(name)[:3])) for name in names]
    return [
        Seat(agent, tmp_path / f"seat{place}", machine, plan)
        for place, (agent, plan) in enumerate(zip(agents, plans, strict=True))
    ]


def told(host: Host, seat: Seat) -> list[str]:
    """The incidents at a seat, each with its number of episodes and the moments of its stored pictures."""
    with host.db.read() as session:
        rows = session.query(Incident).filter_by(attempt_id=seat.agent.attempt).order_by(Incident.id).all()
        lines = []
        for row in rows:
            assert row.seat_id == seat.agent.scene.seats[seat.agent.seat]
            frames = (
                session.query(EvidenceFrame).filter_by(incident_id=row.id).filter(EvidenceFrame.file != "")
            )
            moments = sorted({frame.moment for frame in frames})
            lines.append(f"{row.kind} x{len(row.details['episodes'])} {'/'.join(moments)}")
        return lines


def noisy(frame: Frame, change: Callable[[np.ndarray], np.ndarray], count: int = 6) -> list[Frame]:
    """A frame under other light, with the noise of a living camera."""
    grain = np.random.default_rng(8)
    plain = change(frame.astype(np.float32))
    return [np.clip(plain + grain.normal(0, 2, frame.shape), 0, 255).astype(np.uint8) for _ in range(count)]


@pytest.mark.dear
def test_scenario_25_each_cause_is_one_alert_with_pictures_at_its_seat(seats: list[Seat], host: Host) -> None:
    one, two = seats
    candidate, hand = scene("obama.jpg"), noisy(scene("obama.jpg")[0], lambda frame: frame * 0 + 60)
    causes = [
        ("NO_FACE", scene(), 20.0),
        ("MULTI_FACE", scene("obama.jpg", "biden.jpg"), 5.5),
        ("FACE_MISMATCH", scene("biden.jpg"), 26.0),
        (
            "CAMERA_COVERED",
            [np.asarray(cv2.GaussianBlur(frame, (9, 9), 0), np.uint8) for frame in hand],
            12.0,
        ),
    ]
    expected: list[str] = []
    for kind, frames, seconds in causes:
        one.see(candidate, 3.0)
        one.see(frames, seconds)
        one.see(candidate, 8.0)
        expected.append(f"{kind} x1 after/at/before")
        assert told(host, one) == expected
    two.see(scene("biden.jpg"), 8.0)
    assert told(host, two) == []


@pytest.mark.dear
def test_scenario_25_dark_and_glaring_light_never_become_somebody_else_or_nobody(
    seats: list[Seat], host: Host
) -> None:
    one = seats[0]
    frame = scene("obama.jpg")[0]
    for light in (lambda seen: seen * 0.12, lambda seen: seen * 2.2 + 90, lambda seen: seen * 0.03):
        one.see(scene("obama.jpg"), 2.0)
        one.see(noisy(frame, light), 12.0)
    one.see(scene("obama.jpg"), 3.0)
    assert told(host, one) == []
    one.see(noisy(frame, lambda seen: seen * 0.01), 18.0)
    one.see(scene("obama.jpg"), 7.0)
    kinds = {line.split()[0] for line in told(host, one)}
    assert kinds <= {"DARK", "CAMERA_COVERED"}  # the light is told, not the candidate
