"""People: added with roles and an initial password, changed, closed; the last administrator stays."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from itembank.custody import open_custodian_key
from server.access import SYSTEM, Actor, Role
from server.db.people import CustodianKey
from server.errors import Forbidden, Refused
from server.host import Host
from server.services import audit, staff

GOOD = {
    "username": "Chen.Jie",
    "name": "陈洁",
    "roles": ["custodian", "auditor"],
    "password": "first words 1",
}


@pytest.fixture
def admin(client_as: Callable[..., FlaskClient]) -> FlaskClient:
    return client_as("administrator", username="admin")


def find(host: Host, username: str) -> staff.Account:
    with host.db.read() as session:
        account = staff.find_account(session, username)
    assert account is not None
    return account


@pytest.mark.both_stores
def test_adds_a_person_who_can_sign_in(admin: FlaskClient, client: FlaskClient, host: Host) -> None:
    assert admin.post("/staff/new", data=GOOD).status_code == 302
    assert find(host, "chen.jie").actor.roles == {Role.CUSTODIAN, Role.AUDITOR}
    assert "陈洁" in admin.get("/staff").text
    entered = client.post("/login", data={"username": "chen.jie", "password": "first words 1"})
    assert entered.status_code == 302


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"username": "a"}, "username", "账号须为"),
        ({"username": "陈洁"}, "username", "账号须为"),
        ({"username": "admin"}, "username", "账号 admin 已被使用"),
        ({"name": "  "}, "name", "请填写姓名"),
        ({"name": "名" * 65}, "name", "请填写姓名"),
        ({"roles": []}, "roles", "请至少选择一个角色"),
        ({"roles": ["emperor"]}, "roles", "没有角色“emperor”"),
        ({"password": "short"}, "password", "密码须为"),
    ],
)
def test_wrong_input_is_told_at_its_field(
    admin: FlaskClient, host: Host, change: dict[str, object], field: str, message: str
) -> None:
    answer = admin.post("/staff/new", data={**GOOD, **change})
    assert answer.status_code == 422
    assert message in answer.text
    assert f'id="{field}-e"' in answer.text
    with host.db.read() as session:
        assert [one.username for one in staff.people(session)] == ["admin"]


def test_what_was_typed_stays_but_never_the_password(admin: FlaskClient) -> None:
    page = admin.post("/staff/new", data={**GOOD, "username": "x"}).text
    assert 'value="陈洁"' in page
    assert "first words 1" not in page


def test_roles_are_replaced(admin: FlaskClient, host: Host, person_as: Callable[..., Actor]) -> None:
    who = person_as("invigilator", username="wang")
    admin.post(f"/staff/{who.user_id}/roles", data={"roles": ["chief_invigilator"]})
    assert find(host, "wang").actor.roles == {Role.CHIEF_INVIGILATOR}


def test_password_is_reset(
    admin: FlaskClient, client: FlaskClient, person_as: Callable[..., Actor], password: str
) -> None:
    who = person_as("invigilator", username="wang")
    admin.post(f"/staff/{who.user_id}/password", data={"password": "brand new words"})
    assert client.post("/login", data={"username": "wang", "password": password}).status_code == 422
    assert client.post("/login", data={"username": "wang", "password": "brand new words"}).status_code == 302


def test_account_is_closed_and_reopened(
    admin: FlaskClient, host: Host, person_as: Callable[..., Actor]
) -> None:
    who = person_as("invigilator", username="wang")
    admin.post(f"/staff/{who.user_id}/active", data={"active": "0"})
    assert not find(host, "wang").active
    admin.post(f"/staff/{who.user_id}/active", data={"active": "1"})
    assert find(host, "wang").active


def test_nobody_closes_the_own_account(admin: FlaskClient, host: Host) -> None:
    mine = find(host, "admin").id
    answer = admin.post(f"/staff/{mine}/active", data={"active": "0"})
    assert (answer.status_code, "不能停用自己的账号" in answer.text) == (409, True)


@pytest.mark.both_stores
def test_the_last_administrator_stays(host: Host, person_as: Callable[..., Actor]) -> None:
    first, second = person_as("administrator"), person_as("administrator")
    other = frozenset({Role.AUDITOR})
    host.db.write(staff.set_active, SYSTEM, second.user_id, False, now=host.now())
    with pytest.raises(Refused, match="last_administrator"):
        host.db.write(staff.set_roles, SYSTEM, first.user_id, other, now=host.now())
    with pytest.raises(Refused, match="last_administrator"):
        host.db.write(staff.set_active, SYSTEM, first.user_id, False, now=host.now())
    host.db.write(staff.set_active, SYSTEM, second.user_id, True, now=host.now())
    host.db.write(staff.set_roles, SYSTEM, first.user_id, other, now=host.now())


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
def test_services_check_the_permission_themselves(
    host: Host, person_as: Callable[..., Actor], role: Role
) -> None:
    who = person_as(role)
    new = staff.NewPerson("x1", "x", "hash", frozenset({Role.ADMINISTRATOR}))
    with pytest.raises(Forbidden):
        host.db.write(staff.add_person, who, new, now=host.now())
    with pytest.raises(Forbidden):
        host.db.write(staff.set_roles, who, who.user_id, frozenset(Role), now=host.now())


def test_unknown_person_is_not_found(admin: FlaskClient) -> None:
    assert admin.get("/staff/999").status_code == 404
    assert admin.post("/staff/999/roles", data={"roles": ["auditor"]}).status_code == 404


def test_everything_is_in_the_record_without_secrets(admin: FlaskClient, host: Host) -> None:
    admin.post("/staff/new", data=GOOD)
    with host.db.read() as session:
        (line, *_rest) = audit.page(session, act="person_added")
    assert (line.actor, line.object, line.details) == (
        "admin",
        "user/chen.jie",
        {"roles": ["auditor", "custodian"]},
    )


class TestOwnKey:
    WORDS = "a passphrase of mine"

    @pytest.fixture
    def form(self, password: str) -> dict[str, str]:
        return {"passphrase": self.WORDS, "again": self.WORDS, "password": password}

    @pytest.mark.both_stores
    def test_key_opens_with_the_passphrase_only(
        self, client_as: Callable[..., FlaskClient], host: Host, form: dict[str, str]
    ) -> None:
        browser = client_as("custodian", username="li")
        assert browser.post("/staff/custody", data=form).status_code == 302
        with host.db.read() as session:
            row = session.get_one(CustodianKey, find(host, "li").id)
        assert len(open_custodian_key(row.sealed_private, self.WORDS)) == 32
        with pytest.raises(Exception, match="wrong_passphrase"):
            open_custodian_key(row.sealed_private, "something else")

    def test_replacing_is_said_twice(
        self, client_as: Callable[..., FlaskClient], host: Host, form: dict[str, str]
    ) -> None:
        browser = client_as("custodian", username="li")
        browser.post("/staff/custody", data=form)
        before = self.public(host)
        answer = browser.post("/staff/custody", data=form)
        assert (answer.status_code, "更换密钥" in answer.text, self.public(host)) == (422, True, before)
        assert browser.post("/staff/custody", data={**form, "replace": "1"}).status_code == 302
        assert self.public(host) != before

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"passphrase": "short", "again": "short"}, "口令须为"),
            ({"again": "another passphrase"}, "两次输入的口令不一致"),
            ({"password": "not mine"}, "账号或密码不正确"),
        ],
    )
    def test_wrong_input(
        self,
        client_as: Callable[..., FlaskClient],
        form: dict[str, str],
        change: dict[str, str],
        message: str,
    ) -> None:
        answer = client_as("custodian").post("/staff/custody", data={**form, **change})
        assert (answer.status_code, message in answer.text) == (422, True)

    def test_invigilators_hold_no_key(
        self, client_as: Callable[..., FlaskClient], form: dict[str, str]
    ) -> None:
        assert client_as("invigilator").post("/staff/custody", data=form).status_code == 403

    @staticmethod
    def public(host: Host) -> bytes:
        with host.db.read() as session:
            return session.get_one(CustodianKey, find(host, "li").id).public_key
