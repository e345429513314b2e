"""The drill of cameras: its counting by itself, and a short drill with a real server and real agents."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from exam_rooms.incidents import IncidentKind as K
from exam_rooms.watching import EpisodeRule, WatchRules
from server.cli.drill import photo_people
from server.cli.drill.proctoring import Came, Outcome, Report, _judged, rounds
from server.cli.drill.scenes import LEAD, Staging, sequences
from server.cli.drill.watched_room import Decided, Recorded, Shown
from server.cli.rehearse.fleet import FleetFault

ROOT = Path(__file__).resolve().parents[2]
SEATS = ("01", "02")
ALL = frozenset({"detect", "verify", "mesh", "objects", "liveness"})
EMPTY = Staging("empty", {0: (("empty", 20.0),)}, {0: K.NO_FACE})
CALM = Staging("calm", {1: (("usual", 20.0),)})
SWAP = Staging(
    "swap",
    {0: (("neighbour", 9.0),), 1: (("neighbour", 9.0),)},
    {0: K.SEAT_SWAP, 1: K.SEAT_SWAP},
    ("verify",),
)


def came(*raised: str, late: str = "") -> Came:
    fresh = tuple(Recorded(n, *each.split("@")) for n, each in enumerate(raised, 1))
    decided = tuple(Decided(seat, kind, "e", 1) for kind, _at, seat in [late.partition("@")] if late)
    return Came(dict.fromkeys((0, 1), Shown(10, 1.0, (), ())), fresh, decided)


@pytest.mark.parametrize(
    ("staging", "given", "missed", "extra", "passed"),
    [
        (EMPTY, came("NO_FACE@01"), (), (), True),
        (EMPTY, came(), ("NO_FACE@01",), (), False),
        (EMPTY, came("NO_FACE@02"), ("NO_FACE@01",), (), False),  # at the seat of another sequence
        (EMPTY, came("NO_FACE@01", "NO_FACE@01"), (), ("NO_FACE@01",), False),  # twice
        (EMPTY, came("NO_FACE@01", "DARK@01"), (), ("DARK@01",), False),
        (CALM, came(), (), (), True),
        (CALM, came("NO_FACE@01"), (), (), True),
        (CALM, came("NO_FACE@02"), (), ("NO_FACE@02",), False),
        (SWAP, came("SEAT_SWAP@01", "SEAT_SWAP@02"), (), (), True),
        (SWAP, came("SEAT_SWAP@01", "FACE_MISMATCH@02"), ("SEAT_SWAP@02",), ("FACE_MISMATCH@02",), False),
    ],
)
def test_what_is_missed_and_what_is_in_excess(
    staging: Staging, given: Came, missed: tuple[str, ...], extra: tuple[str, ...], passed: bool
) -> None:
    found = _judged(SEATS, staging, given, ALL)
    assert (found.missed, found.extra, found.passed) == (missed, extra, passed)


def test_a_sequence_without_its_model_is_neither_missed_nor_passed() -> None:
    found = _judged(SEATS, SWAP, came(), ALL - {"verify"})
    assert (found.missed, found.unavailable, found.passed) == ((), ("verify",), False)
    report = Report(SEATS, (found,), {}, 0, 20, 1.0)
    assert report.whole and report.to_json()["unavailable"] == ["verify"] and report.to_json()["passed"] == 0
    odd = _judged(SEATS, SWAP, came("NO_FACE@01"), ALL - {"verify"})
    assert odd.extra == ("NO_FACE@01",) and not Report(SEATS, (odd,), {}, 0, 20, 1.0).whole


def test_an_alert_that_does_not_arrive_is_a_fault() -> None:
    found = _judged(SEATS, EMPTY, came("NO_FACE@01", late="NO_FACE@01"), ALL)
    assert found.late == ("NO_FACE@01",) and not found.passed
    assert not Report(SEATS, (found,), {}, 0, 1, 1.0).whole


def test_sequences_at_other_seats_are_played_together_and_never_two_at_one() -> None:
    assert [[each.name for each in one] for one in rounds([EMPTY, EMPTY, CALM, SWAP, CALM])] == [
        ["empty", "calm"],
        ["empty", "calm"],
        ["swap"],
    ]


def test_only_what_the_policy_asks_for_is_staged() -> None:
    rules = WatchRules(episodes=(EpisodeRule(K.NO_FACE, 8.0, 3.0), EpisodeRule(K.DARK, 15.0, 5.0)))
    found = sequences(rules, 100)
    raised = {kind for each in found for kind in each.expected.values()}
    assert raised == {K.NO_FACE, K.DARK}
    assert [each.name for each in found][-1] == "quiet"
    (dark,) = [each for each in found if each.name == "lights_out"]
    assert dark.plays[0][0] == ("usual", LEAD) and dark.plays[0][1][1] > 15


def test_a_folder_without_an_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FleetFault, match=r"index\.csv"):
        photo_people.photographed(tmp_path)
    (tmp_path / "index.csv").write_text("file,identity,faces,shows\ngone.jpg,a,1,verify\nno.jpg,,0,noface\n")
    assert photo_people.photographed(tmp_path) == ((), ())


def drill(*options: str) -> tuple[int, dict[str, Any]]:
    command = ["-c", "from server.cli import main; main()", "drill", "proctoring", "--json", *options]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def outcome(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in found["sequences"] if each["name"] == name)


@pytest.mark.system
@pytest.mark.long
def test_a_short_drill_raises_each_alert_once_at_its_seat() -> None:
    status, found = drill("--only", "empty_chair", "--only", "camera_stalled")
    assert status == 0, found
    assert outcome(found, "empty_chair")["raised"] == [f"NO_FACE@{found['seats'][0]}"]
    assert outcome(found, "camera_stalled")["raised"] == [f"CAMERA_STALLED@{found['seats'][1]}"]
    assert (found["extra"], found["missed"], found["late"], found["delays"]) == (0, 0, 0, 2)
    assert 0 < found["delay_ms"]["p99"] < 5000


@pytest.mark.long
def test_every_sequence_and_eighteen_hundred_quiet_looks() -> None:
    status, found = drill()
    assert status == 0, found
    assert found["extra"] == found["missed"] == found["late"] == 0
    assert outcome(found, "quiet")["looks"] >= 1800
    assert outcome(found, "seat_swap")["raised"] == [f"SEAT_SWAP@{seat}" for seat in found["seats"]]


def test_outcomes_are_plain_values() -> None:
    report = Report(SEATS, (Outcome("a", SEATS, 1, (), ()),), {"p50": 1.0}, 1, 1, 1.0)
    assert json.loads(json.dumps(report.to_json()))["sequences"][0]["passed"] is True
