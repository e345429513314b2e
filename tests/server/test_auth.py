"""Sign-in, sessions, the pause after too many tries, the second person's signature."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Self

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

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


@pytest.mark.both_stores
def test_signing_out_ends_every_copy_of_the_session(
    app: Flask, client: FlaskClient, wang: Actor, password: str
) -> None:
    enter(client, "wang", password)
    other = app.test_client()
    enter(other, "wang", password)
    copied = app.test_client()
    cookie = client.get_cookie("examhall")
    assert cookie is not None
    copied.set_cookie("examhall", cookie.value)
    assert copied.get("/").status_code == 200
    client.post("/logout")
    assert "其他电脑上的登录也已退出" in client.get("/login").text
    assert copied.get("/").location == "/login"
    assert other.get("/").location == "/login"
    assert enter(client, "wang", password).status_code == 302
    assert client.get("/").status_code == 200
    assert copied.get("/").location == "/login"


def test_a_stranger_who_signs_out_ends_nobodys_session(
    app: Flask, client: FlaskClient, wang: Actor, password: str
) -> None:
    enter(client, "wang", password)
    assert app.test_client().post("/logout").location == "/login"
    assert client.get("/").status_code == 200


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


@pytest.mark.dear
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


@pytest.mark.dear
def test_many_tries_at_once_are_no_way_around_the_limit(
    app: Flask, host: Host, wang: Actor, password: str
) -> None:
    answers: list[int] = []
    crowd = _Slow(host, after=host.tries.limit)
    tries = [
        threading.Thread(target=lambda n=n: answers.append(enter(app.test_client(), "wang", f"guess {n}")))
        for n in range(host.tries.limit + 5)
    ]
    with crowd:
        for one in tries:
            one.start()
        for one in tries:
            one.join()
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [422] * host.tries.limit + [429] * 5
    assert crowd.checked == host.tries.limit
    assert acts(host).count("sign_in_blocked") == 1
    assert enter(app.test_client(), "wang", password).status_code == 429


def test_no_more_checks_wait_than_there_are_places(
    app: Flask, host: Host, wang: Actor, password: str
) -> None:
    host.checks.most = 3
    answers: list[TestResponse] = []
    tries = [
        threading.Thread(target=lambda n=n: answers.append(enter(app.test_client(), f"name{n}", "guess")))
        for n in range(8)
    ]
    with _Slow(host, after=3) as crowd:
        for one in tries:
            one.start()
        for one in tries:
            one.join()
    assert sorted(answer.status_code for answer in answers) == [422] * 3 + [429] * 5
    assert crowd.checked == 3
    assert sum("服务器正忙" in answer.text for answer in answers) == 5
    assert enter(app.test_client(), "wang", password).status_code == 302


@pytest.mark.dear
def test_an_address_has_a_limit_over_all_names(app: Flask, host: Host, wang: Actor, password: str) -> None:
    host.addresses._own.limit = 4
    for _ in range(6):  # who is right uses nothing up
        assert enter(app.test_client(), "wang", password).status_code == 302
    for number in range(4):
        assert enter(app.test_client(), f"name{number}", "guess").status_code == 422
    assert enter(app.test_client(), "wang", password).status_code == 429
    assert acts(host)[0] == "sign_in_blocked"
    form = {"username": "wang", "password": password}
    elsewhere = {"REMOTE_ADDR": "10.0.0.9"}
    assert app.test_client().post("/login", data=form, environ_base=elsewhere).status_code == 302


@pytest.mark.parametrize(
    ("name", "word"),
    [("x" * 33, "some words"), ("x" * 1_000_000, "some words"), ("wang", "x" * 129), ("ﷺ" * 33, "x" * 129)],
)
def test_what_no_account_can_have_costs_no_work_and_no_memory(
    client: FlaskClient, host: Host, wang: Actor, name: str, word: str
) -> None:
    with _Slow(host, after=0) as crowd:
        answer = enter(client, name, word)
    assert (answer.status_code, "账号或密码不正确" in answer.text) == (422, True)
    assert len(answer.text) < 10_000
    assert crowd.checked == 0
    assert len(host.tries._own._failed) == len(host.addresses._own._failed) == 0


def test_the_longest_name_and_password_still_enter(
    client: FlaskClient, host: Host, person_as: Callable[..., Actor]
) -> None:
    who, word = person_as("invigilator", username="x" * 32), "长" * 128
    host.db.write(staff.reset_password, SYSTEM, who.user_id, passwords.hash_password(word), now=host.now())
    assert enter(client, f"  {'X' * 32} ", word).status_code == 302


class _Slow:
    """While entered, password checks of a host wait until so many have begun; `checked` counts them."""

    def __init__(self, host: Host, *, after: int) -> None:
        self._host, self._after = host, after
        self._enough = threading.Event()
        self._call = host.native.call
        self.checked = 0

    def __enter__(self) -> Self:
        self._host.native.call = self._held
        return self

    def __exit__(self, *_fault: object) -> None:
        self._host.native.call = self._call

    def _held(self, work: Callable[..., object], *args: object) -> object:
        self.checked += 1
        if self.checked >= self._after:
            self._enough.set()
        self._enough.wait(60)
        return self._call(work, *args)


@pytest.mark.dear
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

    @pytest.mark.dear
    def test_tries_are_counted(
        self, asked: Callable[..., Actor], person_as: Callable[..., Actor], host: Host
    ) -> None:
        person_as("chief_invigilator", username="li")
        for _ in range(host.tries.limit):
            with pytest.raises(Refused, match="wrong_credentials"):
                asked("li", "wrong")
        with pytest.raises(Refused, match="too_many_tries"):
            asked("li", "wrong")
