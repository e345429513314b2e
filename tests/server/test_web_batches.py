"""Filing batches and planning sittings through the pages; the rule that forbids is named."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from server.access import Actor
from server.db.record import AuditEntry
from server.db.sittings import Batch, RoomSitting, Sitting
from server.host import Host
from server.services import batches
from server.services.batches import read_profile
from tests.server import desk, preparing
from tests.server.desk import page, said

SITTING = {"starts_at": "2026-11-21T10:00", "minutes": "90"}
NEW = {"name": "2026 年第 4 批", "occupation_level": "baowei/3", "profile": "national"}


@dataclass
class Office:
    """An administrator's browser."""

    host: Host
    crew: preparing.Crew
    browser: FlaskClient

    def file(self, **changed: str) -> TestResponse:
        return self.browser.post("/batches", data={**NEW, **changed})

    def plan(self, batch: str, rooms: list[int], **changed: str) -> TestResponse:
        return self.browser.post(f"{batch}/sittings", data={**SITTING, "room": rooms, **changed})


@pytest.fixture
def office(host: Host, person_as: Callable[..., Actor], sign_in: Callable[[Actor], FlaskClient]) -> Office:
    crew = preparing.crew(person_as)
    return Office(host, crew, sign_in(crew.administrator))


class TestFiling:
    def test_scenario_1_level_4_names_r09_and_level_3_shows_its_frozen_policy(self, office: Office) -> None:
        refused = office.file(occupation_level="baowei/4")
        assert refused.status_code == 422
        assert "R09" in page(refused)
        assert "保卫管理员没有 4 级" in page(refused)
        assert 'value="2026 年第 4 批"' in page(refused)
        assert desk.counts(office.host, Batch) == [0]
        filed = office.file()
        shown = page(office.browser.get(filed.location))
        for words in (
            "满分 100 分，60 分及以上合格，不四舍五入（59.5 分不合格）",
            "不少于 90 分钟",
            "开考前 60 分钟内",
            "每 15 名考生不少于 1 人",
        ):
            assert words in shown

    @pytest.mark.parametrize(
        ("field", "value", "reason"),
        [
            ("name", "", said("batch_name_missing")),
            ("name", " \x00 ", said("batch_name_missing")),
            ("name", "批" * 121, said("field_too_long", field="名称", limit=120)),
            ("occupation_level", "", said("level_missing")),
            ("occupation_level", "pilot/3", said("unknown_occupation", occupation="pilot")),
        ],
    )
    def test_wrong_input_comes_back_with_its_reason(
        self, office: Office, field: str, value: str, reason: str
    ) -> None:
        before = desk.counts(office.host, Batch, AuditEntry)
        answer = office.file(**{field: value})
        assert answer.status_code == 422
        assert reason in page(answer)
        assert desk.counts(office.host, Batch, AuditEntry) == before

    def test_a_name_is_given_once(self, office: Office) -> None:
        office.file()
        answer = office.file()
        assert said("batch_name_taken", name="2026 年第 4 批") in page(answer)
        assert desk.counts(office.host, Batch) == [1]

    def test_a_profile_that_does_not_exist(self, office: Office) -> None:
        assert office.file(profile="../national").status_code == 404
        assert desk.counts(office.host, Batch) == [0]

    def test_the_day_of_filing_is_the_sites_and_not_utc(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A level is open from the day that has begun in China, while it is still the day before in UTC."""
        local = office.host.now().astimezone(ZoneInfo(office.host.settings.timezone))
        opened = replace(read_profile("national"), effective_from=local.date() + timedelta(days=1))
        monkeypatch.setattr(batches, "read_profile", lambda _name: opened)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        monkeypatch.setattr(Host, "now", lambda _host: (midnight - timedelta(seconds=1)).astimezone(UTC))
        assert said("profile_not_in_force", profile=opened.title, date=local.date()) in page(office.file())
        monkeypatch.setattr(Host, "now", lambda _host: midnight.astimezone(UTC))
        assert desk.counts(office.host, Batch) == [0]
        office.file()
        assert desk.counts(office.host, Batch) == [1]

    def test_rehearsals_are_marked_everywhere(self, office: Office) -> None:
        batch = office.file(name="演练批次", profile="rehearsal").location
        assert "演练的成绩无效" in page(office.browser.get(batch))
        assert "演练" in page(office.browser.get("/batches"))

    @pytest.mark.parametrize("role", ["custodian", "chief_invigilator", "invigilator", "auditor"])
    def test_others_look_but_do_not_file(
        self, office: Office, client_as: Callable[..., FlaskClient], role: str
    ) -> None:
        batch, browser = office.file().location, client_as(role)
        for language in ("zh", "en"):
            browser.set_cookie("language", language)
            assert browser.get("/batches").status_code == 200
            assert browser.get(batch).status_code == 200
        assert browser.post("/batches", data=NEW).status_code == 403
        assert browser.post(f"{batch}/sittings", data=SITTING).status_code == 403

    def test_bank_keepers_have_nothing_to_do_here(
        self, office: Office, client_as: Callable[..., FlaskClient]
    ) -> None:
        batch, browser = office.file().location, client_as("bank_keeper")
        assert browser.get("/batches").status_code == 403
        assert browser.get(batch).status_code == 403


class TestSittings:
    @pytest.fixture
    def batch(self, office: Office) -> str:
        return office.file().location

    @pytest.fixture
    def room(self, office: Office) -> int:
        return preparing.room(office.host, office.crew.administrator)

    def test_starts_on_the_sites_clock(self, office: Office, batch: str, room: int) -> None:
        assert office.plan(batch, [room]).location == batch
        shown = page(office.browser.get(batch))
        assert "第 1 场 · 2026-11-21 10:00:00 · 1 小时 30 分" in shown
        with office.host.db.read() as session:
            sitting = session.scalars(select(Sitting)).one()
        assert sitting.starts_at.isoformat() == "2026-11-21T02:00:00+00:00"
        assert sitting.minutes == Decimal(90)

    def test_a_room_ticked_twice_counts_once(self, office: Office, batch: str, room: int) -> None:
        assert office.plan(batch, [room, room]).status_code == 302
        assert desk.counts(office.host, RoomSitting) == [1]

    @pytest.mark.parametrize(
        ("field", "value", "reason"),
        [
            ("minutes", "89", "R03"),
            ("minutes", "89.99", "R03"),
            ("minutes", "0", said("minutes_not_positive")),
            ("minutes", "-90", said("minutes_not_positive")),
            ("minutes", "1440.5", said("sitting_too_long", limit=1440)),
            ("minutes", "ninety", said("field_not_a_number", field="考试时间（分钟）", value="ninety")),
            ("minutes", "1e3", said("field_not_a_number", field="考试时间（分钟）", value="1e3")),
            ("minutes", "NaN", said("field_not_a_number", field="考试时间（分钟）", value="NaN")),
            ("minutes", "90.001", said("field_not_a_number", field="考试时间（分钟）", value="90.001")),
            ("starts_at", "2026-11-21T08:30", said("start_in_the_past")),
            ("starts_at", "", said("field_not_a_time", field="开考时间", value="")),
            ("starts_at", "tomorrow", said("field_not_a_time", field="开考时间", value="tomorrow")),
            (
                "starts_at",
                "0001-01-01T00:00",
                said("field_not_a_time", field="开考时间", value="0001-01-01T00:00"),
            ),
            ("room", "", said("room_missing")),
            ("room", "x", said("room_missing")),
        ],
    )
    def test_wrong_input_comes_back_at_its_field(
        self, office: Office, batch: str, room: int, field: str, value: str, reason: str
    ) -> None:
        answer = office.plan(batch, [room], **{field: value})
        assert answer.status_code == 422
        assert reason in page(answer)
        assert 'class="error"' in page(answer)
        assert desk.counts(office.host, Sitting, RoomSitting) == [0, 0]

    def test_what_was_filled_in_stays(self, office: Office, batch: str, room: int) -> None:
        shown = page(office.plan(batch, [room], minutes="10"))
        assert 'value="2026-11-21T10:00"' in shown
        assert 'value="10"' in shown
        assert f'name="room" value="{room}" checked' in shown

    def test_a_room_that_does_not_exist(self, office: Office, batch: str) -> None:
        assert office.plan(batch, [77]).status_code == 404
        assert desk.counts(office.host, Sitting) == [0]

    @pytest.mark.parametrize(
        ("starts_at", "allowed"),
        [("2026-11-21T08:31", False), ("2026-11-21T11:29", False), ("2026-11-21T11:30", True)],
    )
    def test_a_room_holds_one_sitting_at_a_time(
        self, office: Office, batch: str, room: int, starts_at: str, allowed: bool
    ) -> None:
        office.plan(batch, [room])
        answer = office.plan(batch, [room], starts_at=starts_at)
        assert (answer.status_code == 302) is allowed
        assert allowed or said("room_busy", name="示例标准考场") in page(answer)
        assert desk.counts(office.host, Sitting, RoomSitting) == ([2, 2] if allowed else [1, 1])

    def test_of_a_batch_that_does_not_exist(self, office: Office, room: int) -> None:
        assert office.plan("/batches/99", [room]).status_code == 404


class TestPapersOfASitting:
    @pytest.fixture
    def stage(self, host: Host, person_as: Callable[..., Actor]) -> preparing.Staged:
        return preparing.staged(host, person_as)

    def choose(self, browser: FlaskClient, batch: int, sitting: int, papers: object) -> TestResponse:
        return browser.post(f"/batches/{batch}/sittings/{sitting}/papers", data={"papers": str(papers)})

    def test_once_seats_are_drawn_they_stay(
        self, stage: preparing.Staged, sign_in: Callable[[Actor], FlaskClient]
    ) -> None:
        answer = self.choose(sign_in(stage.crew.administrator), stage.batch, 1, stage.papers)
        assert answer.status_code == 409
        assert said("sitting_already_arranged") in page(answer)

    def test_only_approved_ones_of_the_same_level(
        self, host: Host, stage: preparing.Staged, sign_in: Callable[[Actor], FlaskClient]
    ) -> None:
        from server.services import assembly_runs

        browser, who = sign_in(stage.crew.administrator), stage.crew.administrator
        plan = assembly_runs.AssemblyPlan("未批准", stage.bank, stage.blueprint, 2, 60, "1")
        waiting = host.db.write(assembly_runs.begin, who, plan, now=host.now())
        higher = browser.post(
            "/batches", data={**NEW, "name": "二级", "occupation_level": "baowei/2"}
        ).location
        room = preparing.room(host, who, "第二考场")
        browser.post(f"{higher}/sittings", data={**SITTING, "room": room})
        with host.db.read() as session:
            sitting = session.scalars(select(Sitting.id)).all()[-1]
        batch = int(higher.rsplit("/", 1)[1])
        unapproved = self.choose(browser, batch, sitting, waiting)
        assert said("papers_not_approved", title="未批准") in page(unapproved)
        foreign = self.choose(browser, batch, sitting, stage.papers)
        assert foreign.status_code == 422
        assert said("papers_of_other_level", title="理论知识试卷") in page(foreign)
        assert self.choose(browser, batch, sitting, "x").status_code == 422
        assert self.choose(browser, batch, sitting, 999).status_code == 404
        with host.db.read() as session:
            assert session.get_one(Sitting, sitting).paper_set_id is None
