"""Planning the components of a batch: what its frozen policy allows, papers or a template."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy.orm import Session

from itembank.problems import InputRefused
from server.access import Actor
from server.db.papers import Package
from server.db.sittings import Batch, RoomSitting, Sitting
from server.errors import Forbidden
from server.host import Host
from server.services import batches
from server.services.batches import BatchPlan
from tests.server import preparing
from tests.server.office_kit import Office, office_of, refused


@pytest.fixture
def office(host: Host, person_as: Callable[..., Actor]) -> Office:
    return office_of(host, person_as("administrator"), BatchPlan("二级批次", "baowei", 2))


# --- sittings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("component", "asked", "method"),
    [
        ("theory", "", "computer"),
        ("theory", "paper", "paper"),
        ("practical", "", "hands_on"),
        ("practical", "computer", "computer"),
        ("review", "defence", "defence"),
    ],
)
def test_a_sitting_is_of_a_component_and_held_in_one_way(
    office: Office, component: str, asked: str, method: str
) -> None:
    sitting = office.sitting(office.plan(component, asked))
    assert (sitting.component, sitting.method, sitting.retake) == (component, method, False)


@pytest.mark.parametrize(
    ("component", "method", "code"),
    [
        ("oral", "", "component_not_in_level"),
        ("theory", "defence", "method_not_in_policy"),
        ("review", "computer", "method_not_in_policy"),
        ("practical", "by_telephone", "method_not_in_policy"),
    ],
)
def test_what_the_policy_does_not_have_is_refused(
    office: Office, component: str, method: str, code: str
) -> None:
    assert refused(lambda: office.plan(component, method)) == code


def test_level_three_has_no_review(host: Host, person_as: Callable[..., Actor]) -> None:
    office = office_of(host, person_as("administrator"), BatchPlan("三级批次", "baowei", 3))
    assert refused(lambda: office.plan("review")) == "component_not_in_level"


@pytest.mark.parametrize(("level", "method"), [(5, "computer"), (4, "computer"), (2, "paper"), (1, "paper")])
def test_the_older_regime_leaves_no_choice(
    host: Host, person_as: Callable[..., Actor], level: int, method: str
) -> None:
    plan = BatchPlan("试行标准批次", "baoanyuan", level, "jiangsu_legacy")
    office = office_of(host, person_as("administrator"), plan)
    assert office.sitting(office.plan("practical")).method == method
    other = {"computer": "paper", "paper": "computer"}[method]
    assert refused(lambda: office.plan("theory", other)) == "method_not_in_policy"


@pytest.mark.parametrize(
    ("component", "minutes", "code"),
    [
        ("theory", "89.99", "theory_too_short"),
        ("theory", "90", ""),
        ("practical", "5", ""),
        ("review", "14.5", "review_too_short"),
        ("review", "15", ""),
    ],
)
def test_each_component_has_its_own_least_length(
    office: Office, component: str, minutes: str, code: str
) -> None:
    if not code:
        assert office.plan(component, minutes=Decimal(minutes))
        return
    with pytest.raises(InputRefused, match=code):
        office.plan(component, minutes=Decimal(minutes))


def test_a_retake_comes_after_a_first_sitting_of_the_same_component(office: Office) -> None:
    assert refused(lambda: office.plan("theory", retake=True)) == "retake_without_first"
    office.plan("theory")
    assert refused(lambda: office.plan("practical", retake=True)) == "retake_without_first"
    assert office.sitting(office.plan("theory", retake=True)).retake


def test_a_policy_without_retakes_refuses_them(office: Office) -> None:
    def forbid(session: Session) -> None:
        row = session.get_one(Batch, office.batch)
        row.policy = row.policy | {"results": {**row.policy["results"], "retakes_most": 0}}

    office.plan("theory")
    office.host.db.write(forbid)
    assert refused(lambda: office.plan("theory", retake=True)) == "retake_not_foreseen"


# --- papers and templates -----------------------------------------------------------------------------


@pytest.mark.dear
@pytest.mark.both_stores
def test_an_assessed_sitting_has_a_template_and_no_papers(
    host: Host, person_as: Callable[..., Actor]
) -> None:
    stage = preparing.staged(host, person_as)
    office = Office(host, stage.crew.administrator, stage.room, stage.batch)
    assessed = office.sitting(office.plan("practical")).id
    theory = office.sitting(stage.room_sitting).id

    def papers() -> None:
        host.db.write(batches.choose_papers, office.who, assessed, stage.papers, now=host.now())

    assert refused(papers) == "papers_not_needed"
    template = office.template(level=3)
    assert refused(lambda: office.choose(theory, template)) == "template_not_needed"
    office.choose(assessed, template)
    with host.db.read() as session:
        chosen = session.get_one(Sitting, assessed)
        assert (chosen.template_id, chosen.paper_set_id) == (template, None)
        assert session.get_one(Sitting, theory).template_id is None


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"state": "draft"}, "template_not_approved"),
        ({"state": "retired"}, "template_not_approved"),
        ({"level": 1}, "template_of_other_level"),
        ({"occupation": "baoanyuan"}, "template_of_other_level"),
        ({"component": "review"}, "template_of_other_level"),
    ],
)
def test_only_an_approved_template_of_the_same_kind(
    office: Office, facts: dict[str, object], code: str
) -> None:
    sitting = office.sitting(office.plan("practical")).id
    assert refused(lambda: office.choose(sitting, office.template(**facts))) == code


@pytest.mark.parametrize(("minutes", "fits"), [("14.99", False), ("15", True)])
def test_a_review_is_never_shorter_for_one_person_than_the_policy_says(
    office: Office, minutes: str, fits: bool
) -> None:
    sitting = office.sitting(office.plan("review", "defence")).id
    template = office.template(component="review", minutes=Decimal(minutes))
    if fits:
        office.choose(sitting, template)
    else:
        with pytest.raises(InputRefused, match="review_too_short"):
            office.choose(sitting, template)


@pytest.mark.parametrize(
    ("state", "open_"), [("planned", True), ("arranged", True), ("released", False), ("running", False)]
)
def test_an_opened_template_is_not_exchanged(office: Office, state: str, open_: bool) -> None:
    room_sitting = office.plan("practical")
    sitting, first, second = office.sitting(room_sitting).id, office.template(), office.template()
    office.choose(sitting, first)

    def advance(session: Session) -> None:
        session.get_one(RoomSitting, room_sitting).state = state

    office.host.db.write(advance)
    if open_:
        office.choose(sitting, second)
    else:
        assert refused(lambda: office.choose(sitting, second)) == "template_already_open"


def test_what_was_sealed_of_another_template_is_void(office: Office) -> None:
    room_sitting = office.plan("practical")
    sitting, first, second = office.sitting(room_sitting).id, office.template(), office.template()
    office.choose(sitting, first)

    def seal(session: Session) -> int:
        row = Package(
            uid="package-1",
            template_id=first,
            room_sitting_id=room_sitting,
            data=b"",
            sha256="0" * 64,
            size=0,
            not_before=office.host.now(),
            sealed_release_secret=b"",
            sealed_at=office.host.now(),
            released_by=[],
        )
        session.add(row)
        session.flush()
        return row.id

    package = office.host.db.write(seal)

    def state() -> str:
        with office.host.db.read() as session:
            return session.get_one(Package, package).state

    office.choose(sitting, first)
    assert state() == "sealed"
    office.choose(sitting, second)
    assert state() == "superseded"


def test_others_choose_nothing(office: Office, person_as: Callable[..., Actor]) -> None:
    sitting, template = office.sitting(office.plan("practical")).id, office.template()
    for role in ("chief_invigilator", "examiner", "bank_keeper"):
        with pytest.raises(Forbidden):
            replace(office, who=person_as(role)).choose(sitting, template)
