"""Packages through the pages: what each shows, who may, and why an act comes back."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from itembank.package import read_header
from server.access import Actor
from server.db.papers import Package
from server.host import Host
from tests.server import package_kit, preparing
from tests.server.desk import page, said
from tests.server.package_kit import Vaulted


@pytest.fixture
def stage(host: Host, person_as: Callable[..., Actor]) -> Vaulted:
    return package_kit.vaulted(host, person_as)


@pytest.fixture
def chief(stage: Vaulted, sign_in: Callable[[Actor], FlaskClient]) -> FlaskClient:
    return sign_in(stage.crew.chief)


@pytest.fixture
def signed(stage: Vaulted, password: str) -> dict[str, str]:
    """The administrator's signature beside the chief's session."""
    name = stage.crew.administrator.name
    return {"cosign_username": name, "cosign_password": password, "reason": "备用"}


def path(stage: Vaulted, rest: str = "") -> str:
    return f"/sittings/{stage.room}/package{rest}"


class TestPage:
    def test_shows_both_packages_their_custodians_and_every_seat(
        self, stage: Vaulted, chief: FlaskClient
    ) -> None:
        shown = page(chief.get(path(stage)))
        assert shown.index("备用卷") != -1
        assert "正卷" in shown
        assert said("proof_missing") in shown
        assert shown.count("未配对") == 3
        assert stage.package().sha256 in shown
        assert "尚未检查" in shown
        assert "起可以签发" in shown
        chief.set_cookie("language", "en")
        assert chief.get(path(stage)).status_code == 200

    def test_no_page_repeats_an_id(self, stage: Vaulted, chief: FlaskClient, machine) -> None:
        machine.advance(hours=20)
        for address in (path(stage), f"/sittings/{stage.room}/release", "/papers/proofs", "/papers/ceremony"):
            ids = re.findall(r'\sid="([^"]+)"', chief.get(address).text)
            assert len(ids) == len(set(ids)), address

    def test_is_for_people_who_may_hold_keys(
        self, stage: Vaulted, sign_in: Callable[[Actor], FlaskClient]
    ) -> None:
        for who, status in (
            (stage.crew.custodian, 200),
            (stage.crew.administrator, 200),
            (stage.crew.keeper, 403),
            (stage.crew.invigilator, 403),
        ):
            browser = sign_in(who)
            assert browser.get(path(stage)).status_code == status
            assert browser.get("/papers/ceremony").status_code == status

    def test_the_room_page_leads_there(self, stage: Vaulted, chief: FlaskClient) -> None:
        assert path(stage) in chief.get(f"/sittings/{stage.room}").text

    def test_a_room_without_a_package(self, host: Host, stage: Vaulted, chief: FlaskClient) -> None:
        host.db.write(lambda session: [session.delete(row) for row in _custodians(session)])
        host.db.write(lambda session: [session.delete(row) for row in session.query(Package)])
        assert "还没有密封试卷包" in page(chief.get(path(stage)))
        assert chief.get("/sittings/999/package").status_code == 404


def _custodians(session) -> list[object]:
    from server.db.papers import PackageCustodian

    return list(session.query(PackageCustodian))


class TestFiles:
    def test_checking_notes_that_the_file_is_sound(self, stage: Vaulted, chief: FlaskClient) -> None:
        answer = chief.post(path(stage, f"/{stage.package().id}/check"), follow_redirects=True)
        assert "试卷包完好：签名和 4 个部分的哈希都相符。" in page(answer)
        assert "检查完好" in page(answer)

    def test_a_damaged_file_is_told(self, stage: Vaulted, chief: FlaskClient) -> None:
        package = stage.package()
        stage.change(package.id, data=package.data[:-2])
        answer = chief.post(path(stage, f"/{package.id}/check"))
        assert (answer.status_code, said("package_damaged", room="第1考场") in page(answer)) == (409, True)

    def test_the_sealed_file_can_be_taken_along(self, host: Host, stage: Vaulted, chief: FlaskClient) -> None:
        answer = chief.post(path(stage, f"/{stage.package().id}/file"))
        assert f"{stage.package().uid}.expkg" in answer.headers["Content-Disposition"]
        assert read_header(answer.data, host.site.public_key).package == stage.package().uid

    @pytest.mark.parametrize("act", ["check", "file", "destroy"])
    def test_a_package_of_another_room_is_not_found(
        self, host: Host, stage: Vaulted, chief: FlaskClient, signed: dict[str, str], act: str
    ) -> None:
        answer = chief.post(f"/sittings/{stage.room + 1}/package/{stage.package().id}/{act}", data=signed)
        assert answer.status_code == 404


class TestRoomCode:
    def issue(
        self, stage: Vaulted, browser: FlaskClient, signed: dict[str, str], **changed: str
    ) -> TestResponse:
        return browser.post(path(stage, "/code"), data={**signed, **changed})

    @pytest.mark.dear
    def test_is_shown_once_with_its_picture(
        self, stage: Vaulted, chief: FlaskClient, signed: dict[str, str], machine
    ) -> None:
        machine.advance(hours=20)
        answer = self.issue(stage, chief, signed, reason="")
        shown = page(answer)
        groups = re.findall(r"<span>([0-9A-Z]{4})</span>", shown)
        assert (answer.status_code, len(groups)) == (200, 7)
        assert "<svg" in shown
        assert "style=" not in shown
        assert answer.headers["Cache-Control"] == "no-store"
        again = self.issue(stage, chief, signed, reason="")
        assert (again.status_code, said("room_code_again") in page(again)) == (422, True)
        assert groups[0] not in page(chief.get(path(stage)))
        form = {
            "first_passphrase": preparing.PASSPHRASE,
            "second_username": stage.crew.custodian.name,
            "second_password": signed["cosign_password"],
            "second_passphrase": preparing.PASSPHRASE,
        }
        release = f"/sittings/{stage.room}/release"
        wrong = chief.post(release, data={**form, "room_code": "-".join(groups[:-1])})
        assert said("room_code_length", typed=24, wanted=28) in page(wrong)
        stage.change(stage.package().id, sealed_release_secret=b"")
        missing = chief.post(release, data=form)
        assert said("room_code_needed") in page(missing)
        assert chief.post(release, data={**form, "room_code": "-".join(groups)}).status_code == 302
        assert stage.package().state == "released"
        assert page(chief.get(release)).count(stage.crew.custodian.name) >= 2

    def test_before_the_window_it_says_from_when(
        self, stage: Vaulted, chief: FlaskClient, signed: dict[str, str]
    ) -> None:
        answer = self.issue(stage, chief, signed)
        assert answer.status_code == 403
        assert said("room_code_too_early", not_before="2026-11-22 04:30:00") in page(answer)

    def test_a_wrong_second_person_is_named_at_the_field(
        self, stage: Vaulted, chief: FlaskClient, signed: dict[str, str], machine
    ) -> None:
        machine.advance(hours=20)
        answer = self.issue(stage, chief, signed, cosign_username=stage.crew.invigilator.name)
        assert said("cosign_not_allowed", name=stage.crew.invigilator.name) in page(answer)
        assert 'id="code-cosign_username-e"' in answer.text
        assert 'id="swap-cosign_username-e"' not in answer.text


class TestSwap:
    @pytest.mark.parametrize("scope", ["room", "sitting"])
    def test_puts_the_spare_in_force(
        self, stage: Vaulted, chief: FlaskClient, signed: dict[str, str], scope: str
    ) -> None:
        answer = chief.post(path(stage, "/swap"), data={**signed, "scope": scope}, follow_redirects=True)
        assert "换用备用卷" in page(answer)
        assert stage.states() == [(False, "superseded"), (True, "sealed")]
        shown = page(answer)
        assert "相邻座位可能是同一份卷" in shown
        assert f"{stage.crew.chief.name}、{stage.crew.administrator.name}" in shown

    def test_comes_back_without_a_reason(
        self, stage: Vaulted, chief: FlaskClient, signed: dict[str, str]
    ) -> None:
        answer = chief.post(path(stage, "/swap"), data={**signed, "reason": " ", "scope": "sitting"})
        assert (answer.status_code, said("reason_missing") in page(answer)) == (422, True)
        assert 'id="swap-reason-e"' in answer.text
        assert 'value="sitting" checked' in answer.text


class TestDestruction:
    def test_is_offered_after_the_retention_and_done_by_two(
        self, stage: Vaulted, chief: FlaskClient, signed: dict[str, str], machine
    ) -> None:
        target = path(stage, f"/{stage.package().id}/destroy")
        early = chief.post(target, data=signed)
        assert early.status_code == 403
        assert "到期后才能销毁" in page(early)
        assert "destroy-1-reason" not in page(chief.get(path(stage)))
        machine.advance(days=1829)
        assert "destroy-1-reason" in page(chief.get(path(stage)))
        shown = page(chief.post(target, data=signed, follow_redirects=True))
        assert "试卷包已销毁" in shown
        assert "已销毁" in shown


class TestProofs:
    def test_a_custodian_proves_all_shares_at_once(
        self, stage: Vaulted, sign_in: Callable[[Actor], FlaskClient]
    ) -> None:
        browser = sign_in(stage.crew.custodian)
        assert page(browser.get("/papers/proofs")).count("未验证") == 2
        wrong = browser.post("/papers/proofs", data={"passphrase": "wrong"})
        assert said("release_wrong_passphrase", name=stage.crew.custodian.name) in page(wrong)
        done = browser.post(
            "/papers/proofs", data={"passphrase": preparing.PASSPHRASE}, follow_redirects=True
        )
        assert "2 份试卷包的密钥份额可以打开" in page(done)
        assert "未验证" not in page(done)
        assert preparing.PASSPHRASE not in page(done)
        assert said("proof_of_one_role") in page(browser.get(f"/sittings/{stage.room}/release"))

    def test_a_new_key_does_not_open_old_shares(
        self, host: Host, stage: Vaulted, sign_in: Callable[[Actor], FlaskClient]
    ) -> None:
        preparing.give_keys(host, stage.crew.custodian)
        browser = sign_in(stage.crew.custodian)
        done = browser.post(
            "/papers/proofs", data={"passphrase": preparing.PASSPHRASE}, follow_redirects=True
        )
        assert "第1考场的试卷包是用您以前的密钥密封的" in page(done)

    def test_who_holds_nothing_is_told_so(
        self, host: Host, stage: Vaulted, person_as: Callable[..., Actor], sign_in
    ) -> None:
        stranger = person_as("custodian")
        browser = sign_in(stranger)
        assert said("custodian_without_key", name=stranger.name) in page(
            browser.post("/papers/proofs", data={"passphrase": "x"})
        )
        assert "您目前没有保管任何待启封的试卷包" in page(browser.get("/papers/proofs"))


class TestCeremony:
    def test_lists_holders_and_what_is_missing(self, stage: Vaulted, chief: FlaskClient) -> None:
        shown = page(chief.get("/papers/ceremony"))
        assert "没有检查服务器上的文件" in shown
        assert said("proof_missing") in shown
        assert "没有密钥" in shown  # the second administrator
        assert "另有备用卷" in shown
        chief.set_cookie("language", "en")
        assert chief.get("/papers/ceremony").status_code == 200

    def test_hands_out_ones_own_key_file(self, stage: Vaulted, chief: FlaskClient) -> None:
        answer = chief.post("/papers/ceremony/key")
        assert answer.json is not None
        assert answer.json["id"] == str(stage.crew.chief.user_id)
        assert "attachment" in answer.headers["Content-Disposition"]

    def test_a_person_without_a_key_has_no_file(
        self, stage: Vaulted, sign_in: Callable[[Actor], FlaskClient]
    ) -> None:
        answer = sign_in(stage.crew.approver).post("/papers/ceremony/key")
        assert said("custodian_without_key", name=stage.crew.approver.name) in page(answer)
