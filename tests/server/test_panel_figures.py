"""Statistics after a session: who was strict, who drifted, how much is said about how few."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from itembank.agreement import Metric, Ratings, intraclass, kendall_w, krippendorff
from itembank.severity import drifts, severities
from server.access import Actor
from server.errors import Refused
from server.host import Host
from server.services import panel_figures, turns
from server.services.panel_figures import ExaminerLine, Figures, readings
from server.services.panel_reports import worded
from tests.server.conftest import Machine
from tests.server.panel_kit import Desk, panel_desk


@pytest.fixture
def desk(host: Host, person_as: Callable[..., Actor]) -> Desk:
    return panel_desk(host, person_as, candidates=2)


def of(totals: Ratings) -> Figures:
    """Figures of made-up totals, turns x examiners."""
    lines = tuple(
        ExaminerLine(f"考评员{n + 1}", len(totals), 0, 0.0, severity, drift)
        for n, (severity, drift) in enumerate(zip(severities(totals), drifts(totals), strict=True))
    )
    numbers = tuple(range(1, len(totals) + 1))
    alpha = krippendorff(totals, Metric.INTERVAL)
    return Figures(numbers, lines, intraclass(totals), alpha, kendall_w(totals), 0.25)


def session_of(turns: int, severity: tuple[float, ...] = (0, 0, 0), noise: float = 2) -> Ratings:
    chance = np.random.default_rng(5)
    worth = chance.normal(70, 10, turns)
    return np.round(worth[:, None] + np.array(severity) + chance.normal(0, noise, (turns, len(severity))), 1)


def codes(found: Figures) -> list[str]:
    return [each.code for each in readings(found)]


@pytest.mark.parametrize(
    ("turns", "first", "decimals"),
    [
        (4, "figures_few", None),
        (5, "figures_some", 1),
        (14, "figures_some", 1),
        (15, "figures_level_high", 2),
    ],
)
def test_few_candidates_are_said_and_get_no_false_precision(
    turns: int, first: str, decimals: int | None
) -> None:
    found = of(session_of(turns))
    assert codes(found)[0] == first
    assert found.agreement is not None
    shown = found.text(found.agreement.one_2)
    assert shown == "—" if decimals is None else len(shown.split(".")[1]) == decimals


def test_few_candidates_judge_no_examiner() -> None:
    assert not {"figures_strict", "figures_mild", "figures_even"} & {*codes(of(session_of(4, (-9, 0, 9))))}


def test_a_strict_and_a_mild_examiner_are_named() -> None:
    found = {each.code: worded(each) for each in readings(of(session_of(20, (-6, 0, 6), noise=1)))}
    assert found["figures_strict"].startswith("考评员1 比同组偏严约 5") or "6" in found["figures_strict"]
    assert found["figures_mild"].startswith("考评员3 比同组偏宽")
    assert "figures_even" not in found


def test_a_drift_is_told_for_ten_candidates() -> None:
    totals = session_of(20, noise=0.5)
    totals[:, 1] -= np.arange(20) * 0.4
    found = [worded(each) for each in readings(of(totals)) if each.code == "figures_drift_down"]
    assert any(line.startswith("考评员2 随考核进行逐渐收紧") for line in found)


@pytest.mark.parametrize(
    ("mean", "level"),
    [
        (0.9, "high"),
        (0.89, "good"),
        (0.75, "good"),
        (0.74, "fair"),
        (0.5, "fair"),
        (0.49, "low"),
        (-1, "low"),
    ],
)
def test_what_a_coefficient_means_changes_at_its_bounds(mean: float, level: str) -> None:
    found = of(session_of(20))
    assert found.agreement is not None
    changed = replace(found, agreement=replace(found.agreement, mean_2=mean))
    assert codes(changed)[0] == f"figures_level_{level}"


def test_a_negative_share_is_said_as_none() -> None:
    found = of(session_of(20))
    assert found.agreement is not None
    changed = replace(found, agreement=replace(found.agreement, one_2=-0.2))
    told = next(each for each in readings(changed) if each.code == "figures_one")
    assert told.params["share"] == "0"


def test_every_reading_has_its_sentence() -> None:
    for count in (4, 10, 20):
        for reading in readings(of(session_of(count, (-6, 0, 6)))):
            told = worded(reading)
            assert "figures_" not in told and "<" not in told and "%(" not in told, told


@pytest.mark.dear
def test_figures_rest_on_locked_sheets_and_wait_for_the_end(desk: Desk, machine: Machine) -> None:
    desk.stage.perform(1)
    machine.advance(minutes=12)
    desk.write(turns.finish, desk.stage.invigilator, desk.stage.turn(1).id)
    desk.mark(1, 77, 83, 80)
    desk.mark(2, 90)  # two sheets are open

    def asked() -> Figures:
        with desk.host.db.read() as session:
            return panel_figures.figures(session, desk.scorer, desk.stage.room_sitting)

    with pytest.raises(Refused, match="panel_not_over"):
        asked()
    desk.end()
    found = asked()
    assert found.numbers == (1,)
    assert {line.name: (line.turns, line.minutes, line.mean) for line in found.examiners} == {
        "考评员1": (1, 12, 77.0),
        "考评员2": (1, 12, 83.0),
        "考评员3": (1, 12, 80.0),
    }
    assert codes(found)[0] == "figures_few"


def test_a_session_without_sheets_has_no_figures(desk: Desk) -> None:
    desk.end()
    with desk.host.db.read() as session:
        found = panel_figures.figures(session, desk.scorer, desk.stage.room_sitting)
    assert (found.numbers, found.examiners, codes(found)) == ((), (), ["figures_none"])
