"""Sign-in, sessions, the pause after too many tries, the second person's signature."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from server.access import SYSTEM, Actor, Permission
from server.errors import Refused
from server.host import Host
from server.services import audit, passwords, staff
from server.web import guard
from server.web.auth import inside


@pytest.fixture
def wang(person_as: Callable[..., Actor]) -> Actor:
    return person_as("invigilator", username="wang", name="王芳")


def enter(client: FlaskClient, username: str, word: str, **more: str):
    return client.post("/login", data={"username": username, "password": word, **more})


def acts(host: Host) -> list[str]:
    with host.db.read() as session:
        return [line.act for line in audit.page(session, stream="system")]


@pytest.mark.both_stores
def test_signs_in_and_out(client: FlaskClient, host: Host, wang: Actor, password: str) -> None:
    answer = enter(client, " WANG ", password)
    assert (answer.status_code, answer.location) == (302, "/")
    assert "王芳" in client.get("/").text
    assert client.post("/logout").location == "/login"
    assert client.get("/").location == "/login"
    assert acts(host)[:2] == ["staff_signed_out", "staff_signed_in"]


def test_goes_where_it_was_asked_to(client: FlaskClient, wang: Actor, password: str) -> None:
    assert enter(client, "wang", password, next="/jobs/7").location == "/jobs/7"


@pytest.mark.parametrize(
    "goal", ["//evil.example", "https://evil.example/", "/\\evil.example", "x", "/a\nb", ""]
)
def test_never_sends_elsewhere(goal: str) -> None:
    assert inside(goal) == ""


@pytest.mark.parametrize(("username", "word"), [("wang", "wrong password"), ("nobody", "whatever"), ("", "")])
def test_wrong_credentials_all_look_alike(client: FlaskClient, wang: Actor, username: str, word: str) -> None:
    answer = enter(client, username, word)
    assert answer.status_code == 422
    assert "账号或密码不正确" in answer.text
    assert client.get("/").location == "/login"


def test_closed_account_cannot_enter_and_its_session_ends(
    client: FlaskClient, host: Host, wang: Actor, password: str
) -> None:
    enter(client, "wang", password)
    host.db.write(staff.set_active, SYSTEM, wang.user_id, False, now=host.now())
    assert client.get("/").location == "/login"
    assert enter(client, "wang", password).status_code == 422


def test_new_password_ends_other_sessions(
    app: Flask, host: Host, wang: Actor, password: str, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    here, there = sign_in(wang), sign_in(wang)
    form = {"current": password, "password": "another good one", "again": "another good one"}
    assert here.post("/password", data=form).status_code == 302
    assert here.get("/").status_code == 200
    assert there.get("/").location == "/login"
    assert enter(app.test_client(), "wang", "another good one").status_code == 302


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"current": "not it"}, "账号或密码不正确"),
        ({"password": "short", "again": "short"}, "密码须为 10 至 128"),
        ({"again": "something else"}, "两次输入的密码不一致"),
    ],
)
def test_own_password_is_changed_with_care(
    client_as: Callable[..., FlaskClient], password: str, change: dict[str, str], message: str
) -> None:
    form = {"current": password, "password": "another good one", "again": "another good one", **change}
    answer = client_as("invigilator").post("/password", data=form)
    assert (answer.status_code, message in answer.text) == (422, True)


def test_too_many_tries_pause_this_account_at_this_address(
    app: Flask, host: Host, wang: Actor, password: str
) -> None:
    client = app.test_client()
    for _ in range(host.tries.limit):
        assert enter(client, "wang", "wrong").status_code == 422
    assert enter(client, "wang", password).status_code == 429
    assert acts(host)[0] == "sign_in_blocked"
    elsewhere = {"REMOTE_ADDR": "10.0.0.9"}
    form = {"username": "wang", "password": password}
    assert app.test_client().post("/login", data=form, environ_base=elsewhere).status_code == 302


def test_a_success_forgets_the_failures(client: FlaskClient, host: Host, wang: Actor, password: str) -> None:
    for _ in range(host.tries.limit - 1):
        enter(client, "wang", "wrong")
    assert enter(client, "wang", password).status_code == 302
    client.post("/logout")
    assert enter(client, "wang", "wrong").status_code == 422


def test_session_lasts_eight_hours_and_is_closed_to_scripts(app: Flask, wang: Actor, password: str) -> None:
    assert app.permanent_session_lifetime == timedelta(hours=8)
    cookie = enter(app.test_client(), "wang", password).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_session_from_before_the_sign_in_does_not_live_on(
    client: FlaskClient, wang: Actor, password: str
) -> None:
    with client.session_transaction() as session:
        session["planted"] = "value"
    enter(client, "wang", password)
    with client.session_transaction() as session:
        assert "planted" not in session


def test_header_tokens_open_nothing(client: FlaskClient) -> None:
    assert client.get("/", headers={"Authentication-Token": "anything"}).location == "/login"


def test_hashes_are_argon2id_and_differ() -> None:
    first, second = (passwords.hash_password("the same words") for _ in range(2))
    assert first.startswith("$argon2id$")
    assert first != second
    assert passwords.matches(first, "the same words")
    assert not passwords.matches(first, "other words")
    assert not passwords.matches("not a hash", "the same words")


class TestCosign:
    @pytest.fixture
    def asked(self, app: Flask, wang: Actor, sign_in: Callable[[Actor], FlaskClient]) -> Callable[..., Actor]:
        """Asks for the second signature as a view would, with wang signed in."""

        def ask(username: str, word: str) -> Actor:
            with app.test_request_context("/"):
                guard.g.actor = wang
                form = {"cosign_username": username, "cosign_password": word}
                return guard.cosigner(form, Permission.COSIGN)

        return ask

    def test_chief_signs(
        self, asked: Callable[..., Actor], person_as: Callable[..., Actor], password: str
    ) -> None:
        chief = person_as("chief_invigilator", username="li")
        assert asked("li", password) == chief

    def test_nobody_signs_twice(self, asked: Callable[..., Actor], password: str) -> None:
        with pytest.raises(Refused, match="cosign_same_person"):
            asked("wang", password)

    def test_permission_is_needed(
        self, asked: Callable[..., Actor], person_as: Callable[..., Actor], password: str
    ) -> None:
        person_as("invigilator", username="zhao")
        with pytest.raises(Refused, match="cosign_not_allowed"):
            asked("zhao", password)

    @pytest.mark.parametrize(
        ("username", "word", "code"), [("li", "wrong", "wrong_credentials"), ("", "", "cosign_missing")]
    )
    def test_bad_credentials(
        self,
        asked: Callable[..., Actor],
        person_as: Callable[..., Actor],
        username: str,
        word: str,
        code: str,
    ) -> None:
        person_as("chief_invigilator", username="li")
        with pytest.raises(Refused, match=code):
            asked(username, word)

    def test_tries_are_counted(
        self, asked: Callable[..., Actor], person_as: Callable[..., Actor], host: Host
    ) -> None:
        person_as("chief_invigilator", username="li")
        for _ in range(host.tries.limit):
            with pytest.raises(Refused, match="wrong_credentials"):
                asked("li", "wrong")
        with pytest.raises(Refused, match="too_many_tries"):
            asked("li", "wrong")
