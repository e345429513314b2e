"""Pictures that are kept for alerts that may come, hints, and the log of looks."""

import base64
import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from client import watch_album, watch_log
from client.brief import Brief
from client.camera import Shot
from client.evidence import Evidence, Worth
from client.watch_album import Album, Print, Wish, chosen
from client.watch_attempt import AFTER_SECONDS, AttemptWatch, Desk
from client.watch_memory import WatchStore
from exam_rooms.incidents import IncidentKind
from exam_rooms.look_log import unpack
from exam_rooms.watch_messages import (
    AlertRequest,
    LookLog,
)
from exam_rooms.watching import AttentionRules, EpisodeRule, PaceRules, WatchRules
from proctoring.episodes import Opened
from proctoring.models import card
from proctoring.observation import FoundObject
from proctoring.observe import Eyes, Looks
from proctoring.replay import refold
from tests.client.camera_kit import (
    QUICK,
    ToldEyes,
    any_template,
    plan,
    shot,
)
from tests.client.watch_bench import KEY, STEP, Bench, moments

# The album


def test_the_album_keeps_the_newest_and_what_came_before_a_beginning() -> None:
    album = Album()
    for n in range(50):
        album.add(shot(n, float(n)))
        album.keep([] if n < 10 else [10.0] if n < 20 else [10.0, 20.0, 20.0])
        assert len(album) == (1 if n < 10 else 2 if n < 20 else 3)
    at_first, later = album.before(10.0), album.before(20.0)
    assert at_first is not None and later is not None and (at_first.boot, later.boot) == (9.0, 19.0)
    album.keep([20.0])
    assert album.before(10.0) is None and album.before(20.0) is later
    album.keep([])
    assert len(album) == 1


def test_a_picture_is_encoded_only_when_it_is_sent(monkeypatch: pytest.MonkeyPatch, bench: Bench) -> None:
    made: list[int] = []
    encode = watch_album.encode_jpeg
    monkeypatch.setattr(watch_album, "encode_jpeg", lambda frame: made.append(1) or encode(frame))
    bench.look(20)
    assert made == []
    bench.eyes.persons = 0
    bench.look(1)
    assert len(made) == 2 and moments(bench.alerts()[0]) == ["at", "before"]


def test_a_picture_that_cannot_be_encoded_costs_no_news() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (2500, 2500, 3), np.uint8)
    nothing = Print(1.0, shot=Shot(1, noise, 1.0))
    notes, pictures = chosen([Wish(nothing, Worth.ALERT), Wish(Print(2.0, b"x"), Worth.SIDE)], 2)
    assert [note.boot_ns for note in notes] == [int(2e9)] and len(pictures) == 1


def test_wishes_are_met_in_order_and_absent_pictures_passed_over() -> None:
    wishes = [Wish(None, "alert"), *(Wish(Print(float(n), bytes([n])), "side") for n in range(3))]  # type: ignore[arg-type]
    notes, pictures = chosen(wishes, 2)
    assert [picture.data for picture in pictures] == [b"\0", b"\1"]
    assert [note.boot_ns for note in notes] == [0, int(1e9)]
    assert chosen(wishes, 0) == ((), ())


# Paces, costly steps, the log of looks


def hurried(*kinds: IncidentKind, hold: float = 0.6, **changes: Any) -> WatchRules:
    rules = tuple(EpisodeRule(str(kind), hold, 0.4) for kind in kinds)
    return replace(QUICK, episodes=(*QUICK.episodes, *rules), **changes)


def test_costly_steps_are_asked_for_as_the_policy_says(bench: Bench) -> None:
    bench.look(2)
    assert set(bench.eyes.asked) == {Looks()}
    pace = PaceRules(liveness_seconds=1.0, objects_seconds=0.6)
    kinds = IncidentKind.TURNED_AWAY, IncidentKind.LIVENESS_DOUBT, IncidentKind.PHONE_HINT
    bench.plan = plan(rules=hurried(*kinds, pace=pace))
    bench.eyes.asked.clear()
    bench.eyes.liveness, bench.eyes.objects = 0.9, ()
    bench.look(6)
    asked = bench.eyes.asked
    assert len(asked) == 30 and all(each.attention and not each.gaze for each in asked)
    assert (sum(each.liveness for each in asked), sum(each.objects for each in asked)) == (6, 10)


def test_an_enrolment_asks_for_none_of_them(bench: Bench) -> None:
    bench.plan = plan(watch=False, enrol=True, rules=hurried(IncidentKind.PHONE_HINT))
    bench.eyes.persons = 2
    bench.look(2)
    assert set(bench.eyes.asked) == {Looks()}


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (IncidentKind.LIVENESS_DOUBT, {"liveness": 0.1}),
        (IncidentKind.PHONE_HINT, {"objects": (FoundObject("phone", 0.8, (1.0, 1.0, 9.0, 9.0)),)}),
    ],
)
def test_a_hint_is_told_once_with_its_scores_models_and_pictures(
    bench: Bench, kind: IncidentKind, said: dict[str, Any]
) -> None:
    bench.plan = plan(rules=hurried(kind, pace=PaceRules(liveness_seconds=0.2, objects_seconds=0.2)))
    bench.look(1)
    for name, value in said.items():
        setattr(bench.eyes, name, value)
    bench.look(3)
    (alert,) = bench.alerts()
    assert alert.kind == kind and alert.scores["score"] in {0.1, 0.8}
    assert alert.models == bench.eyes.models and moments(alert) == ["at", "before"]
    assert alert.note is not None and (alert.note.liveness == 0.1 or alert.note.objects == {"phone": 0.8})
    for frame in alert.frames:
        data = bench.evidence.load(frame.sha256)
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (frame.sha256, frame.size)


def test_a_head_turned_away_is_told_against_its_usual_place(bench: Bench) -> None:
    attention = AttentionRules(baseline_seconds=5.0)
    bench.plan = plan(rules=hurried(IncidentKind.TURNED_AWAY, attention=attention))
    bench.eyes.yaw = 20.0
    bench.look(8)
    bench.eyes.yaw = 45.0
    bench.look(2)
    assert bench.alerts() == []
    bench.eyes.yaw = 55.0
    bench.look(2)
    (alert,) = bench.alerts()
    assert alert.kind == "TURNED_AWAY" and (alert.scores["yaw"], alert.scores["usual_yaw"]) == (55.0, 20.0)


def test_a_check_without_its_model_is_named_only_where_the_policy_asks_for_it(bench: Bench) -> None:
    real = Eyes(folder=bench.folder)  # no weights there
    brief, seen = bench.brief(), shot(1, bench.at)
    assert set(bench.watch.look(brief, seen, real, bench.at)) == {"detect", "verify"}
    bench.plan = plan(rules=hurried(IncidentKind.LIVENESS_DOUBT, IncidentKind.BOOK_HINT))
    missing = bench.watch.look(bench.brief(), shot(2, bench.at + 1), real, bench.at + 1)
    assert set(missing) == {"detect", "verify", "liveness", "objects"}


def test_a_stranger_is_told_with_the_face_that_did_not_match_and_nobody_keeps_it(bench: Bench) -> None:
    bench.plan = plan(template=any_template())
    face = np.zeros(card("verify").dim, np.float32)
    face[0] = 1.0
    bench.eyes.probe = np.roll(face, 5)
    bench.look(3)
    bench.eyes.similarity, bench.eyes.probe = 0.1, face
    bench.look(AFTER_SECONDS + 3)
    opened, after = bench.alerts()
    sent = np.frombuffer(base64.b64decode(opened.probe), "<f4")
    assert np.allclose(sent, face) and np.linalg.norm(sent) == pytest.approx(1.0)
    assert (after.probe, moments(after)) == ("", ["after"])
    kept = b"".join(path.read_bytes() for path in bench.folder.glob("*.watch"))
    assert opened.probe.encode() not in kept
    assert bench.desk.store.load(7).open[0].alert.probe == ""
    bench.eyes.persons = 0
    bench.look(2)
    assert all(alert.probe == "" for alert in bench.alerts()[1:])


def test_the_log_of_looks_leaves_in_batches_and_tells_the_same_again(bench: Bench) -> None:
    bench.plan = plan(rules=replace(QUICK, log_seconds=2.0))
    bench.look(3)
    bench.eyes.persons = 0
    bench.look(2)
    bench.look(1, blind=True)
    bench.eyes.persons = 1
    bench.look(3)
    bench.watch.end(bench.at)
    batches = bench.told(LookLog)
    looks = [look for one in batches for look in unpack(base64.b64decode(one.body))]
    assert len(looks) == 45 and sum(one.count for one in batches) == 45 and len(batches) == 5
    assert len({one.batch for one in batches}) == 5 and {one.boot_id for one in batches} == {"boot-1"}
    assert all(one.since_ns <= one.until_ns for one in batches)
    assert [look.note is None for look in looks].count(True) == 5
    told = refold(looks, bench.plan.rules)
    alerts = [(alert.kind, alert.since_ns) for alert in bench.alerts() if not alert.closed]
    assert [(str(one.kind), int(one.since * 1e9)) for one in told if isinstance(one, Opened)] == alerts


def test_no_log_is_kept_by_a_policy_that_asks_for_none(bench: Bench) -> None:
    bench.look(10)
    bench.watch.end(bench.at)
    assert bench.told(LookLog) == []


def test_a_log_that_nobody_takes_for_hours_stops_growing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_log, "MOST_WAITING", 3)
    bench.plan = plan(rules=replace(QUICK, log_seconds=1.0))
    bench.look(10)
    assert len(bench.told(LookLog)) == 3 and bench.watch._log.lost > 20


def test_the_disk_is_bounded_and_keeps_what_alerts_are_about(tmp_path: Path) -> None:
    """A server that is away while a seat does nothing but raise alerts: side pictures go, the others stay."""
    folder, each = tmp_path / "bounded", 40_000
    queue = Evidence(folder, KEY, limit=10 * each)
    store = WatchStore(tmp_path / "store", KEY)
    watch = AttemptWatch(7, Desk(queue, store, "boot-1"), 0.0)
    watched, eyes_ = plan(rules=replace(QUICK, captures=0)), ToldEyes()
    grain = np.random.default_rng(3)
    for number in range(400):
        eyes_.persons = 0 if number % 20 < 10 else 1
        frame = grain.integers(0, 255, (160, 160, 3), np.uint8)
        watch.look(Brief(True, 7, watched), Shot(number, frame, number * STEP), eyes_, number * STEP)
    size = sum(path.stat().st_size for path in folder.glob("*.pic"))
    worths = Counter(path.name.split("-")[1] for path in folder.glob("*.pic"))
    assert size <= 10 * each + 2_000 and queue.dropped > 10
    assert worths["alert"] > worths["side"]
    assert len(queue.about(AlertRequest, 7)) >= 40  # the news itself all stays
