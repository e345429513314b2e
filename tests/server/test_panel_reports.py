"""The panel's report: what it tells, who signs what, and that a change afterwards is seen."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import update

from server.access import Actor
from server.db.assessing import PanelReport
from server.errors import Refused
from server.host import Host
from server.services import panel_arbitration, panel_reports, panel_scores, panels
from server.services.panel_arbitration import Ruling, Settlement
from server.services.panel_reports import Shown
from server.services.signed import Signed
from tests.server.panel_kit import Desk, panel_desk

OPINION = "考评组能够独立评分，现场秩序良好。"


@pytest.fixture
def desk(host: Host, person_as: Callable[..., Actor]) -> Desk:
    return panel_desk(host, person_as, candidates=2)


def report_of(desk: Desk) -> PanelReport:
    """A report over one confirmed score and one absent candidate."""
    desk.mark(1, 80, 85, 84)
    desk.aggregate()
    desk.end()
    desk.write(panel_scores.confirm, desk.stage.leader, desk.stage.turn(1).id)
    return desk.write(panel_reports.make, desk.stage.leader, desk.stage.room_sitting, OPINION)


def shown(desk: Desk) -> Shown:
    with desk.host.db.read() as session:
        found = panel_reports.shown(session, desk.scorer, desk.stage.room_sitting)
    assert found is not None
    return found


def refused(code: str, act: Callable[..., object], *args: object) -> None:
    with pytest.raises(Refused) as raised:
        act(*args)
    assert raised.value.code == code


def sign(desk: Desk, who: Actor, digest: str) -> None:
    desk.write(panel_reports.sign, who, desk.stage.room_sitting, digest)


def test_a_report_waits_for_the_end_and_for_every_confirmation(desk: Desk) -> None:
    desk.mark(1, 80, 85, 84)
    desk.aggregate()
    make, room = panel_reports.make, desk.stage.room_sitting
    refused("panel_not_over", desk.write, make, desk.stage.leader, room, OPINION)
    desk.end()
    refused("panel_report_early", desk.write, make, desk.stage.leader, room, OPINION)
    refused("panel_not_leader", desk.write, make, desk.stage.examiners[1], room, OPINION)
    refused("panel_report_opinion", desk.write, make, desk.stage.leader, room, "  ")
    refused("panel_report_opinion", desk.write, make, desk.stage.leader, room, "长" * 1001)


def test_a_report_tells_counts_panel_and_scores_by_code(desk: Desk) -> None:
    row = report_of(desk)
    assert row.body["counts"] | {"planned": 2, "done": 1, "sheets": 3} == row.body["counts"]
    assert [name for name, _role in row.body["panel"]] == ["考评员1", "考评员2", "考评员3"]
    code = desk.stage.turn(1).code
    assert row.body["scores"]["rows"] == [["1", code, "83", "", "5"]]
    assert "赵某1" not in str(row.body)


def test_arbitrations_and_vetoes_are_told_with_their_reasons(desk: Desk) -> None:
    desk.mark(1, 62, 58, 85, vetoes=(0,))
    desk.aggregate()
    turn = desk.stage.turn(1).id
    ruling = Ruling("V1", True, "录像可见")
    desk.write(panel_arbitration.rule_veto, desk.stage.supervisor, turn, ruling)
    signed = Signed(desk.scorer, "三人复看录像", desk.stage.supervisor)
    desk.write(panel_arbitration.arbitrate, signed, turn, Settlement("keep"))
    desk.end()
    desk.write(panel_scores.confirm, desk.stage.leader, turn)
    row = desk.write(panel_reports.make, desk.stage.leader, desk.stage.room_sitting, OPINION)
    told = "\n".join(row.body["events"])
    for words in (
        "极差 27 分",
        "维持合成分",
        "三人复看录像",
        "否定项 V1 经督导员",
        "认定成立",
        "1 名考评员标记",
    ):
        assert words in told, words
    assert "对人喷射" not in told  # what a veto says stays sealed with the template
    assert row.body["scores"]["rows"][0][3] == "否定项"


def test_everybody_signs_once_what_they_have_read(desk: Desk) -> None:
    row = report_of(desk)
    refused("panel_report_changed", sign, desk, desk.stage.leader, "0" * 64)
    refused("panel_report_signer", sign, desk, desk.scorer, row.digest)
    for who in desk.stage.examiners:
        sign(desk, who, row.digest)
    refused("panel_report_signed", sign, desk, desk.stage.leader, row.digest)
    found = shown(desk)
    assert (found.missing, found.stale, found.altered) == ((), False, False)
    assert [each["leader"] for each in found.row.signatures] == [True, False, False]


def test_a_score_that_changes_makes_the_report_stale(desk: Desk) -> None:
    row = report_of(desk)
    turn = desk.stage.turn(1).id
    desk.write(panel_scores.send_back, desk.checker, turn, "第二项记录与照片不符")
    assert shown(desk).stale
    refused("panel_report_stale", sign, desk, desk.stage.leader, row.digest)
    signed = Signed(desk.scorer, "复看录像", desk.stage.supervisor)
    desk.write(panel_arbitration.arbitrate, signed, turn, Settlement("score", desk.row().spread + 77))
    desk.write(panel_scores.confirm, desk.stage.leader, turn)
    new = desk.write(panel_reports.make, desk.stage.leader, desk.stage.room_sitting, OPINION)
    assert (new.revision, new.signatures, shown(desk).stale) == (2, [], False)


@pytest.mark.parametrize(
    "change",
    [{"opinion": "改过的意见"}, {"body": {"scores": {"rows": []}}}, {"signatures": []}],
    ids=["opinion", "body", "signatures"],
)
def test_a_report_that_was_changed_in_the_store_is_told(desk: Desk, change: dict[str, object]) -> None:
    row = report_of(desk)
    sign(desk, desk.stage.leader, row.digest)
    assert not shown(desk).altered
    desk.host.db.write(lambda session: session.execute(update(PanelReport).values(**change)))
    assert shown(desk).altered


def test_records_that_did_not_count_and_changes_of_the_panel_are_told(desk: Desk) -> None:
    desk.mark(1, 80, 85, 84)
    assert desk.late(desk.stage.examiners[1], 1) == ["fork", "refused"]
    desk.aggregate()
    assert str(desk.row().score) == "83.000"
    successor = desk.stage.examiners[2]
    signed, room = desk.stage.signed("原组长身体不适"), desk.stage.room_sitting
    desk.write(panels.name_leader, signed, room, successor.user_id)
    desk.end()
    desk.write(panel_scores.confirm, successor, desk.stage.turn(1).id)
    told = desk.write(panel_reports.make, successor, room, OPINION).body["events"]
    assert told[0] == "改由考评员3担任考评组长，原因：原组长身体不适"
    assert any("有 1 条评分记录与已收到的记录冲突" in line for line in told)
    assert any("有 1 条评分记录在锁定后到达" in line for line in told)


def test_nothing_is_signed_before_there_is_a_report(desk: Desk) -> None:
    desk.mark(1, 80, 85, 84)
    refused("panel_not_over", sign, desk, desk.stage.leader, "0" * 64)
    desk.end()
    refused("panel_report_missing", sign, desk, desk.stage.leader, "0" * 64)


@pytest.mark.dear
def test_the_mean_of_the_scores_is_rounded_half_up(desk: Desk) -> None:
    for number, totals in ((1, (83, 83, 82)), (2, (81, 81, 81))):  # 82.7 and 81, in the middle 81.85
        desk.mark(number, *totals)
        desk.aggregate(number)
    desk.end()
    for number in (1, 2):
        desk.write(panel_scores.confirm, desk.stage.leader, desk.stage.turn(number).id)
    row = desk.write(panel_reports.make, desk.stage.leader, desk.stage.room_sitting, OPINION)
    assert row.body["scores"]["mean"] == "81.9"


@pytest.mark.dear
@pytest.mark.on_postgresql
def test_reports_that_are_asked_for_at_once_are_made_one_after_the_other(desk: Desk) -> None:
    first = report_of(desk)
    all_at_once = Barrier(6)

    def make(opinion: str) -> int:
        all_at_once.wait()
        row = desk.write(panel_reports.make, desk.stage.leader, desk.stage.room_sitting, opinion)
        return int(row.revision)

    with ThreadPoolExecutor(6) as leaders:
        made = sorted(leaders.map(make, "一二三四五六"))
    assert made == [first.revision + number for number in range(1, 7)]
