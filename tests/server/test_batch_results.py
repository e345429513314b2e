"""Results of a batch: folded, checked by another, replaced and never overwritten."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Actor
from server.db.base import vault_of
from server.db.cases import Case
from server.db.outcomes import Result
from server.db.publicity import PublicityEntry, PublicityList
from server.db.record import AuditEntry
from server.db.sittings import RoomSitting
from server.errors import Forbidden, NotFound, Refused
from server.host import Host
from server.rules.policy_components import Component, ResultRules, RetakeCounts
from server.services import batch_results, publicity, voids
from server.services.batch_results import Approved, ResultChange
from tests.server.conftest import Machine
from tests.server.results_kit import Stage, Terms, make_stage


@pytest.fixture
def stage(host: Host) -> Stage:
    made = make_stage(host)
    made.sitting("theory")
    made.sitting("practical")
    return made


@pytest.fixture
def scorer(person_as: Callable[..., Actor]) -> Actor:
    return person_as("scorer")


@pytest.fixture
def approvers(person_as: Callable[..., Actor]) -> tuple[int, ...]:
    return tuple(person_as("institution_head").user_id or 0 for _ in range(2))


@pytest.fixture
def checker(person_as: Callable[..., Actor]) -> Actor:
    return person_as("mark_checker")


def publish(stage: Stage, *names: str) -> None:
    """These candidates stand on a list in force, as publishing leaves it."""

    def add(session: Session) -> None:
        now = stage.host.now()
        row = PublicityList(
            batch_id=stage.batch,
            number=1,
            token="t" * 43,
            sealed=vault_of(session).seal_value("publicity-list", "t" * 43, b"[]"),
            sha256="0" * 64,
            candidates=len(names),
            published_on=now.date(),
            last_on=now.date(),
            final_at=now + timedelta(days=7),
            report_due=now.date(),
            published_at=now,
        )
        session.add(row)
        session.flush()
        results = batch_results.current(session, stage.batch).items()
        for person in (stage.people[name] for name in names):
            rows = sorted(result.id for (candidate, _), result in results if candidate == person)
            entry = PublicityEntry(list_id=row.id, batch_id=stage.batch, candidate_id=person, results=rows)
            entry.final_at = row.final_at
            session.add(entry)

    stage.host.db.write(add)


def stage_of(stage: Stage, name: str) -> str:
    with stage.host.db.read() as session:
        return str(publicity.stage(session, stage.batch, stage.people[name]))


@pytest.mark.both_stores
def test_a_fold_makes_results_of_marks_panels_and_absences(stage: Stage, scorer: Actor) -> None:
    stage.mark("甲", "theory", "60")
    stage.mark("甲", "practical", "85.5")
    stage.mark("乙", "theory", "59.5")
    stage.mark("乙", "practical", "90")
    stage.mark("丙", "theory", None)
    stage.mark("丙", "practical", None)
    stage.mark("丁", "theory", "88")
    stage.place("丁", "practical")
    assert stage.fold(scorer).changed == 4
    assert [stage.result("甲", each) for each in ("theory", "practical", "overall")] == [
        ("pass", Decimal(60)),
        ("pass", Decimal("85.5")),
        ("pass", None),
    ]
    assert stage.result("乙", "theory") == ("fail", Decimal("59.5"))
    assert stage.result("乙", "overall") == ("fail", None)
    assert [stage.result("丙", each) for each in ("theory", "overall")] == [("absent", None)] * 2
    assert [stage.result("丁", each) for each in ("practical", "overall")] == [("pending", None)] * 2
    with stage.host.db.read() as session:
        found = {
            line.name: (line.components, line.overall) for line in batch_results.lines(session, stage.batch)
        }
    assert found["乙"] == ((("理论知识考试", "59.5"), ("技能考核", "90.0")), "不合格")
    assert found["丙"] == ((("理论知识考试", "缺考"), ("技能考核", "缺考")), "缺考")


def test_folding_again_changes_nothing_and_a_new_mark_makes_a_new_row(stage: Stage, scorer: Actor) -> None:
    stage.mark("甲", "theory", "58")
    stage.mark("甲", "practical", "70")
    stage.fold(scorer)
    assert stage.fold(scorer).changed == 0
    stage.change_mark("甲", "theory", "61")
    assert stage.fold(scorer).changed == 1
    new, old = stage.history("甲", "theory")
    assert (new.revision, new.status, new.score, new.replaced_at) == (2, "pass", Decimal(61), None)
    assert (old.revision, old.status, old.score) == (1, "fail", Decimal(58))
    assert old.replaced_at == stage.host.now()
    assert [row.status for row in stage.history("甲", "overall")] == ["pass", "fail"]


def test_marks_of_a_room_that_is_not_marked_count_for_nothing(stage: Stage, scorer: Actor) -> None:
    stage.mark("甲", "theory", "80")
    stage.host.db.write(
        lambda session: setattr(session.get_one(RoomSitting, stage.rooms["theory"]), "state", "collected")
    )
    stage.fold(scorer)
    assert stage.result("甲", "theory") == ("pending", None)


def test_a_rehearsal_has_no_results(host: Host, scorer: Actor) -> None:
    stage = make_stage(host, Terms(rehearsal=True))
    stage.sitting("theory")
    stage.mark("甲", "theory", "90")
    with pytest.raises(Refused, match="rehearsal_no_results"):
        stage.fold(scorer)
    with host.db.read() as session:
        assert batch_results.differences(session, stage.batch) == []


def test_only_a_scorer_folds_and_only_a_mark_checker_checks(
    stage: Stage, scorer: Actor, checker: Actor, person_as: Callable[..., Actor]
) -> None:
    stage.mark("甲", "theory", "60")
    with pytest.raises(Forbidden):
        stage.fold(checker)
    stage.fold(scorer)
    for other in (scorer, person_as("administrator"), person_as("examiner")):
        with pytest.raises(Forbidden):
            stage.write(batch_results.check, other, stage.batch)


def test_who_folded_does_not_check(stage: Stage, person_as: Callable[..., Actor], checker: Actor) -> None:
    both = person_as("scorer", "mark_checker")
    stage.mark("甲", "theory", "60")
    stage.fold(both)
    with pytest.raises(Refused, match="check_needs_another"):
        stage.write(batch_results.check, both, stage.batch)
    assert stage.write(batch_results.check, checker, stage.batch) == 3
    with stage.host.db.read() as session:
        assert all(line.checked for line in batch_results.lines(session, stage.batch))
    with pytest.raises(Refused, match="results_nothing_to_check"):
        stage.write(batch_results.check, checker, stage.batch)


def test_nothing_stale_is_checked(stage: Stage, scorer: Actor, checker: Actor) -> None:
    stage.mark("甲", "theory", "60")
    stage.fold(scorer)
    stage.change_mark("甲", "theory", "59.9")
    with stage.host.db.read() as session:
        (theory, whole) = batch_results.differences(session, stage.batch)
    assert (theory.component, whole.component) == ("theory", "overall")
    assert theory.stored is not None
    assert (theory.stored.status, theory.computed.status) == ("pass", "fail")
    with pytest.raises(Refused, match="results_stale"):
        stage.write(batch_results.check, checker, stage.batch)
    stage.fold(scorer)
    stage.write(batch_results.check, checker, stage.batch)


def test_a_decided_case_makes_void_and_a_withdrawn_one_brings_back(stage: Stage, scorer: Actor) -> None:
    stage.mark("甲", "theory", "80")
    stage.mark("甲", "practical", "80")
    case = stage.case("甲", "theory", "subject")
    stage.fold(scorer)
    assert stage.result("甲", "theory") == ("void", None)
    assert stage.history("甲", "theory")[0].origin == {"kind": "case", "case": case}
    assert stage.result("甲", "practical") == ("pass", Decimal(80))
    assert stage.result("甲", "overall") == ("fail", None)

    def all_subjects(session: Session) -> None:
        session.get_one(Case, case).outcome = "all"

    stage.host.db.write(all_subjects)
    stage.fold(scorer)
    assert [stage.result("甲", each)[0] for each in ("practical", "overall")] == ["void", "void"]
    stage.host.db.write(lambda session: setattr(session.get_one(Case, case), "outcome", "none"))
    stage.fold(scorer)
    assert [stage.result("甲", each)[0] for each in ("theory", "practical", "overall")] == ["pass"] * 3
    assert [row.status for row in stage.history("甲", "theory")] == ["pass", "void"]


def test_a_public_result_follows_no_mark_but_a_decision(stage: Stage, scorer: Actor) -> None:
    for name in ("甲", "乙"):
        stage.mark(name, "theory", "61")
        stage.mark(name, "practical", "61")
    stage.fold(scorer)
    publish(stage, "甲")
    for name in ("甲", "乙"):
        stage.change_mark(name, "theory", "59")
    folded = stage.fold(scorer)
    assert (folded.changed, folded.held) == (1, (stage.people["甲"],))
    assert [stage.result(name, "theory")[0] for name in ("甲", "乙")] == ["pass", "fail"]
    assert stage_of(stage, "甲") == "publicity"
    case = stage.case("甲", "theory", "subject")
    assert follow(stage, scorer, case) == 2
    assert stage.result("甲", "theory") == ("void", None)
    assert stage_of(stage, "甲") == "provisional"


def follow(stage: Stage, actor: Actor, case_id: int) -> int:
    def act(session: Session) -> int:
        case = session.get_one(Case, case_id)
        return batch_results.follow_case(session, actor, case, now=stage.host.now())

    return stage.host.db.write(act)


def test_a_case_about_one_person_changes_nobody_else_and_nothing_unfolded(
    stage: Stage, scorer: Actor
) -> None:
    stage.mark("甲", "theory", "80")
    stage.mark("乙", "theory", "80")
    case = stage.case("甲", "theory", "all")
    assert follow(stage, scorer, case) == 0
    stage.fold(scorer)
    stage.change_mark("乙", "theory", "20")
    stage.host.db.write(lambda session: setattr(session.get_one(Case, case), "outcome", "none"))
    assert follow(stage, scorer, case) == 3
    assert stage.result("甲", "theory") == ("pass", Decimal(80))
    assert stage.result("乙", "theory") == ("pass", Decimal(80))


def test_an_approved_fold_changes_what_is_public_and_says_why(
    stage: Stage, scorer: Actor, person_as: Callable[..., Actor]
) -> None:
    stage.mark("甲", "theory", "58")
    stage.mark("甲", "practical", "61")
    stage.fold(scorer)
    publish(stage, "甲")
    stage.change_mark("甲", "theory", "60")
    head = person_as("institution_head")
    stage.mark("乙", "theory", "70")
    whom = frozenset({stage.people["甲"]})
    approved = Approved("第 3 题答案改为 B", (head.user_id or 0, scorer.user_id or 0), whom)
    assert stage.fold(head, approved=approved).changed == 1
    row = stage.history("甲", "theory")[0]
    assert (row.status, row.reason, row.approvals) == ("pass", approved.reason, list(approved.approvals))
    assert row.checked_at is not None
    assert stage_of(stage, "甲") == "provisional"
    assert stage.history("乙", "theory") == []  # comes with the usual fold and its check


def correction(stage: Stage, approvers: tuple[int, ...], **more: object) -> ResultChange:
    said = {
        "batch_id": stage.batch,
        "candidate_id": stage.people["甲"],
        "component": "theory",
        "status": "pass",
        "score": Decimal(62),
        "reason": "漏加第 12 题",
        "approvals": approvers,
    }
    return ResultChange(**(said | more))  # type: ignore[arg-type]


def test_a_correction_is_a_new_row_that_folding_leaves_alone(
    stage: Stage, scorer: Actor, approvers: tuple[int, ...]
) -> None:
    stage.mark("甲", "theory", "59.5")
    stage.mark("甲", "practical", "70")
    stage.fold(scorer)
    stage.write(batch_results.append, scorer, correction(stage, approvers, origin={"correction": 5}))
    assert stage.result("甲", "theory") == ("pass", Decimal(62))
    assert stage.result("甲", "overall") == ("pass", None)
    new, old = stage.history("甲", "theory")
    assert (new.origin, new.reason, new.approvals) == (
        {"kind": "correction", "correction": 5},
        "漏加第 12 题",
        list(approvers),
    )
    assert (old.score, old.replaced_at) == (Decimal("59.5"), stage.host.now())
    assert stage.fold(scorer).changed == 0
    assert stage.result("甲", "theory") == ("pass", Decimal(62))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"reason": "  "}, "reason_missing"),
        ({"approvals": (1,)}, "correction_needs_two"),
        ({"approvals": (2, 2)}, "correction_needs_two"),
        ({"status": "pass", "score": Decimal("59.9")}, "correction_not_a_result"),
        ({"status": "pass", "score": None}, "correction_not_a_result"),
        ({"status": "absent", "score": Decimal(0)}, "correction_not_a_result"),
        ({"status": "fail", "score": Decimal("100.1")}, "correction_not_a_result"),
        ({"status": "void", "score": None}, "correction_not_a_result"),
        ({"status": "exempt", "score": None}, "correction_not_a_result"),
        ({"status": "fail", "score": Decimal("59.5")}, "correction_changes_nothing"),
    ],
)
def test_what_is_no_correction(
    stage: Stage, scorer: Actor, approvers: tuple[int, ...], change: dict[str, object], code: str
) -> None:
    stage.mark("甲", "theory", "59.5")
    stage.fold(scorer)
    with pytest.raises(Refused, match=code):
        stage.write(batch_results.append, scorer, correction(stage, approvers, **change))
    assert stage.result("甲", "theory") == ("fail", Decimal("59.5"))


def test_the_proposer_does_not_approve_and_the_whole_is_not_corrected(
    stage: Stage, scorer: Actor, approvers: tuple[int, ...]
) -> None:
    stage.mark("甲", "theory", "59.5")
    stage.fold(scorer)
    with pytest.raises(Refused, match="correction_needs_two"):
        stage.write(
            batch_results.append,
            scorer,
            correction(stage, approvers, approvals=(scorer.user_id, approvers[0])),
        )
    with pytest.raises(NotFound):
        stage.write(batch_results.append, scorer, correction(stage, approvers, component="overall"))
    with pytest.raises(NotFound):
        stage.write(batch_results.append, scorer, correction(stage, approvers, component="review"))


def test_a_void_result_is_not_corrected(stage: Stage, scorer: Actor, approvers: tuple[int, ...]) -> None:
    stage.mark("甲", "theory", "59.5")
    stage.case("甲", "theory", "subject")
    stage.fold(scorer)
    with pytest.raises(Refused, match="correction_of_void"):
        stage.write(batch_results.append, scorer, correction(stage, approvers))


@pytest.mark.parametrize(("counts", "score"), [(RetakeCounts.LATEST, "40"), (RetakeCounts.BEST, "55")])
def test_of_two_sittings_the_policys_one_counts_also_when_the_first_is_public(
    host: Host, machine: Machine, scorer: Actor, counts: RetakeCounts, score: str
) -> None:
    rules = ResultRules(retake_counts=counts)
    stage = make_stage(host, Terms(required=(Component.THEORY,), results=rules))
    stage.sitting("theory")
    stage.mark("甲", "theory", "55")
    stage.fold(scorer)
    publish(stage, "甲")
    machine.advance(days=30)
    stage.sitting("theory again")
    stage.place("甲", "theory again")
    assert stage.fold(scorer).changed == 0
    stage.mark("甲", "theory again", "40")
    stage.fold(scorer)
    assert stage.result("甲", "theory") == ("fail", Decimal(score))
    assert stage_of(stage, "甲") == ("provisional" if counts is RetakeCounts.LATEST else "publicity")


def test_changes_of_results_are_audited_without_marks(stage: Stage, scorer: Actor) -> None:
    stage.mark("甲", "theory", "77.25")
    stage.fold(scorer)
    stage.change_mark("甲", "theory", "31.75")
    stage.fold(scorer)
    with stage.host.db.read() as session:
        entries = list(session.scalars(select(AuditEntry).where(AuditEntry.stream == "system")))
        rows = list(session.scalars(select(Result.id)))
    acts = [entry.act for entry in entries]
    assert acts.count("results_folded") == 2
    replaced = [entry.details for entry in entries if entry.act == "result_replaced"]
    assert [(each["component"], each["before"], each["after"]) for each in replaced] == [
        ("theory", "pass", "fail")
    ]
    assert not any("77.25" in str(entry.details) or "31.75" in str(entry.details) for entry in entries)
    assert len(rows) == 5  # practical stayed as it was


def test_void_marks_are_void_by_their_case_not_by_their_row(stage: Stage, scorer: Actor) -> None:
    """The row of the marks is sealed by the case; the fold says void, whichever of the two came first."""
    stage.mark("甲", "theory", "80")
    case = stage.case("甲", "theory", "subject")

    def settle(session: Session) -> None:
        voids.settle_candidate(session, session.get_one(Case, case))

    stage.host.db.write(settle)
    stage.fold(scorer)
    assert stage.result("甲", "theory") == ("void", None)
