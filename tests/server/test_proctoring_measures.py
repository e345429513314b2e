"""The report of the cameras: what each could see, from heartbeats; flags and reviews; page, table, command."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient

from exam_rooms.watch_messages import CameraReport, CameraState
from server.access import Actor
from server.cli import proctoring as command
from server.cli import proctoring_report
from server.db.privacy import Consent
from server.db.proctoring import CameraSpan
from server.db.sittings import Attempt, LinkGapRow
from server.db.watching import Capture
from server.host import Host
from server.services import proctoring_measures as measures
from server.services import warnings
from server.services.delivery import delivery_of
from server.services.proctoring_measures import RoomMeasures
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.measure_kit import HINT, aim, flag, judge, wrong_often
from tests.server.smart_kit import CameraAgent, answering, equip

LIVE = CameraReport(CameraState.LIVE, "cam", "watch")
LOST = CameraReport(CameraState.LOST, "cam", "watch")
POOR = CameraReport(CameraState.LIVE, "cam", "watch", ("verify", "objects"))


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return equip(make_scene(host, person_as))


@pytest.fixture
def agents(app: Flask, scene: Scene, machine: Machine) -> list[CameraAgent]:
    """At seats 1 and 2 people answer; the one at seat 2 has refused the camera."""
    made = answering(app, scene, machine, "12", refusing="2")

    def begin(session) -> None:
        for agent in made:
            attempt = session.get_one(Attempt, agent.attempt)
            attempt.state, attempt.answering_at = "answering", scene.host.now()

    scene.host.db.write(begin)
    return made


def room(scene: Scene) -> RoomMeasures:
    with scene.host.db.read() as session:
        return measures.of_room(session, scene.room_sitting, now=scene.host.now()).rooms[0]


def passes(machine: Machine, agent: CameraAgent, report: CameraReport, seconds: int) -> None:
    """The camera says this now, and again at the end of so many seconds."""
    agent.beat(camera=report)
    machine.advance(seconds=seconds)
    agent.beat(camera=report)


def spans(host: Host) -> list[tuple[str, bool]]:
    with host.db.read() as session:
        rows = session.query(CameraSpan).order_by(CameraSpan.id)
        return [(row.state, row.until_at is None) for row in rows if row.state != "none"]


# --- when a camera could see -------------------------------------------------------------------------


@pytest.mark.both_stores
def test_heartbeats_become_spans_and_the_same_word_again_writes_nothing(
    agents: list[CameraAgent], host: Host, machine: Machine
) -> None:
    for report, seconds in ((LIVE, 4), (LIVE, 4), (LOST, 4), (POOR, 4)):
        passes(machine, agents[0], report, seconds)
    assert spans(host) == [("live", False), ("lost", False), ("live", True)]


def test_the_word_of_before_a_restart_goes_on(
    agents: list[CameraAgent], host: Host, machine: Machine
) -> None:
    agents[0].beat(camera=LIVE)
    delivery_of(host).links._spans.clear()
    passes(machine, agents[0], LIVE, 4)
    assert spans(host) == [("live", True)]


@pytest.mark.both_stores
def test_every_second_at_a_seat_has_its_reason(
    agents: list[CameraAgent], scene: Scene, machine: Machine
) -> None:
    agents[0].beat(camera=LIVE)
    for report, seconds in ((LIVE, 4), (LOST, 3), (POOR, 4)):
        passes(machine, agents[0], report, seconds)
    first, second = room(scene).seats
    assert (first.seat, second.seat) == ("1", "2")
    assert first.time.work == pytest.approx(11, abs=0.5)
    assert first.time.watched == pytest.approx(8, abs=0.5)
    assert first.time.blind == {"lost": pytest.approx(3, abs=0.5)}
    assert first.time.missing["verify"] == pytest.approx(4, abs=0.5)
    assert second.time.manual == second.time.work and second.time.blind == {}


def test_a_check_without_its_network_has_fewer_hours_than_the_others(
    agents: list[CameraAgent], scene: Scene, machine: Machine
) -> None:
    passes(machine, agents[0], POOR, 4)
    hours = {line.figures.kind: line.figures.hours for line in room(scene).checks}
    assert hours["NO_FACE"] == pytest.approx(4 / 3600, abs=1e-4)
    assert hours["FACE_MISMATCH"] == hours[HINT] == 0
    assert "GAZE_AWAY" not in hours  # off by the policy


def test_without_a_link_nothing_is_seen_and_after_a_withdrawal_people_check(
    agents: list[CameraAgent], scene: Scene, machine: Machine
) -> None:
    begun = scene.host.now()
    agents[0].beat(camera=LIVE)
    machine.advance(seconds=20)
    now = scene.host.now()

    def happened(session) -> None:
        gap = {"attempt_id": agents[0].attempt, "workstation_id": scene.workstations["1"]}
        session.add(
            LinkGapRow(**gap, lost_at=begun + timedelta(seconds=5), back_at=begun + timedelta(seconds=9))
        )
        said = {"attempt_id": agents[0].attempt, "how": "seat"}
        session.add(Consent(**said, given=True, at=begun - timedelta(minutes=5)))
        session.add(Consent(**said, given=False, at=now - timedelta(seconds=6)))

    scene.host.db.write(happened)
    time = room(scene).seats[0].time
    assert time.blind == {"unlinked": pytest.approx(4, abs=0.5)}
    assert time.manual == pytest.approx(6, abs=0.5)
    assert time.watched == pytest.approx(10, abs=1)


# --- what people made of flags -----------------------------------------------------------------------


@pytest.mark.dear
@pytest.mark.both_stores
def test_flags_count_by_what_people_said_last(
    agents: list[CameraAgent], scene: Scene, machine: Machine
) -> None:
    judge(scene, flag(agents[0], machine))
    judge(scene, flag(agents[0], machine), "recorded")
    judge(scene, flag(agents[0], machine), "acknowledged")
    warned = flag(agents[0], machine)  # joins the one that somebody is on the way to
    scene.write(warnings.give, scene.invigilator, agents[0].attempt, "请收起手机", incident_id=warned.id)
    taken_back = flag(agents[0], machine)
    scene.write(warnings.give, scene.invigilator, agents[0].attempt, "请收起", incident_id=taken_back.id)
    judge(scene, taken_back)
    flag(agents[0], machine)
    (line,) = [line for line in room(scene).checks if line.figures.kind == HINT]
    one = line.figures
    assert (one.flags, one.confirmed, one.dismissed) == (5, 2, 2)
    assert (one.waiting, one.seen, one.cleared, one.episodes) == (0, 0, 1, 6)
    assert one.false_alarms is not None and one.false_alarms.share == 0.5


def test_captures_and_their_second_looks_are_summed(agents: list[CameraAgent], scene: Scene) -> None:
    def taken(session) -> None:
        for number, (state, recheck) in enumerate(
            [("taken", "agrees"), ("taken", "disagrees"), ("taken", ""), ("missed", "")]
        ):
            row = {"attempt_id": agents[0].attempt, "seat_id": scene.seats["1"], "number": number}
            moment = scene.host.now()
            session.add(
                Capture(
                    **row, room_sitting_id=scene.room_sitting, state=state, recheck=recheck, taken_at=moment
                )
            )

    scene.host.db.write(taken)
    sums = room(scene).captures
    assert (sums.taken, sums.missed, sums.agree, sums.disagree, sums.failed) == (3, 1, 1, 1, 0)


def test_a_room_without_cameras_watches_nothing_and_says_so(
    host: Host, person_as: Callable[..., Actor], sign_in: Callable[[Actor], FlaskClient], machine: Machine
) -> None:
    scene = make_scene(host, person_as)
    machine.advance(minutes=10)
    scene.start()
    found = room(scene)
    assert (found.smart, found.checks, found.seats) == (False, (), ())
    page = sign_in(scene.chief).get(f"/sittings/{scene.room_sitting}/proctoring").text
    assert "本考场没有使用座位摄像头" in page


# --- page, table, command ----------------------------------------------------------------------------


@pytest.mark.dear
def test_the_page_and_its_table_say_the_same(
    agents: list[CameraAgent],
    scene: Scene,
    machine: Machine,
    sign_in: Callable[[Actor], FlaskClient],
) -> None:
    passes(machine, agents[0], LIVE, 4)
    wrong_often(scene, agents[0], machine)
    browser = sign_in(scene.chief)
    page = browser.get(f"/sittings/{scene.room_sitting}/proctoring").text
    assert "100%（44–100%）" in page and "高于目标" not in page
    data = browser.get(f"/sittings/{scene.room_sitting}/proctoring.csv")
    rows = list(csv.reader(io.StringIO(data.get_data(as_text=True).removeprefix("\ufeff"))))
    (line,) = [row for row in rows if HINT in row]
    assert line[9:14] == ["0", "3", "1", "0.4385", "1"]
    whole = browser.get("/batches/1/proctoring").text
    assert "100%（44–100%）" in whole
    assert browser.get("/batches/1/proctoring.csv").status_code == 200
    assert browser.get("/batches/99/proctoring").status_code == 404
    assert browser.get("/sittings/99/proctoring").status_code == 404


def test_who_does_not_serve_there_sees_nothing_of_it(
    agents: list[CameraAgent], scene: Scene, client_as: Callable[..., FlaskClient]
) -> None:
    stranger = client_as("invigilator")
    assert stranger.get(f"/sittings/{scene.room_sitting}/proctoring").status_code == 403
    assert "还没有可统计的考场" in stranger.get("/batches/1/proctoring").text


@pytest.fixture
def terminal(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def opened(*, writes: bool) -> Iterator[Host]:
        assert not writes
        yield host

    monkeypatch.setattr(proctoring_report, "opened", opened)


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("words", [(), ("--sitting", "1"), ("--batch", "1")])
def test_the_command_prints_the_figures_of_the_page(
    agents: list[CameraAgent], scene: Scene, machine: Machine, words: tuple[str, ...]
) -> None:
    aim(scene)
    wrong_often(scene, agents[0], machine)
    told = CliRunner().invoke(command.proctoring, ["report", *words, "--json"])
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    (check,) = [each for each in found["rooms"][0]["checks"] if each["kind"] == HINT]
    assert check == next(each for each in found["checks"] if each["kind"] == HINT)
    assert (check["dismissed"], check["above_target"], check["muted_now"]) == (3, True, True)
    assert check["false_alarms"] == {"hits": 3, "of": 3, "share": 1.0, "low": 0.4385, "high": 1.0}
    text = CliRunner().invoke(command.proctoring, ["report", *words]).stdout
    assert "画面中疑似有手机" in text and "只记录" in text


@pytest.mark.usefixtures("terminal")
def test_the_command_says_what_it_cannot_do(scene: Scene) -> None:
    run = CliRunner().invoke
    assert run(command.proctoring, ["report", "--sitting", "1", "--batch", "1"]).exit_code == 2
    assert "还没有已开考的考场" in run(command.proctoring, ["report", "--batch", "7"]).stdout
