"""The desk's pages: found by scanning, asked, compared in a child, confirmed, decided; and what they never show."""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from exam_rooms.seats import AttemptState
from server.access import Actor
from server.host import Host
from server.rules.policy_desk import DeskRules
from tests.server.conftest import Machine
from tests.server.delivery_kit import ID_NUMBERS, Scene, make_scene
from tests.server.signin_kit import (
    PICTURE,
    Desk,
    all_have_photos,
    change_policy,
    code_of,
    face,
    real_tickets,
    with_photos,
)

FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    made = make_scene(host, person_as)
    all_have_photos(made)
    real_tickets(made)
    return made


@dataclass
class Page:
    """The desk's page of one person."""

    scene: Scene
    client: FlaskClient
    password: str

    @property
    def path(self) -> str:
        return f"/monitor/{self.scene.room_sitting}/desk"

    def find(self, typed: str) -> TestResponse:
        return self.client.post(f"{self.path}/find", data={"typed": typed}, headers=FRAGMENT)

    def act(self, seat: str, act: str, second: Actor | None = None, **form: Any) -> TestResponse:
        registration = self.scene.attempt(seat).registration_id
        if second is not None:
            form |= {"cosign_username": second.name, "cosign_password": self.password}
        return self.client.post(f"{self.path}/{registration}/{act}", data=form, headers=FRAGMENT)

    def looks(self, seat: str, data: bytes) -> TestResponse:
        return self.act(seat, "look", consent="yes", picture=(io.BytesIO(data), "desk.jpg"))


@pytest.fixture
def page(scene: Scene, sign_in: Callable[[Actor], FlaskClient], password: str) -> Page:
    return Page(scene, sign_in(scene.staff[0]), password)


def stage(answer: TestResponse) -> str:
    found = re.search(r'data-stage="(\w+)"', answer.text)
    return found[1] if found else ""


def test_the_page_may_use_the_camera_and_names_who_is_missing(page: Page) -> None:
    answer = page.client.get(page.path)
    assert answer.status_code == 200
    assert answer.headers["Permissions-Policy"].startswith("camera=(self)")
    for said in ("签到台", "考生1", "考生2", "考生3", "未签到"):
        assert said in answer.text
    other = page.client.get(f"/monitor/{page.scene.room_sitting}")
    assert other.headers["Permissions-Policy"].startswith("camera=()")


def test_scan_agree_enter_and_the_seat_is_told_in_large_type(page: Page) -> None:
    with_photos(page.scene, s1="obama.jpg")
    answer = page.find(code_of(page.scene, "1"))
    assert stage(answer) == "ask"
    assert ID_NUMBERS[0] not in answer.text
    answer = page.looks("1", face("obama2.jpg", 480))
    assert 'data-face="match"' in answer.text
    assert "相似度" in answer.text
    answer = page.act("1", "pass", method="ticket")
    assert stage(answer) == "passed"
    assert "请到 1 号座位" in answer.text
    assert 'class="mine"' in answer.text
    assert page.client.get(f"{page.path}/people").text.count("signin-line") == 2
    again = page.find(page.scene.tickets["1"])
    assert stage(again) == "passed"


def test_no_consent_takes_no_picture_and_asks_for_a_second_person(page: Page) -> None:
    answer = page.act("1", "look", consent="no", picture=(io.BytesIO(PICTURE), "desk.jpg"))
    assert "不同意人脸比对" in answer.text
    assert "cosign_password" in answer.text
    refused = page.act("1", "pass")
    assert refused.status_code == 422
    assert 'aria-invalid="true"' in refused.text
    answer = page.act("1", "pass", page.scene.staff[1])
    assert stage(answer) == "passed"
    row = Desk(page.scene, page.scene.staff[0]).standing("1")
    assert row is not None
    assert (row.consent, row.has_picture, row.second_id) == (False, False, page.scene.staff[1].user_id)


def test_a_wrong_password_of_the_second_person_passes_nobody(page: Page) -> None:
    page.act("1", "look", consent="none")
    form = {"cosign_username": page.scene.staff[1].name, "cosign_password": "wrong"}
    assert page.act("1", "pass", **form).status_code == 422
    assert Desk(page.scene, page.scene.staff[0]).standing("1") is None


def test_a_doubt_and_its_decision_and_the_picture_on_the_record(page: Page) -> None:
    desk = Desk(page.scene, page.scene.staff[0])
    signin = desk.look("1", "mismatch")
    assert "记为存疑" in page.find(page.scene.tickets["1"]).text
    answer = page.act("1", "doubt", reason="戴口罩")
    assert stage(answer) == "doubt"
    assert "戴口罩" in answer.text
    assert page.act("1", "decide", page.scene.staff[1], reason="x", outcome="admitted").status_code == 422
    answer = page.act("1", "decide", page.scene.chief, reason="摘下口罩后一致", outcome="admitted")
    assert stage(answer) == "passed"
    assert "摘下口罩后一致" in answer.text
    picture = page.client.get(f"{page.path}/signins/{signin}/picture")
    assert (picture.status_code, picture.data) == (200, PICTURE)
    assert page.client.get(f"/monitor/999/desk/signins/{signin}/picture").status_code == 403


def test_late_is_entered_with_one_key(page: Page, machine: Machine) -> None:
    machine.advance(minutes=10)
    page.scene.start()
    machine.advance(minutes=16)
    answer = page.find(page.scene.tickets["2"])
    assert stage(answer) == "late"
    assert "迟到 16 分钟" in answer.text
    answer = page.act("2", "late")
    assert stage(answer) == "refused"
    assert page.scene.attempt("2").state == AttemptState.ABSENT


def test_paper_take_back_and_the_second_desk(page: Page, scene: Scene) -> None:
    page.act("1", "look", consent="none")
    at = scene.host.now().astimezone().strftime("%Y-%m-%dT%H:%M:%S+00:00")
    answer = page.act("1", "paper", scene.staff[1], at=at)
    assert stage(answer) == "passed"
    assert "纸质签到" in answer.text
    answer = page.act("1", "take-back", reason="选错了考生")
    assert stage(answer) == "ask"
    assert "已撤销" in answer.text
    other = Desk(scene, scene.staff[1])
    other.look("1")
    other.passes("1")
    refused = page.act("1", "look", consent="no")
    assert refused.status_code == 409
    assert scene.staff[1].name in refused.text


def test_nobody_found_offers_nothing_and_says_why(page: Page) -> None:
    answer = page.find("110101199003079999")
    assert answer.status_code == 404
    assert "本场名单中没有这名考生" in answer.text
    assert "110101199003079999" not in answer.text
    assert page.find(code_of(page.scene, "1")[:-1] + "x").status_code in (404, 422)


def test_a_stranger_is_entered_by_form_with_the_chief(page: Page) -> None:
    scene, path = page.scene, f"{page.path}/walk-in"
    assert "座位（备用座位在前）" in page.client.get(path).text
    form = {
        "name": "名单外甲",
        "id_number": "110101199003070513",
        "employer": "",
        "seat": str(scene.seats["4"]),
        "reason": "报名系统遗漏",
        "cosign_username": scene.chief.name,
        "cosign_password": page.password,
    }
    bad = page.client.post(path, data=form | {"id_number": "110101199003070514"})
    assert bad.status_code == 422
    assert "校验位不对" in bad.text
    done = page.client.post(path, data=form)
    assert (done.status_code, done.headers["Location"]) == (302, page.path)
    assert stage(page.find("110101199003070513")) == "confirm"


@pytest.mark.parametrize("role", ["rover", "supervisor", "administrator", "auditor"])
def test_watchers_have_no_desk(scene: Scene, client_as: Callable[..., FlaskClient], role: str) -> None:
    client = client_as(role)
    registration = scene.attempt("1").registration_id
    path = f"/monitor/{scene.room_sitting}/desk"
    assert client.get(path).status_code == 403
    assert client.post(f"{path}/find", data={"typed": scene.tickets["1"]}).status_code == 403
    assert client.get(f"{path}/{registration}/photo").status_code == 403


def test_an_invigilator_of_another_room_can_do_nothing_here(
    scene: Scene, person_as: Callable[..., Actor], sign_in: Callable[[Actor], FlaskClient], password: str
) -> None:
    elsewhere = Page(scene, sign_in(person_as("invigilator")), password)
    assert elsewhere.act("1", "look", consent="no").status_code == 403
    assert elsewhere.act("1", "pass").status_code == 403
    assert Desk(scene, scene.staff[0]).standing("1") is None


def test_without_comparison_by_policy_enter_alone_passes(page: Page) -> None:
    change_policy(page.scene, desk=DeskRules())
    assert stage(page.find(page.scene.tickets["3"])) == "confirm"
    assert stage(page.act("3", "pass")) == "passed"
