"""Assembly, approval, sealing and release through the pages; jobs are real children."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from server.access import Actor
from server.db.bank import BankItem
from server.db.papers import FormItem, Package, PackageCustodian, PaperSet
from server.db.sittings import RoomSitting
from server.host import Host
from tests.server import desk, preparing
from tests.server.desk import page, said
from tests.server.kept_stage import once

PLAN = {"title": "理论知识试卷", "forms": "2", "max_overlap": "60", "seed": "7"}


@dataclass
class Office:
    """An administrator's browser beside a filled bank and a blueprint."""

    host: Host
    crew: preparing.Crew
    browser: FlaskClient
    sources: dict[str, str]

    def assemble(self, **changed: str) -> TestResponse:
        return self.browser.post("/papers", data={**PLAN, **self.sources, **changed})

    def assembled(self, **changed: str) -> str:
        """The path of a paper set whose job has ended."""
        answer = self.assemble(**changed)
        assert answer.status_code == 302, page(answer)
        with self.host.db.read() as session:
            job = session.scalars(select(PaperSet.job_id).order_by(PaperSet.id.desc())).first()
        self.host.jobs.wait(job)
        return answer.location


@pytest.fixture
def office(host: Host, person_as: Callable[..., Actor], sign_in: Callable[[Actor], FlaskClient]) -> Office:
    crew = preparing.crew(person_as)

    def prepare() -> tuple[int, int]:
        return preparing.bank(host, crew.keeper), preparing.blueprint(host, crew.keeper)

    bank, blueprint = once(host, "bank and blueprint", host.now(), prepare)
    sources = {"bank": str(bank), "blueprint": str(blueprint)}
    return Office(host, crew, sign_in(crew.administrator), sources)


class TestAssembly:
    @pytest.mark.both_stores
    def test_forms_come_with_their_proof(self, office: Office) -> None:
        shown = page(office.browser.get(office.assembled()))
        assert "待审批" in shown
        assert "组卷证明" in shown
        assert "A 组织防范" in shown
        assert "必须满足的各项全部达到" in shown
        assert 'badge act">未达到' not in shown
        assert desk.counts(office.host, FormItem) == [200]

    @pytest.mark.parametrize(
        ("field", "value", "reason"),
        [
            ("title", " ", said("paper_title_missing")),
            ("title", "卷" * 121, said("field_too_long", field="试卷名称", limit=120)),
            ("forms", "0", said("forms_out_of_range", limit=120)),
            ("forms", "121", said("forms_out_of_range", limit=120)),
            ("forms", "²", said("field_not_a_number", field="平行卷数", value="²")),
            ("forms", "", said("field_not_a_number", field="平行卷数", value="")),
            ("max_overlap", "-1", said("number_out_of_range", value="-1", low=0, high=1000)),
            ("max_overlap", "1.5", said("field_not_a_number", field="任两卷最多重题", value="1.5")),
            ("seed", "abc", said("seed_not_a_number")),
        ],
    )
    def test_wrong_numbers_come_back_at_their_field(
        self, office: Office, field: str, value: str, reason: str
    ) -> None:
        answer = office.assemble(**{field: value})
        assert answer.status_code == 422
        assert reason in page(answer)
        assert 'aria-invalid="true"' in page(answer)
        assert desk.counts(office.host, PaperSet) == [0]

    def test_what_was_filled_in_stays(self, office: Office) -> None:
        shown = page(office.assemble(forms="199", seed="12345"))
        assert 'value="理论知识试卷"' in shown
        assert 'value="12345"' in shown

    @pytest.mark.parametrize("field", ["bank", "blueprint"])
    def test_sources_that_do_not_exist(self, office: Office, field: str) -> None:
        assert office.assemble(**{field: "999"}).status_code == 404
        assert desk.counts(office.host, PaperSet) == [0]

    def test_what_cannot_be_assembled_names_what_is_missing(self, office: Office) -> None:
        shown = page(office.browser.get(office.assembled(forms="6", max_overlap="0")))
        assert "无法组卷" in shown
        assert "题库不足以组成所要求的试卷" in shown
        assert "题量不足" in shown
        assert desk.counts(office.host, FormItem) == [0]
        with office.host.db.read() as session:
            assert session.scalars(select(PaperSet)).one().outcome["shortages"]

    @pytest.mark.parametrize("role", ["custodian", "chief_invigilator"])
    def test_those_who_only_see_papers(
        self, office: Office, client_as: Callable[..., FlaskClient], role: str
    ) -> None:
        path, browser = office.assembled(), client_as(role)
        for language in ("zh", "en"):
            browser.set_cookie("language", language)
            assert browser.get("/papers").status_code == 200
            assert browser.get(path).status_code == 200
        assert browser.post("/papers", data={**PLAN, **office.sources}).status_code == 403
        assert browser.post(f"{path}/approve").status_code == 403

    @pytest.mark.parametrize("role", ["invigilator", "auditor"])
    def test_those_who_do_not(self, office: Office, client_as: Callable[..., FlaskClient], role: str) -> None:
        browser = client_as(role)
        assert browser.get("/papers").status_code == 403
        assert browser.get(office.assembled()).status_code == 403


class TestApproval:
    def test_needs_another_person(self, office: Office, sign_in: Callable[[Actor], FlaskClient]) -> None:
        path = office.assembled()
        answer = office.browser.post(f"{path}/approve")
        assert answer.status_code == 403
        assert said("approver_must_differ") in page(answer)
        with office.host.db.read() as session:
            assert session.scalars(select(PaperSet.state)).one() == "assembled"
            assert set(session.scalars(select(BankItem.uses))) == {0}
        approver = sign_in(office.crew.approver)
        assert approver.post(f"{path}/approve").location == path
        assert "已批准" in page(approver.get(path))
        again = approver.post(f"{path}/approve")
        assert said("papers_not_assembled") in page(again)
        with office.host.db.read() as session:
            assert max(session.scalars(select(BankItem.uses))) == 1


@pytest.fixture
def stage(host: Host, person_as: Callable[..., Actor]) -> preparing.Staged:
    return preparing.staged(host, person_as)


class TestSealing:
    def send(
        self, browser: FlaskClient, stage: preparing.Staged, *chosen: str, **signed: str
    ) -> TestResponse:
        form = {"custodian": list(chosen), **signed}
        return browser.post(f"/sittings/{stage.room_sitting}/package", data=form)

    @pytest.mark.parametrize(
        ("chosen", "code"),
        [
            ((), "custodians_of_two_roles"),
            (("chief/chief_invigilator",), "custodians_of_two_roles"),
            (("chief/chief_invigilator", "other/chief_invigilator"), "custodians_of_two_roles"),
            (("chief/chief_invigilator", "chief/custodian"), "custodian_in_one_role"),
            (("chief/chief_invigilator", "custodian/king"), "custodians_of_two_roles"),
        ],
    )
    def test_asks_for_two_persons_of_two_roles(
        self,
        host: Host,
        stage: preparing.Staged,
        person_as: Callable[..., Actor],
        sign_in: Callable[[Actor], FlaskClient],
        chosen: tuple[str, ...],
        code: str,
    ) -> None:
        other = person_as("chief_invigilator")
        preparing.give_keys(host, other)
        ids = {
            "chief": stage.crew.chief.user_id,
            "custodian": stage.crew.custodian.user_id,
            "other": other.user_id,
        }
        before = desk.counts(host, Package, PackageCustodian)
        named = [f"{ids[person]}/{role}" for person, role in (entry.split("/") for entry in chosen)]
        answer = self.send(sign_in(stage.crew.administrator), stage, *named)
        assert answer.status_code == 422
        assert said(code) in page(answer)
        assert desk.counts(host, Package, PackageCustodian) == before

    @pytest.mark.dear
    def test_a_custodian_without_a_key_is_named(
        self,
        host: Host,
        stage: preparing.Staged,
        person_as: Callable[..., Actor],
        sign_in: Callable[[Actor], FlaskClient],
    ) -> None:
        bare = person_as("custodian", name="王芳")
        chief = f"{stage.crew.chief.user_id}/chief_invigilator"
        browser = sign_in(stage.crew.administrator)
        answer = self.send(browser, stage, chief, f"{bare.user_id}/custodian")
        assert said("custodian_without_key", name="王芳") in page(answer)
        assert desk.counts(host, Package) == [1]

    @pytest.mark.dear
    def test_sealing_again_replaces_the_package(
        self, host: Host, stage: preparing.Staged, sign_in: Callable[[Actor], FlaskClient], password: str
    ) -> None:
        chosen = (
            f"{stage.crew.chief.user_id}/chief_invigilator",
            f"{stage.crew.custodian.user_id}/custodian",
        )
        browser = sign_in(stage.crew.administrator)
        alone = self.send(browser, stage, *chosen)
        assert (alone.status_code, said("key_witness_missing") in page(alone)) == (422, True)
        assert desk.counts(host, Package) == [1]
        signed = {"cosign_username": stage.crew.chief.name, "cosign_password": password}
        assert self.send(browser, stage, *chosen, **signed).status_code == 302
        with host.db.read() as session:
            states = session.scalars(select(Package.state).order_by(Package.id)).all()
        assert states == ["superseded", "sealed"]
        shown = page(sign_in(stage.crew.custodian).get(f"/sittings/{stage.room_sitting}/release"))
        for person in (stage.crew.chief, stage.crew.custodian):
            assert f'<span class="mono">{person.name}</span>' in shown
        assert f"由{stage.crew.chief.name}复核" in shown

    def test_a_released_package_is_not_sealed_again(
        self, host: Host, stage: preparing.Staged, sign_in: Callable[[Actor], FlaskClient]
    ) -> None:
        preparing.release(host, stage)
        chosen = (
            f"{stage.crew.chief.user_id}/chief_invigilator",
            f"{stage.crew.custodian.user_id}/custodian",
        )
        answer = self.send(sign_in(stage.crew.administrator), stage, *chosen)
        assert said("package_already_released") in page(answer)
        assert desk.counts(host, Package) == [1]

    def test_others_cannot(self, stage: preparing.Staged, sign_in: Callable[[Actor], FlaskClient]) -> None:
        assert self.send(sign_in(stage.crew.chief), stage).status_code == 403


class TestRelease:
    @pytest.fixture
    def form(self, stage: preparing.Staged, password: str) -> dict[str, str]:
        return {
            "first_passphrase": preparing.PASSPHRASE,
            "second_username": stage.crew.custodian.name,
            "second_password": password,
            "second_passphrase": preparing.PASSPHRASE,
        }

    @pytest.fixture
    def path(self, stage: preparing.Staged) -> str:
        return f"/sittings/{stage.room_sitting}/release"

    @pytest.fixture
    def chief(self, stage: preparing.Staged, sign_in: Callable[[Actor], FlaskClient]) -> FlaskClient:
        return sign_in(stage.crew.chief)

    def closed(self, host: Host) -> bool:
        with host.db.read() as session:
            package, held = session.scalars(select(Package)).one(), session.scalars(select(RoomSitting)).one()
            return package.sealed_content_key is None and held.state == "arranged"

    def test_two_custodians_open_it(
        self, host: Host, chief: FlaskClient, path: str, form: dict[str, str]
    ) -> None:
        for language in ("zh", "en"):
            chief.set_cookie("language", language)
            assert chief.get(path).status_code == 200
        assert chief.post(path, data=form).status_code == 302
        with host.db.read() as session:
            assert session.scalars(select(Package.state)).one() == "released"
        chief.set_cookie("language", "zh")
        assert "已启封" in page(chief.get(path))
        again = chief.post(path, data=form)
        assert said("package_already_released") in page(again)

    @pytest.mark.parametrize(
        ("field", "value", "code", "who"),
        [
            ("first_passphrase", "wrong", "release_wrong_passphrase", "chief"),
            ("second_passphrase", "", "release_wrong_passphrase", "custodian"),
            ("second_password", "wrong", "wrong_credentials", ""),
            ("second_username", "nobody", "wrong_credentials", ""),
        ],
    )
    def test_a_wrong_word_is_named_and_nothing_opens(
        self,
        host: Host,
        stage: preparing.Staged,
        chief: FlaskClient,
        path: str,
        form: dict[str, str],
        field: str,
        value: str,
        code: str,
        who: str,
    ) -> None:
        answer = chief.post(path, data={**form, field: value})
        assert answer.status_code == 422
        assert said(code, name=getattr(stage.crew, who).name if who else "") in page(answer)
        assert preparing.PASSPHRASE not in page(answer)
        assert self.closed(host)

    def test_the_same_person_twice(
        self, host: Host, stage: preparing.Staged, chief: FlaskClient, path: str, form: dict[str, str]
    ) -> None:
        answer = chief.post(path, data={**form, "second_username": stage.crew.chief.name})
        assert said("release_same_person") in page(answer)
        assert self.closed(host)

    def test_somebody_without_a_key(
        self,
        host: Host,
        chief: FlaskClient,
        path: str,
        form: dict[str, str],
        person_as: Callable[..., Actor],
    ) -> None:
        bare = person_as("custodian")
        answer = chief.post(path, data={**form, "second_username": bare.name})
        assert said("custodian_without_key", name=bare.name) in page(answer)
        assert self.closed(host)

    def test_before_its_time_it_says_from_when(
        self,
        host: Host,
        stage: preparing.Staged,
        machine,
        chief: FlaskClient,
        path: str,
        form: dict[str, str],
    ) -> None:
        """The sitting begins at 09:00 local time and the window opens an hour before."""
        machine.advance(minutes=-31)
        assert "2026-11-21 08:00:00 起可以启封" in page(chief.get(path))
        answer = chief.post(path, data=form)
        assert answer.status_code == 403
        assert said("release_too_early", not_before="2026-11-21 08:00:00") in page(answer)
        assert self.closed(host)

    def test_the_page_is_found_by_the_package(self, chief: FlaskClient, path: str) -> None:
        assert chief.get("/papers/packages/1").location == path
        assert chief.get("/papers/packages/99").status_code == 404

    def test_without_a_package(self, stage: preparing.Staged, chief: FlaskClient) -> None:
        assert chief.get("/sittings/99/release").status_code == 409

    def test_others_cannot(
        self, stage: preparing.Staged, sign_in: Callable[[Actor], FlaskClient], path: str
    ) -> None:
        browser = sign_in(stage.crew.invigilator)
        assert browser.get(path).status_code == 403
        assert browser.post(path).status_code == 403
