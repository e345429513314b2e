"""A key put right after the test: seen before it is done, approved by two, followed by every marking."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from itembank.problems import InputRefused
from server.access import Actor
from server.cli import results as command
from server.db.bank import BankItem
from server.db.publicity import KeyFix, KeyFixVote, PastMarks
from server.db.record import AuditEntry
from server.db.sittings import Batch, ComponentResult
from server.errors import Forbidden, Refused
from server.host import Host
from server.jobs.results import mark
from server.rules.policy import LevelPolicy
from server.rules.publicity import Stage
from server.services import (
    batch_results,
    correction_views,
    item_figures,
    key_fix_marking,
    key_fixes,
    marks,
    publicity,
    publishing,
)
from server.services.key_fixes import Proposal
from server.services.marked_texts import opened
from server.services.signed import Signed
from server.services.votes import Vote
from tests.server.agent_kit import TestAgent, seated
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene, right_answer
from tests.server.desk import page, said
from tests.server.publicity_kit import SHANGHAI
from tests.server.test_marks import close, mark_room

YES, NO = Vote(approved=True), Vote(approved=False, note="答案无误")


@pytest.fixture
def scene(app: Flask, host: Host, person_as: Callable[..., Actor], machine: Machine) -> Scene:
    """A marked room: seat 1 has three of five right and a fourth wrong, seat 2 two right, seat 3 is absent."""
    made = make_scene(host, person_as)
    agents: list[TestAgent] = list(seated(app, made, "12").values())
    machine.advance(minutes=10)
    made.start()
    for agent in agents:
        agent.state()
        agent.open_journal()
        agent.sent()
        agent.beat()
    for number in (1, 2, 3):
        agents[0].answer(number)
    agents[0].answer(4, wrong(4))
    for number in (1, 2):
        agents[1].answer(number)
    for agent in agents:
        agent.sent()
    close(made, machine, agents)
    mark_room(made)
    return made


def wrong(number: int) -> str:
    return next(letter for letter in "CDBA" if letter != right_answer(number))


@pytest.fixture
def people(person_as: Callable[..., Actor]) -> dict[str, Actor]:
    names = ("scorer", "mark_checker", "institution_head", "administrator", "invigilator", "supervisor")
    return {name: person_as(name) for name in names}


def totals(scene: Scene) -> dict[str, Decimal | None]:
    with scene.host.db.read() as session:
        rows = {row.attempt_id: row.total for row in session.scalars(select(ComponentResult))}
    return {seat: rows[attempt] for seat, attempt in scene.attempts.items()}


def propose(
    scene: Scene, who: Actor, number: int = 4, effect: str = "key", keys: str = "", **more: Any
) -> int:
    wish = Proposal(1, "A", number, effect, keys or wrong(number), "答案有误", "教材第 5 页")
    return int(scene.write(key_fixes.propose, who, replace(wish, **more)))


def marks_are(scene: Scene, seat: str, total: Decimal) -> None:
    place = ComponentResult.attempt_id == scene.attempts[seat]
    change = update(ComponentResult).where(place).values(total=total)
    scene.host.db.write(lambda session: session.execute(change))


def marked_again(scene: Scene, who: Actor, fix: int) -> dict[int, dict[str, Any]]:
    with scene.host.db.read() as session:
        works = key_fix_marking.works(session, who, scene.host.answers, fix)
    return {room: mark(payload, lambda *_: None) for room, payload in works.items()}


def preview(scene: Scene, who: Actor, fix: int) -> tuple[Any, ...]:
    found = marked_again(scene, who, fix)
    return scene.write(key_fix_marking.keep_preview, who, fix, found)  # type: ignore[no-any-return]


def done(scene: Scene, people: dict[str, Actor], fix: int) -> key_fix_marking.Applied:
    """Seen, approved by two, applied."""
    preview(scene, people["scorer"], fix)
    scene.write(key_fixes.vote, people["mark_checker"], fix, YES)
    assert scene.write(key_fixes.vote, people["institution_head"], fix, YES) == "approved"
    found = marked_again(scene, people["institution_head"], fix)
    return scene.write(key_fix_marking.apply, people["institution_head"], fix, found)  # type: ignore[no-any-return]


@pytest.mark.dear
@pytest.mark.both_stores
def test_a_key_is_put_right_and_everybody_marked_again(scene: Scene, people: dict[str, Actor]) -> None:
    before = totals(scene)
    fix = propose(scene, people["scorer"])
    (room,) = preview(scene, people["scorer"], fix)
    assert totals(scene) == before
    assert [(each.old, each.new) for each in room.moved] == [(before["1"], (before["1"] or 0) + 20)]
    with pytest.raises(Refused, match="vote_own"):
        scene.write(key_fixes.vote, people["scorer"], fix, YES)
    assert scene.write(key_fixes.vote, people["mark_checker"], fix, YES) == "proposed"
    with pytest.raises(Refused, match="key_fix_not_approved"):
        scene.write(key_fix_marking.apply, people["institution_head"], fix, {})
    assert scene.write(key_fixes.vote, people["institution_head"], fix, YES) == "approved"
    found = marked_again(scene, people["institution_head"], fix)
    with pytest.raises(Refused, match="key_fix_rooms_changed"):
        scene.write(key_fix_marking.apply, people["institution_head"], fix, {})
    scene.write(key_fix_marking.apply, people["institution_head"], fix, found)
    assert totals(scene) == {**before, "1": (before["1"] or Decimal(0)) + 20}
    with scene.host.db.read() as session:
        kept = session.scalars(select(PastMarks).where(PastMarks.attempt_id == scene.attempts["1"])).all()
        assert [(row.total, row.key_fix_id) for row in kept] == [(before["1"], fix)]
        assert kept[0].sealed_marks is not None
        row = session.get_one(KeyFix, fix)
        item = session.scalars(select(BankItem).where(BankItem.uid == row.item_uid)).one()
        acts = set(session.scalars(select(AuditEntry.act)))
    assert (row.state, item.status) == ("applied", "suspended")
    assert {"key_fix_proposed", "key_fix_previewed", "key_fix_approved", "key_fix_applied"} <= acts
    mark_room(scene)  # a later marking keeps to it
    assert totals(scene)["1"] == (before["1"] or Decimal(0)) + 20


@pytest.mark.dear
def test_a_void_question_gives_its_points_or_lets_the_rest_count(
    scene: Scene, people: dict[str, Actor]
) -> None:
    before = totals(scene)
    done(scene, people, propose(scene, people["scorer"], effect="credit"))
    assert totals(scene) == {"1": (before["1"] or 0) + 20, "2": (before["2"] or 0) + 20, "3": None}
    done(scene, people, propose(scene, people["scorer"], number=3, effect="drop"))
    # of the four questions that are left each has three: 60 of 80 points count for 100
    assert totals(scene) == {"1": Decimal(75), "2": Decimal(75), "3": None}
    with scene.host.db.read() as session:
        row = session.scalars(
            select(ComponentResult).where(ComponentResult.attempt_id == scene.attempts["2"])
        ).one()
        items = opened(session, row)
    assert [item.get("fix") for item in items] == [None, None, "drop", "credit", None]


def test_what_cannot_be_proposed(scene: Scene, people: dict[str, Actor]) -> None:
    for wish, code in (
        ({"number": 6}, "key_fix_no_item"),
        ({"form": "Z"}, "key_fix_no_item"),
        ({"effect": "luck"}, "key_fix_effect"),
        ({"reason": " "}, "key_fix_text"),
        ({"evidence": ""}, "key_fix_text"),
    ):
        with pytest.raises(Refused, match=code):
            propose(scene, people["scorer"], **wish)
    with pytest.raises(InputRefused, match="key_unchanged"):
        propose(scene, people["scorer"], keys=right_answer(4))
    with pytest.raises(Forbidden):
        propose(scene, people["mark_checker"])
    propose(scene, people["scorer"])
    with pytest.raises(Refused, match="key_fix_open"):
        propose(scene, people["administrator"])


@pytest.mark.dear
def test_a_question_taken_out_tells_nothing_of_its_item(scene: Scene, people: dict[str, Actor]) -> None:
    with scene.host.db.read() as session:
        before = item_figures.measured(session, 1)
    done(scene, people, propose(scene, people["scorer"], effect="credit"))
    with scene.host.db.read() as session:
        after = item_figures.measured(session, 1)
        uid = session.scalars(select(KeyFix.item_uid)).one()
        item = session.scalars(select(BankItem.id).where(BankItem.uid == uid)).one()
    assert item not in after
    assert set(before) - set(after) <= {item}


@pytest.mark.dear
def test_the_page_previews_and_applies(
    scene: Scene, people: dict[str, Actor], sign_in: Callable[[Actor], FlaskClient]
) -> None:
    before = totals(scene)
    path = "/results/batches/1/key-fixes"
    scorer, head, checker = (sign_in(people[name]) for name in ("scorer", "institution_head", "mark_checker"))
    wish = {"papers": "1", "form": "a", "number": "3", "effect": "key", "keys": wrong(3)}
    wish |= {"reason": "答案有误", "evidence": "教材"}
    bad = scorer.post(path, data=wish | {"keys": "E"})
    assert (bad.status_code, said("key_not_an_option", value="E") in page(bad)) == (422, True)
    assert scorer.post(path, data=wish).status_code == 302
    assert totals(scene) == before
    shown = page(head.get(path))
    assert "降为不合格 1 人" in shown and "60.0 → 40.0" in shown
    assert "更正后的答案" in shown and f">{wrong(3)}<" in shown  # nobody agrees to a key unseen
    assert "更正后的答案" not in page(sign_in(people["supervisor"]).get(path))
    assert head.post(f"{path}/1", data={"vote": "no"}, follow_redirects=True).status_code == 200
    assert checker.post(f"{path}/1", data={"vote": "yes"}).status_code == 302
    done = head.post(f"{path}/1", data={"vote": "yes"}, follow_redirects=True)
    assert "1 个考场已重新评分" in page(done)
    assert totals(scene)["1"] == 40


@pytest.mark.dear
def test_votes_need_a_preview_and_one_rejection_ends_it(scene: Scene, people: dict[str, Actor]) -> None:
    fix = propose(scene, people["scorer"])
    with pytest.raises(Refused, match="key_fix_not_previewed"):
        scene.write(key_fixes.vote, people["mark_checker"], fix, YES)
    assert scene.write(key_fixes.vote, people["mark_checker"], fix, NO) == "rejected"
    with pytest.raises(Refused, match="key_fix_closed"):
        scene.write(key_fixes.vote, people["institution_head"], fix, YES)
    again = propose(scene, people["scorer"])
    with pytest.raises(Refused, match="correction_not_own"):
        scene.write(key_fixes.withdraw, people["administrator"], again)
    scene.write(key_fixes.withdraw, people["scorer"], again)
    with scene.host.db.read() as session:
        assert key_fixes.overrides(session, 1) == {}


@pytest.mark.dear
def test_published_results_follow_and_publicity_begins_anew(scene: Scene, people: dict[str, Actor]) -> None:
    def theory_alone(session: Session) -> int:
        batch = session.scalars(select(Batch)).one()
        policy = LevelPolicy.from_json(batch.policy)
        batch.policy = replace(policy, components=policy.components[:1]).to_json()
        return batch.id

    batch = scene.host.db.write(theory_alone)
    scene.write(batch_results.fold, people["scorer"], batch)
    scene.write(batch_results.check, people["mark_checker"], batch)
    both = Signed(people["administrator"], "", people["institution_head"])
    scene.write(publishing.publish, both, batch, SHANGHAI)
    fix = propose(scene, people["scorer"], number=3, keys=wrong(3))
    marks_are(scene, "2", Decimal(45))  # something else changed what is public: it is not approved on the way
    with pytest.raises(Refused, match="key_fix_stale"):
        done(scene, people, fix)
    marks_are(scene, "2", Decimal(40))
    found = marked_again(scene, people["institution_head"], fix)
    applied = scene.write(key_fix_marking.apply, people["institution_head"], fix, found)
    assert (applied.rooms, applied.results, applied.unpublished) == (1, 1, 1)
    with scene.host.db.read() as session:
        standing = publicity.standings(session, batch, now=scene.host.now())
        rows = batch_results.current(session, batch).values()
        changed = [row for row in rows if row.approvals and row.component == "theory"]
        (line,) = correction_views.key_fixes_of(session, people["scorer"], batch)
    assert [row.score for row in changed] == [Decimal(40)]
    assert [each.stage for each in standing.values()] == [Stage.PUBLICITY] * 2
    assert (line.crossing("up"), line.crossing("down"), line.state) == (0, 1, "applied")
    assert list(line.rooms[0].tickets.values()) != []


def approved(scene: Scene, people: dict[str, Actor], **wish: Any) -> int:
    """Seen and approved by two, not yet applied."""
    fix = propose(scene, people["scorer"], **wish)
    preview(scene, people["scorer"], fix)
    for name in ("mark_checker", "institution_head"):
        scene.write(key_fixes.vote, people[name], fix, YES)
    return fix


@pytest.mark.dear
def test_until_it_is_applied_a_room_is_marked_by_the_former_key(
    scene: Scene, people: dict[str, Actor]
) -> None:
    """Else results that are public would differ before all rooms follow, and the fix could never be applied."""
    before = totals(scene)
    fix = approved(scene, people)
    mark_room(scene)
    assert totals(scene) == before
    found = marked_again(scene, people["institution_head"], fix)
    scene.write(key_fix_marking.apply, people["institution_head"], fix, found)
    assert totals(scene)["1"] == (before["1"] or 0) + 20
    with pytest.raises(Refused, match="key_fix_not_approved"):
        scene.write(key_fix_marking.apply, people["institution_head"], fix, found)


@pytest.mark.dear
def test_marks_that_were_under_way_when_a_fix_was_applied_are_not_kept(
    scene: Scene, people: dict[str, Actor]
) -> None:
    with scene.host.db.read() as session:
        late = mark(marks.work(session, scene.chief, scene.host.answers, scene.room_sitting), lambda *_: None)
    done(scene, people, propose(scene, people["scorer"]))
    after = totals(scene)
    with pytest.raises(Refused, match="marks_by_former_key"):
        scene.write(marks.store_marks, scene.chief, scene.room_sitting, late)
    assert totals(scene) == after


@pytest.mark.dear
def test_a_fix_approves_and_checks_nothing_but_its_own_changes(
    scene: Scene, people: dict[str, Actor]
) -> None:
    """What waits for the usual fold and the mark checker goes on waiting for them."""
    batch = 1
    marks_are(scene, "2", Decimal(45))
    scene.write(batch_results.fold, people["scorer"], batch)
    scene.write(batch_results.check, people["mark_checker"], batch)
    mark_room(scene)
    done(scene, people, propose(scene, people["scorer"]))
    with scene.host.db.read() as session:
        rows = batch_results.current(session, batch).values()
        scores = sorted((row.score or 0, bool(row.approvals)) for row in rows if row.component == "theory")
        (waiting,) = batch_results.differences(session, batch)
    assert scores == [(0, False), (Decimal(45), False), (Decimal(80), True)]
    assert waiting.computed.score == 40


@pytest.mark.dear
def test_the_replay_names_a_fix_that_too_few_approved(scene: Scene, people: dict[str, Actor]) -> None:
    scene.write(batch_results.fold, people["scorer"], 1)
    done(scene, people, propose(scene, people["scorer"]))
    assert command.run(scene.host, "1").findings == ()
    gone = delete(KeyFixVote).where(KeyFixVote.user_id == people["mark_checker"].user_id)
    scene.host.db.write(lambda session: session.execute(gone))
    (finding,) = command.run(scene.host, "1").findings
    assert (finding.what, finding.stored, finding.computed) == ("key_fix", "1", "2")
