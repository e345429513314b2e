"""The page of a room behind Safe Exam Browser, through the browser's eyes."""

import gzip
from collections.abc import Callable
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from server.access import Actor
from server.db.rooms import Room
from server.host import Host
from server.rules.seb.config import write_plist
from server.rules.seb.file import read_seb, write_seb
from server.rules.seb.safe_settings import SebPlan, safe_settings, start_url
from server.rules.seb.seb_json import config_key
from server.services import seb
from tests.server.desk import page

OWN = {"startURL": start_url(19000), "sendBrowserExamKey": True, "allowQuit": False}


@pytest.fixture
def room(host: Host) -> int:
    def add(session: Session) -> int:
        row = Room(name="一号", layout={}, created_at=host.now())
        session.add(row)
        session.flush()
        return row.id

    return host.db.write(add)


@pytest.fixture
def admin(client_as: Callable[..., FlaskClient]) -> FlaskClient:
    return client_as("administrator")


def post(client: FlaskClient, room: int, act: str, data: bytes | None = None, **form: str) -> TestResponse:
    fields: dict[str, object] = dict(form)
    if data is not None:
        fields["file"] = (BytesIO(data), "room.seb")
    return client.post(f"/rooms/{room}/seb/{act}", data=fields, content_type="multipart/form-data")


def key_of(host: Host, room: int) -> str:
    with host.db.read() as session:
        setup = seb.setup_of(session, room)
    return setup.config_key if setup else ""


@pytest.mark.parametrize("language", ["zh", "en"])
def test_settings_are_made_shown_and_taken_out(
    host: Host, admin: FlaskClient, room: int, language: str
) -> None:
    admin.set_cookie("language", language)
    assert admin.get(f"/rooms/{room}/seb").status_code == 200
    made = post(admin, room, "make", port="18080", quit_password="leave-the-exam")
    assert made.status_code == 302
    shown = page(admin.get(made.location))
    key = config_key(safe_settings(SebPlan(18080, "leave-the-exam")))
    assert key in shown and "leave-the-exam" in shown
    plain = post(admin, room, "file")
    assert plain.headers["Content-Disposition"] == f'attachment; filename="room-{room}.seb"'
    assert config_key(read_seb(plain.data)) == key
    sealed = post(admin, room, "file", file_password="on the stick")
    assert config_key(read_seb(sealed.data, "on the stick")) == key
    assert post(admin, room, "file", file_password="short").status_code == 422
    assert post(admin, room, "drop").status_code == 302
    assert key_of(host, room) == ""


def test_a_refused_plan_keeps_what_was_typed(admin: FlaskClient, room: int) -> None:
    answer = post(admin, room, "make", port="80", quit_password="leave-the-exam")
    assert answer.status_code == 422
    assert 'value="80"' in page(answer) and "leave-the-exam" not in page(answer)
    assert post(admin, room, "make", port="x", quit_password="leave-the-exam").status_code == 422


def test_an_own_file_gives_the_expected_key(host: Host, admin: FlaskClient, room: int) -> None:
    data = write_seb(write_plist(OWN), "their password")
    needed = post(admin, room, "take", data)
    assert needed.status_code == 409 and 'id="password-e"' in page(needed)
    wrong = post(admin, room, "take", data, password="another")
    assert wrong.status_code == 409 and "文件口令不正确" in page(wrong)
    assert post(admin, room, "take", data, password="their password").status_code == 302
    assert key_of(host, room) == config_key(OWN)


def test_a_foreign_or_broken_file_says_what_to_do(admin: FlaskClient, room: int) -> None:
    for data, words in (
        (gzip.compress(b"pkhs" + b"\0" * 100), "证书"),
        (b"hello", "这不是 SEB 配置文件"),
        (write_plist(OWN | {"startURL": "https://moodle.example/"}), "开始地址"),
        (write_plist(OWN | {"sendBrowserExamKey": False}), "sendBrowserExamKey"),
    ):
        answer = post(admin, room, "take", data)
        assert answer.status_code == 409 and words in page(answer)


def test_a_doubtful_key_is_told_and_can_be_given(host: Host, admin: FlaskClient, room: int) -> None:
    data = write_plist(OWN | {"note": 'say "x"'})
    assert "note" in page(admin.get(post(admin, room, "take", data).location))
    assert post(admin, room, "take", data, config_key="A" * 64).status_code == 302
    assert key_of(host, room) == "a" * 64


def test_browser_exam_keys_are_pasted(host: Host, admin: FlaskClient, room: int) -> None:
    post(admin, room, "make", port="18080", quit_password="leave-the-exam")
    bad = post(admin, room, "keys", exam_keys="abc")
    assert bad.status_code == 422 and 'id="exam_keys-e"' in page(bad)
    assert post(admin, room, "keys", exam_keys=f"{'1' * 64}\n{'2' * 64}").status_code == 302
    with host.db.read() as session:
        setup = seb.setup_of(session, room)
    assert setup is not None and setup.exam_keys == ("1" * 64, "2" * 64)


def test_only_who_manages_rooms_sees_it(
    client_as: Callable[..., FlaskClient], person_as: Callable[..., Actor], room: int
) -> None:
    for role in ("invigilator", "chief_invigilator", "auditor"):
        client = client_as(role)
        assert client.get(f"/rooms/{room}/seb").status_code == 403
        assert post(client, room, "file").status_code == 403


def test_a_room_that_is_not_there(admin: FlaskClient) -> None:
    assert admin.get("/rooms/99/seb").status_code == 404
    assert post(admin, 99, "make", port="18080", quit_password="leave-the-exam").status_code == 404
