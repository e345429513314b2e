"""Planning the components of a batch: what its frozen policy allows, papers or a template, who staffs it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from itembank.problems import InputRefused
from server.access import Actor
from server.db.assessing import SheetTemplate
from server.db.bank import Bank
from server.db.papers import Package
from server.db.sittings import Batch, Candidate, Registration, RoomSitting, Sitting
from server.errors import Forbidden, Refused
from server.host import Host
from server.services import arrangement, banks, batches, plans, seating, sitting_templates, staffing
from server.services.batches import BatchPlan, SittingPlan
from tests.server import preparing
from tests.server.desk import page, said


@dataclass
class Office:
    """An administrator with a room and a batch."""

    host: Host
    who: Actor
    room: int
    batch: int

    def plan(self, component: str, method: str = "", **more: Any) -> int:
        """Plans a sitting a day after the last one; its room-in-sitting."""
        with self.host.db.read() as session:
            days = session.query(Sitting).count() + 1
        start, minutes = self.host.now() + timedelta(days=days), more.pop("minutes", Decimal(120))
        plan = SittingPlan(start, minutes, (self.room,), component=component, method=method, **more)
        (made,) = self.host.db.write(batches.add_sitting, self.who, self.batch, plan, now=self.host.now())
        return made

    def sitting(self, room_sitting: int) -> Sitting:
        with self.host.db.read() as session:
            return session.get_one(Sitting, session.get_one(RoomSitting, room_sitting).sitting_id)

    def choose(self, sitting: int, template: int) -> None:
        self.host.db.write(
            sitting_templates.choose_template, self.who, sitting, template, now=self.host.now()
        )

    def template(self, **facts: Any) -> int:
        """An approved template; `occupation` and `level` are those of its bank."""

        def store(session: Session) -> int:
            where = facts.pop("occupation", "baowei"), facts.pop("level", 2)
            new = banks.new_bank(f"题库 {session.query(Bank).count()}", *where, sample=True)
            bank = banks.create(session, self.who, new, now=self.host.now())
            given: dict[str, Any] = {
                "uid": f"template-{bank}",
                "version": 1,
                "bank_id": bank,
                "component": "practical",
                "title": "示例评分表",
                "minutes": Decimal(40),
                "state": "approved",
                "sealed": b"",
                "sha256": "0" * 64,
                "created_at": self.host.now(),
            }
            row = SheetTemplate(**{**given, **facts})
            session.add(row)
            session.flush()
            return row.id

        return self.host.db.write(store)


def office_of(host: Host, who: Actor, plan: BatchPlan) -> Office:
    batch = host.db.write(batches.create, who, plan, now=host.now())
    return Office(host, who, preparing.room(host, who), batch)


@pytest.fixture
def office(host: Host, person_as: Callable[..., Actor]) -> Office:
    return office_of(host, person_as("administrator"), BatchPlan("二级批次", "baowei", 2))


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(Refused) as caught:
        act()
    return caught.value.code


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


# --- seats and staff ----------------------------------------------------------------------------------


def test_a_panels_sitting_gets_no_seats(office: Office) -> None:
    room_sitting = office.plan("practical")

    def draw() -> None:
        office.host.db.write(seating.draw, office.who, room_sitting, seed="s", now=office.host.now())

    def arrange() -> None:
        sitting = office.sitting(room_sitting).id
        office.host.db.write(arrangement.arrange, office.who, [sitting], now=office.host.now())

    assert refused(draw) == refused(arrange) == "sitting_assessed"


def register(office: Office, room_sitting: int, count: int) -> None:
    def store(session: Session) -> None:
        row = session.get_one(RoomSitting, room_sitting)
        for number in range(count):
            index = f"{room_sitting}-{number}"
            one = Candidate(id_index=index, sealed_id=b"", name="考生", created_at=office.host.now())
            session.add(one)
            session.flush()
            session.add(
                Registration(
                    sitting_id=row.sitting_id, room_id=row.room_id, candidate_id=one.id, ticket=index
                )
            )

    office.host.db.write(store)


@pytest.mark.parametrize(
    ("component", "method", "candidates", "needed"),
    [
        ("practical", "computer", 30, 2),
        ("practical", "computer", 31, 3),
        ("practical", "paper", 45, 3),
        ("practical", "paper", 46, 4),
        ("theory", "paper", 46, 4),
        ("practical", "hands_on", 46, 1),
        ("review", "defence", 46, 1),
    ],
)
def test_who_sits_at_seats_is_watched_by_the_ratio_whatever_the_component(
    office: Office, component: str, method: str, candidates: int, needed: int
) -> None:
    room_sitting = office.plan(component, method)
    register(office, room_sitting, candidates)
    with office.host.db.read() as session:
        assert staffing.staffing(session, room_sitting).needed == needed


# --- pages --------------------------------------------------------------------------------------------


class TestPages:
    @pytest.fixture
    def browser(self, office: Office, sign_in: Callable[[Actor], FlaskClient]) -> FlaskClient:
        return sign_in(office.who)

    def send(self, office: Office, browser: FlaskClient, **form: str) -> Any:
        fields = {"starts_at": "2027-01-05T09:00", "minutes": "120", "room": str(office.room), **form}
        return browser.post(f"/batches/{office.batch}/sittings", data=fields)

    def test_the_form_offers_what_the_policy_allows(self, office: Office, browser: FlaskClient) -> None:
        shown = page(browser.get(f"/batches/{office.batch}"))
        for value in ("theory/paper", "practical/hands_on", "review/defence"):
            assert f'value="{value}"' in shown
        assert 'value="theory/defence"' not in shown
        assert "综合评审：每人不少于 15 分钟" in shown

    def test_an_assessed_sitting_leads_to_its_own_page_and_not_to_seats(
        self, office: Office, browser: FlaskClient
    ) -> None:
        assert self.send(office, browser, part="practical/hands_on").status_code == 302
        with office.host.db.read() as session:
            (sitting,) = plans.batch(session, office.batch).sittings
        (room,) = sitting.rooms
        shown = page(browser.get(f"/batches/{office.batch}"))
        assert "技能考核 · 现场操作" in shown and "未选定评分表" in shown
        assert f"/assessments/{room.id}" in shown
        assert f"/arrange/{sitting.id}" not in shown
        assert [step.name for step in room.steps][:3] == ["template", "roster", "panel"]
        detail = page(browser.get(f"/sittings/{room.id}"))
        assert f"/assessments/{room.id}" in detail and "考生名册" in detail
        for path in (f"/sittings/{room.id}/seating", f"/sittings/{room.id}/gates", f"/monitor/{room.id}"):
            assert path not in detail
        home = page(browser.get("/"))
        assert f"/assessments/{room.id}" in home and f"/monitor/{room.id}" not in home

    def test_a_template_is_chosen_on_the_page(self, office: Office, browser: FlaskClient) -> None:
        sitting = office.sitting(office.plan("practical")).id
        where = f"/batches/{office.batch}"
        assert "还没有可用于本批次的已批准评分表" in page(browser.get(where))
        wrong, right = office.template(state="draft"), office.template()
        assert f'<option value="{wrong}">' not in page(browser.get(where))
        answer = browser.post(f"{where}/sittings/{sitting}/template", data={"template": str(wrong)})
        assert answer.status_code == 409
        assert said("template_not_approved", title="示例评分表") in page(answer)
        assert (
            browser.post(f"{where}/sittings/{sitting}/template", data={"template": str(right)}).location
            == where
        )
        shown = page(browser.get(where))
        assert "评分表：示例评分表" in shown and "未选定评分表" not in shown

    def test_another_template_is_chosen_on_the_page_until_a_room_opened_its_own(
        self, office: Office, browser: FlaskClient
    ) -> None:
        room_sitting = office.plan("practical")
        sitting, first, second = office.sitting(room_sitting).id, office.template(), office.template()
        office.choose(sitting, first)
        where = f"/batches/{office.batch}"
        assert "改选评分表" in page(browser.get(where))
        browser.post(f"{where}/sittings/{sitting}/template", data={"template": str(second)})
        assert office.sitting(room_sitting).template_id == second

        def opened(session: Session) -> None:
            session.get_one(RoomSitting, room_sitting).state = "released"

        office.host.db.write(opened)
        assert "改选评分表" not in page(browser.get(where))

    @pytest.mark.parametrize(
        ("form", "code"),
        [
            ({"part": "oral/computer"}, "component_not_in_level"),
            ({"part": "theory/defence"}, "method_not_in_policy"),
            ({"part": "theory/computer", "retake": "1"}, "retake_without_first"),
        ],
    )
    def test_what_is_wrong_is_said(
        self, office: Office, browser: FlaskClient, form: dict[str, str], code: str
    ) -> None:
        answer = self.send(office, browser, **form)
        assert answer.status_code == 422
        assert said(code, level="二级/技师") in page(answer)

    def test_the_frozen_policy_is_shown_in_words(self, office: Office, browser: FlaskClient) -> None:
        shown = page(browser.get(f"/batches/{office.batch}"))
        for words in ("须持高级考评员证卡", "每人不少于 15 分钟", "公示 5 个工作日", "2023-04-01 起"):
            assert words in shown

    def test_a_batch_on_an_expired_text_says_so(
        self, host: Host, office: Office, browser: FlaskClient
    ) -> None:
        plan = BatchPlan("试行标准批次", "baoanyuan", 5, "jiangsu_legacy")
        batch = host.db.write(batches.create, office.who, plan, now=host.now())
        assert "依据已失效" in page(browser.get(f"/batches/{batch}"))
        assert "依据已失效" not in page(browser.get(f"/batches/{office.batch}"))
