"""The replay: results follow from events and policy, and every row that somebody tampered with is named."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from server.access import Actor
from server.cli import results as command
from server.db.assessing import PanelScore
from server.db.outcomes import Exemption, Result
from server.db.papers import Package
from server.db.sittings import Batch, ComponentResult, RoomSitting
from server.errors import NotFound, Refused
from server.host import Host
from server.services import batch_results, corrections
from server.services.batch_results import ResultChange
from server.services.corrections import Change
from server.services.votes import Vote
from tests.server.agent_kit import seated
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.panel_kit import Desk, panel_desk
from tests.server.results_kit import Stage, Terms, make_stage
from tests.server.test_marks import close, mark_room

BATCH = 1


@pytest.fixture
def marked(app: Flask, host: Host, person_as: Callable[..., Actor], machine: Machine) -> Scene:
    """A theory test as it was sat: 80 and 40 points and an absent one, marked and folded."""
    scene = make_scene(host, person_as)
    agents = list(seated(app, scene, "12").values())
    machine.advance(minutes=10)
    scene.start()
    for agent, right in zip(agents, (4, 2), strict=True):
        agent.state()
        agent.open_journal()
        agent.sent()
        agent.beat()
        for number in range(1, right + 1):
            agent.answer(number)
        agent.sent()
    close(scene, machine, agents)
    mark_room(scene)
    scene.write(batch_results.fold, person_as("scorer"), BATCH)
    return scene


def findings(host: Host, batch: str = str(BATCH)) -> list[tuple[str, str, str, str]]:
    """(what, component, stored, computed) of everything that does not agree."""
    found = command.as_json_of(command.run(host, batch))
    assert found["agrees"] == (not found["findings"])
    json.dumps(found)
    return [(each["what"], each["component"], each["stored"], each["computed"]) for each in found["findings"]]


def write(host: Host, act: Callable[[Session], object]) -> None:
    host.db.write(lambda session: (act(session), None)[1])


def test_what_was_answered_marked_and_folded_agrees(marked: Scene) -> None:
    found = command.run(marked.host, str(BATCH))
    assert (found.candidates, found.findings) == (3, ())
    assert found.results >= 6
    with marked.host.db.read() as session:
        scores = session.scalars(select(Result.score).where(Result.component == "theory").order_by(Result.id))
        assert list(scores) == [Decimal(80), Decimal(40), None]
        name = session.get_one(Batch, BATCH).name
    assert command.run(marked.host, name).batch == BATCH


def test_a_raised_result_is_named_with_its_row_and_candidate(marked: Scene) -> None:
    def tamper(session: Session) -> None:
        row = session.scalars(select(Result).where(Result.score == 40)).one()
        row.score, row.status = Decimal(60), "pass"

    write(marked.host, tamper)
    (finding,) = command.run(marked.host, str(BATCH)).findings
    assert (finding.what, finding.component, finding.stored, finding.computed) == (
        "result",
        "theory",
        "pass 60.0",
        "fail 40.0",
    )
    with marked.host.db.read() as session:
        row = session.scalars(select(Result).where(Result.score == 60)).one()
    assert (finding.place, finding.candidate) == (f"results/{row.id}", row.candidate_id)


@pytest.mark.dear
def test_a_raised_mark_is_named_even_if_results_were_folded_from_it(
    marked: Scene, person_as: Callable[..., Actor]
) -> None:
    write(
        marked.host,
        lambda session: session.execute(
            update(ComponentResult).where(ComponentResult.total == 40).values(total=99)
        ),
    )
    assert findings(marked.host) == [("marks", "theory", "scored 99.0", "scored 40.0")]
    marked.write(batch_results.fold, person_as("scorer"), BATCH)
    assert set(findings(marked.host)) == {
        ("marks", "theory", "scored 99.0", "scored 40.0"),
        ("result", "theory", "pass 99.0", "fail 40.0"),
        ("result", "overall", "pending" if _more_components(marked.host) else "pass", "fail"),
    }


def _more_components(host: Host) -> int:
    """Whether the policy asks for more than theory: then the whole waits for it."""
    with host.db.read() as session:
        batch = session.get_one(Batch, BATCH)
        return int(len(batch.policy["components"]) > 1)


@pytest.mark.dear
def test_an_absent_one_who_was_given_a_mark_is_named(marked: Scene) -> None:
    def tamper(session: Session) -> None:
        row = session.scalars(select(ComponentResult).where(ComponentResult.status == "absent")).one()
        row.status, row.total, row.passed = "scored", Decimal(75), True

    write(marked.host, tamper)
    assert findings(marked.host) == [("marks", "theory", "scored 75.0", "absent")]


@pytest.mark.dear
def test_a_deleted_and_a_doubled_row_are_named(marked: Scene) -> None:
    def tamper(session: Session) -> None:
        first, second = session.scalars(select(Result).where(Result.component == "theory").limit(2))
        first.replaced_at = marked.host.now()
        second.revision = 3

    write(marked.host, tamper)
    assert [each[:2] for each in findings(marked.host)] == [
        ("history", "theory"),
        ("history", "theory"),
        ("result", "theory"),
    ]


@pytest.mark.dear
def test_a_room_whose_paper_is_gone_is_said_to_be_not_replayable(marked: Scene) -> None:
    def destroy(session: Session) -> None:
        session.scalars(select(Package)).one().sealed_content_key = None

    write(marked.host, destroy)
    (finding,) = command.run(marked.host, str(BATCH)).findings
    assert (finding.what, finding.stored, finding.place) == (
        "not_replayable",
        "",
        f"sitting/{marked.room_sitting}",
    )


@pytest.mark.dear
def test_the_command_says_what_differs_and_ends_with_status_1(
    marked: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def opened(*, writes: bool) -> Iterator[Host]:
        assert not writes
        yield marked.host

    monkeypatch.setattr(command, "opened", opened)
    good = CliRunner().invoke(command.results, ["replay", str(BATCH)])
    assert (good.exit_code, good.output.splitlines()[-1]) == (0, "全部一致")
    write(marked.host, lambda session: session.execute(update(Result).values(score=None, status="pass")))
    bad = CliRunner().invoke(command.results, ["replay", str(BATCH)])
    assert bad.exit_code == 1
    assert "fail 40.0" in bad.output
    as_json = CliRunner().invoke(command.results, ["replay", str(BATCH), "--json"])
    assert (as_json.exit_code, json.loads(as_json.output)["agrees"]) == (1, False)


@pytest.mark.dear
def test_the_replay_writes_nothing(marked: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marked.host.db, "write", lambda act, *_args, **_kwargs: pytest.fail(f"writes {act}"))
    assert findings(marked.host) == []


def folded_panel(host: Host, person_as: Callable[..., Actor], *, vetoes: tuple[int, ...] = ()) -> Desk:
    """One candidate marked by three examiners, confirmed, checked and folded."""
    desk = panel_desk(host, person_as, candidates=1)
    desk.mark(1, 70, 72, 74, vetoes=vetoes)
    desk.end()
    desk.aggregate()
    desk.finish()
    desk.write(batch_results.fold, desk.scorer, desk.stage.batch)
    return desk


def practical(host: Host) -> tuple[str, Decimal | None]:
    with host.db.read() as session:
        query = select(Result).where(Result.component == "practical", Result.replaced_at.is_(None))
        row = session.scalars(query).one()
        return row.status, row.score


@pytest.mark.dear
@pytest.mark.both_stores
def test_what_a_panel_marked_agrees_and_a_changed_score_is_named(
    host: Host, person_as: Callable[..., Actor]
) -> None:
    desk = folded_panel(host, person_as)
    assert practical(host) == ("pass", Decimal(72))
    assert findings(host, str(desk.stage.batch)) == []
    write(host, lambda session: session.execute(update(PanelScore).values(score=Decimal("59"))))
    assert findings(host, str(desk.stage.batch)) == [("panel", "practical", "59.0", "72.0")]


def test_a_vetoed_panel_score_fails_and_a_lifted_veto_is_named(
    host: Host, person_as: Callable[..., Actor]
) -> None:
    desk = folded_panel(host, person_as, vetoes=(0, 1))
    assert practical(host)[0] == "fail"
    assert findings(host, str(desk.stage.batch)) == []
    write(host, lambda session: session.execute(update(PanelScore).values(vetoed=False)))
    (finding,) = findings(host, str(desk.stage.batch))
    assert finding[:2] == ("panel", "practical")
    assert finding[3].endswith("vetoed")
    desk.write(batch_results.fold, desk.scorer, desk.stage.batch)
    whats = [each[:2] for each in findings(host, str(desk.stage.batch))]
    assert ("result", "practical") in whats


@pytest.fixture
def stage(host: Host, person_as: Callable[..., Actor]) -> Stage:
    """A batch with one absent candidate, corrected and exempt ones."""
    made = make_stage(host, Terms())
    made.sitting("theory")
    for name in ("甲", "乙"):
        made.mark(name, "theory", "59.5")
    # Their rooms hold no packages here: what is looked at are the rows.
    host.db.write(
        lambda session: setattr(session.get_one(RoomSitting, made.rooms["theory"]), "void_at", None)
    )
    made.fold(person_as("scorer"))
    return made


def test_a_correction_without_its_approvals_is_named(stage: Stage, person_as: Callable[..., Actor]) -> None:
    row = corrected(stage, person_as)
    before = findings(stage.host, str(stage.batch))
    assert {each[0] for each in before} == {"not_replayable"}
    one = row.approvals[:1]
    write(stage.host, lambda session: setattr(session.get_one(Result, row.id), "approvals", one))
    assert [each for each in findings(stage.host, str(stage.batch)) if each not in before] == [
        ("correction", "theory", "1", "2"),
        ("correction", "theory", "pass 60.0", "pass 60.0"),
    ]


def corrected(stage: Stage, person_as: Callable[..., Actor]) -> Result:
    """A correction of 甲 as it should go: proposed by one, approved by two others."""
    change = Change(stage.batch, stage.people["甲"], "theory", "score", Decimal(60), "漏加", "答卷")
    number = stage.write(corrections.propose, person_as("administrator"), change)
    for role in ("institution_head", "mark_checker"):
        stage.write(corrections.vote, person_as(role), number, Vote(approved=True))
    return stage.history("甲", "theory")[0]


def test_a_correction_that_nobody_voted_for_is_named(stage: Stage, person_as: Callable[..., Actor]) -> None:
    """Two names beside a row are no votes: who writes to the tables can name anybody."""
    heads = tuple(person_as("institution_head").user_id or 0 for _ in range(2))
    change = ResultChange(stage.batch, stage.people["甲"], "theory", "pass", Decimal(60), {}, "漏加", heads)
    stage.write(batch_results.append, person_as("administrator"), change)
    assert ("correction", "theory", "pass 60.0", "") in findings(stage.host, str(stage.batch))


def test_a_correction_that_was_taken_away_or_raised_is_named(
    stage: Stage, person_as: Callable[..., Actor]
) -> None:
    row = corrected(stage, person_as)

    def raise_it(session: Session) -> None:
        session.get_one(Result, row.id).score = Decimal(95)

    write(stage.host, raise_it)
    assert ("correction", "theory", "pass 95.0", "pass 60.0") in findings(stage.host, str(stage.batch))

    def take_away(session: Session) -> None:
        kept = Result.candidate_id == stage.people["甲"]
        session.execute(delete(Result).where(kept, Result.revision > 1))
        session.execute(update(Result).where(kept).values(replaced_at=None))

    write(stage.host, take_away)
    assert ("correction", "theory", "", "pass 60.0") in findings(stage.host, str(stage.batch))


def test_an_exemption_that_no_rule_gives_is_named(stage: Stage) -> None:
    def invent(session: Session) -> None:
        now = stage.host.now()
        row = Exemption(
            batch_id=stage.batch, candidate_id=stage.people["甲"], component="theory", decided_at=now
        )
        row.issued_on, row.anchor = (now - timedelta(days=2000)).date(), now.date()
        session.add(row)

    write(stage.host, invent)
    found = findings(stage.host, str(stage.batch))
    assert ("exemption", "theory", "exempt", "not_exempt") in found
    assert ("result", "theory", "fail 59.5", "exempt") in found


def test_rehearsals_and_unknown_batches_are_refused(host: Host) -> None:
    rehearsal = make_stage(host, Terms(rehearsal=True))
    with pytest.raises(Refused, match="rehearsal_no_results"):
        command.run(host, str(rehearsal.batch))
    for name in ("999", "没有这个批次", "9" * 30):
        with pytest.raises(NotFound):
            command.run(host, name)
