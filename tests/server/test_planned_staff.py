"""Seats and staff of a planned component, and the pages of its planning."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from server.access import Actor
from server.db.sittings import Candidate, Registration, RoomSitting
from server.host import Host
from server.services import arrangement, batches, plans, seating, staffing
from server.services.batches import BatchPlan
from tests.server.desk import page, said
from tests.server.office_kit import Office, office_of, refused


@pytest.fixture
def office(host: Host, person_as: Callable[..., Actor]) -> Office:
    return office_of(host, person_as("administrator"), BatchPlan("二级批次", "baowei", 2))


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
