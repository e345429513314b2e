"""Breaches at a workstation: on the record once, told by its own seat only, shown to invigilators."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from exam_rooms import protocol as p
from exam_rooms.incidents import IncidentKind, Severity, severity
from exam_rooms.kiosk_messages import KioskReport, Lockdown
from exam_rooms.protocol import Route, Step
from server.access import Actor
from server.db.sittings import Attempt
from server.events import Activity
from server.host import Host
from server.services import breaches, commands, incidents, monitoring
from server.services.incidents import Handling
from tests.server.agent_kit import TestAgent
from tests.server.breach_kit import end, note, raised, rows, tell
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.smart_kit import BOOT_ID, CameraAgent, answering


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def agents(app: Flask, scene: Scene, machine: Machine) -> list[CameraAgent]:
    return answering(app, scene, machine, "12")


@pytest.fixture
def agent(agents: list[CameraAgent]) -> CameraAgent:
    return agents[0]


@pytest.fixture
def told(host: Host) -> list[Activity]:
    lines: list[Activity] = []
    host.events.subscribe(Activity, lines.append)
    return lines


# On the record, once


@pytest.mark.both_stores
def test_a_breach_is_an_incident_at_its_seat_since_it_began(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine, told: list[Activity]
) -> None:
    asked = note(agent)
    for _ in range(3):
        assert tell(agent, asked) == (200, "")
    (row,) = raised(host)
    assert (row.kind, row.state, row.seat_id) == ("USB_DEVICE", "raised", scene.seats["1"])
    assert (row.attempt_id, row.details) == (agent.attempt, {"count": 1, "detail": "storage 0781:5567"})
    (kept,) = rows(host)
    assert (kept.kind, kept.incident_id, kept.froze, kept.ended_at) == ("USB_DEVICE", row.id, False, None)
    assert abs(kept.began_at - (machine.wall - timedelta(seconds=1))) < timedelta(milliseconds=5)
    assert [(line.code, line.seat) for line in told] == [("incident_usb_device", scene.seats["1"])]


@pytest.mark.parametrize("kind", [IncidentKind.FOCUS_LOST, IncidentKind.USB_DEVICE, IncidentKind.KIOSK_OPEN])
def test_a_warning_clears_by_itself_and_an_alert_waits(
    agent: CameraAgent, host: Host, kind: IncidentKind
) -> None:
    begun = note(agent, str(kind))
    tell(agent, begun)
    assert raised(host)[0].state == "raised"
    for _ in range(2):
        assert end(agent, begun) == (200, "")
    (row,) = raised(host)
    if severity(kind) < Severity.ALERT:
        assert row.state == "cleared"
    else:
        assert (row.state, "ended_at" in row.details) == ("raised", True)
    assert rows(host)[0].ended_at is not None


def test_an_alert_is_over_when_the_last_of_its_causes_is(agent: CameraAgent, host: Host) -> None:
    first, second = note(agent), note(agent, detail="storage 1:2")
    tell(agent, first, second)
    end(agent, first)
    (row,) = raised(host)
    assert (row.details["count"], "ended_at" in row.details) == (2, False)
    end(agent, second)
    assert "ended_at" in raised(host)[0].details


def test_a_cause_that_comes_again_calls_people_again(agent: CameraAgent, host: Host, scene: Scene) -> None:
    begun = note(agent)
    tell(agent, begun)
    end(agent, begun)
    seen_to = raised(host)[0].id
    scene.write(incidents.handle, scene.invigilator, seen_to, Handling("acknowledged"))
    tell(agent, note(agent))
    (row,) = raised(host)
    assert (row.state, row.handled_by, "ended_at" in row.details) == ("raised", None, False)


def test_an_end_without_a_beginning_is_a_breach_that_is_over(agent: CameraAgent, host: Host) -> None:
    assert tell(agent, note(agent, ended=True)) == (200, "")
    (row,) = raised(host)
    assert "ended_at" in row.details


def test_what_was_folded_is_counted(agent: CameraAgent, host: Host) -> None:
    tell(agent, note(agent, "SECOND_PAGE", count=5), note(agent, "SECOND_PAGE", count=3))
    (row,) = raised(host)
    assert row.details["count"] == 8
    assert [each.count for each in rows(host)] == [5, 3]


def test_a_seat_that_tells_without_end_fills_no_table(
    agent: CameraAgent, host: Host, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaches, "ROWS_MOST", 10)
    for _ in range(3):
        tell(agent, *(note(agent, "SECOND_PAGE") for _ in range(10)))
    assert (len(rows(host)), len(raised(host))) == (10, 1)
    beyond = note(agent, "SECOND_PAGE")
    for _ in range(3):
        tell(agent, beyond)
    assert raised(host)[0].details["count"] == 10  # a resend cannot be told from news any more
    scene.write(incidents.handle, scene.invigilator, raised(host)[0].id, Handling("recorded"))
    tell(agent, beyond)
    assert [row.state for row in raised(host)] == ["recorded", "raised"]
    tell(agent, note(agent, "USB_DEVICE"))
    assert rows(host)[-1].kind == "USB_DEVICE"


def test_however_much_was_told_what_covers_the_paper_does_so_once(
    agent: CameraAgent, host: Host, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaches, "ROWS_MOST", 2)
    asked = [note(agent, "FORBIDDEN_PROCESS", detail=str(number)) for number in range(4)]
    tell(agent, *asked)
    scene.write(breaches.release, agent.attempt, scene.signed())
    tell(agent, *asked)
    assert (len(rows(host)), raised(host)[0].details["count"]) == (4, 4)
    assert agent.state().frozen is None
    tell(agent, note(agent, "FORBIDDEN_PROCESS"))
    assert agent.state().frozen is not None


# Who may tell what


@pytest.mark.both_stores
def test_a_workstation_speaks_of_its_own_seat_only(agents: list[CameraAgent], host: Host) -> None:
    one, other = agents
    assert tell(other, note(other), attempt=one.attempt) == (403, "attempt_not_here")
    assert tell(one, note(one), attempt=999)[0] == 404
    assert raised(host) == rows(host) == []
    same = note(one)
    tell(one, same)
    tell(other, same)  # a name means something at its own workstation only
    assert [row.seat_id for row in rows(host)] == [one.scene.seats["1"], one.scene.seats["2"]]


def test_the_old_workstation_of_a_moved_candidate_may_still_tell(
    agent: CameraAgent, host: Host, scene: Scene
) -> None:
    scene.write(commands.move_seat, agent.attempt, scene.seats["4"], scene.signed())
    assert tell(agent, note(agent, "SECOND_SCREEN")) == (200, "")
    (row,) = raised(host)
    assert (row.seat_id, scene.attempt("1").frozen_at) == (scene.seats["1"], None)


WRONG: tuple[dict[str, object], ...] = (
    *({"ref": ""}, {"ref": "x" * 32}, {"ref": "a" * 33}, {"kind": "NO_FACE"}, {"kind": "LINK_LOST"}),
    *({"kind": ""}, {"detail": "x" * 81}, {"count": 0}, {"count": 10**9}),
)


def test_malformed_notes_are_refused_whole(agent: CameraAgent, host: Host) -> None:
    for wrong in WRONG:
        assert tell(agent, note(agent), note(agent, **wrong)) == (400, "message_malformed"), wrong
    assert rows(host) == []


def test_no_more_than_so_many_notes_at_once(agent: CameraAgent) -> None:
    many = [note(agent, "SECOND_PAGE") for _ in range(breaches.NOTES_MOST + 1)]
    assert tell(agent, *many)[0] == 400
    assert tell(agent, *many[1:])[0] == 200


def test_a_stamp_that_is_none_is_placed_at_the_arrival_at_the_latest(
    agent: CameraAgent, host: Host, machine: Machine
) -> None:
    for boot_id, since_ns in (("unknown", 0), (BOOT_ID, -(2**62)), (BOOT_ID, 2**63 - 1), (BOOT_ID, 0)):
        assert tell(agent, note(agent, boot_id=boot_id, since_ns=since_ns))[0] == 200
    assert [row for row in rows(host) if row.began_at > machine.wall] == []


def test_before_the_sign_in_nobody_is_blamed(app: Flask, scene: Scene, host: Host, machine: Machine) -> None:
    early = CameraAgent(app, scene, "3")
    early.open_session()
    early.attempt = scene.attempts["3"]
    assert tell(early, note(early)) == (200, "")
    assert (raised(host), len(rows(host))) == ([], 1)


# Released at the seat by the PIN


def test_the_seat_learns_what_the_policy_watches_for(agent: CameraAgent) -> None:
    kiosk = agent.state().kiosk
    assert "anydesk*" in kiosk.forbidden
    assert kiosk.grace == {"FOCUS_LOST": 1.0}


# One ticket at two seats


@pytest.mark.both_stores
def test_a_ticket_that_is_signed_in_already_calls_people_to_both_seats(
    app: Flask, scene: Scene, host: Host, told: list[Activity]
) -> None:
    owner, second = TestAgent(app, scene, "1"), TestAgent(app, scene, "2")
    owner.enter()
    second.open_session()
    answer = second.sign_in("1")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "signed_in_elsewhere")
    assert answer.get_json()["params"] == {"seat": "1"}
    found = [(row.kind, row.seat_id, row.details["other"]) for row in raised(host)]
    assert found == [
        ("SECOND_SIGN_IN", scene.seats["2"], "1"),
        ("SECOND_SIGN_IN", scene.seats["1"], "2"),
    ]
    assert owner.state().step is Step.CONFIRMED or owner.state().step is Step.READY
    assert second.state().candidate is None


def test_with_a_wrong_number_nothing_is_told_of_a_ticket(app: Flask, scene: Scene, host: Host) -> None:
    TestAgent(app, scene, "1").enter()
    second = TestAgent(app, scene, "2")
    second.open_session()
    asked = p.SignInRequest(scene.tickets["1"], "110101199003070230")
    assert second.post(Route.SIGN_IN, asked).get_json()["code"] == "id_does_not_match"
    assert raised(host) == []


# What invigilators see


@pytest.mark.dear
def test_the_drawer_shows_the_cover_and_releases_it(
    agent: CameraAgent, scene: Scene, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    tell(agent, note(agent, "SECOND_SCREEN"), note(agent))
    browser = sign_in(scene.invigilator)
    where = f"/monitor/{scene.room_sitting}/seats/{scene.seats['1']}"
    page = browser.get(where).text
    assert "试卷已遮住" in page and "接入第二块屏幕" in page
    assert "接入 USB 设备（存储设备 0781:5567）" in page
    assert "原因" in browser.post(f"{where}/unfreeze", data={"reason": ""}, headers={"HX-Request": "1"}).text
    assert agent.state().frozen is not None
    done = browser.post(f"{where}/unfreeze", data={"reason": "已拔除"}, headers={"HX-Request": "1"})
    assert done.status_code == 200 and "试卷已遮住" not in done.text
    assert agent.state().frozen is None
    feed = browser.get(f"/monitor/{scene.room_sitting}/side").text
    assert "1 号考试机接入了第二块屏幕" in feed and "显示 1 号的试卷" in feed
    record = browser.get(f"/monitor/{scene.room_sitting}/incidents").text
    assert "接入 USB 设备（存储设备 0781:5567）" in record


@pytest.mark.parametrize(
    ("lockdown", "on_card", "in_drawer"),
    [
        (Lockdown.NONE, "", ""),
        (Lockdown.LOCKED, "", "已锁定"),
        (Lockdown.SEB, "", "由 Safe Exam Browser 锁定"),
        (Lockdown.OPEN, "open", "锁定不完整"),
    ],
)
def test_how_well_a_workstation_is_closed(
    agent: CameraAgent,
    host: Host,
    scene: Scene,
    sign_in: Callable[[Actor], FlaskClient],
    lockdown: Lockdown,
    on_card: str,
    in_drawer: str,
) -> None:
    agent.beat(kiosk=KioskReport(lockdown, ("printing" * 20,) * 40, screens=2, browser=10**6))
    with host.db.read() as session:
        card = monitoring.seat_cards(session, host.answers, host.presence, scene.room_sitting)[0]
    assert card.kiosk == on_card
    kept = host.presence.of(scene.workstations["1"]).kiosk
    assert (len(kept.open), len(kept.open[0]), kept.browser) == (32, 40, 999)
    page = sign_in(scene.invigilator).get(f"/monitor/{scene.room_sitting}/seats/{scene.seats['1']}").text
    assert in_drawer in page and ("浏览器重启" in page) == bool(in_drawer)


def test_the_card_says_that_the_paper_is_covered(agent: CameraAgent, host: Host, scene: Scene) -> None:
    tell(agent, note(agent, "FORBIDDEN_PROCESS", detail="anydesk"))
    with host.db.read() as session:
        cards = monitoring.seat_cards(session, host.answers, host.presence, scene.room_sitting)
        assert [card.frozen for card in cards][:2] == [True, False]
        assert session.get_one(Attempt, agent.attempt).frozen_why == "FORBIDDEN_PROCESS"
