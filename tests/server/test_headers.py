"""Headers, CSRF tokens, upload limit: what protects every page."""

import io
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from server.access import Actor
from server.app import build_app
from server.host import Host
from server.settings import Settings
from server.web.auth import session_config


@pytest.fixture
def app(host: Host) -> Flask:
    """The application as it is served: CSRF tokens needed."""
    return build_app(host)


@pytest.mark.parametrize("path", ["/login", "/health", "/static/css/base.css", "/no-such-page", "/site-ca"])
def test_every_answer_carries_the_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_pages_are_not_kept_and_static_files_are_asked_again(client: FlaskClient) -> None:
    assert client.get("/login").headers["Cache-Control"] == "no-store"
    assert client.get("/static/css/base.css").headers["Cache-Control"] == "no-cache"


def test_forms_need_their_token(
    person_as: Callable[..., Actor], sign_in: Callable[[Actor], FlaskClient]
) -> None:
    browser = sign_in(person_as("administrator"))
    answer = browser.post("/staff/new", data={"username": "mallory"})
    assert (answer.status_code, "form_expired" in answer.text) == (400, True)
    page = browser.get("/staff/new").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token is not None
    form = {"csrf_token": token[1], "username": "mallory", "name": "马", "roles": "auditor"}
    assert browser.post("/staff/new", data={**form, "password": "long enough word"}).status_code == 302


def test_sign_in_needs_its_token_too(client: FlaskClient) -> None:
    assert client.post("/login", data={"username": "a", "password": "b"}).status_code == 400


def test_another_sites_token_is_no_use(
    person_as: Callable[..., Actor], sign_in: Callable[[Actor], FlaskClient]
) -> None:
    first, second = (sign_in(person_as("administrator")) for _ in range(2))
    token = re.search(r'name="csrf_token" value="([^"]+)"', first.get("/staff/new").text)
    assert token is not None
    second.get("/staff/new")
    assert second.post("/staff/new", data={"csrf_token": token[1]}).status_code == 400


def test_upload_limit_is_told_in_megabytes(host: Host, machine, person_as, sign_in) -> None:
    small = replace(host, settings=replace(host.settings, upload_limit=1 << 20))
    app = build_app(small)
    app.config.update(WTF_CSRF_ENABLED=False)
    who = person_as("administrator")
    browser = app.test_client()
    with host.db.read() as found, browser.session_transaction() as session:
        from server.db.people import User

        session["_user_id"], session["_fresh"] = found.get_one(User, who.user_id).fs_uniquifier, True
    body = {"file": (io.BytesIO(b"x" * (2 << 20)), "big.csv")}
    answer = browser.post("/staff/new", data=body)
    assert answer.status_code == 413
    assert "1 MB" in answer.text


def test_session_cookie_is_secure_under_tls(settings: Settings, host: Host) -> None:
    config = session_config(replace(settings, plain_http=False), host)
    assert config["SESSION_COOKIE_SECURE"] is True
    assert config["SESSION_COOKIE_NAME"].startswith("__Host-")
    assert session_config(settings, host)["SESSION_COOKIE_SECURE"] is False


def test_no_page_holds_inline_code(client_as: Callable[..., FlaskClient], app: Flask) -> None:
    browser = client_as("administrator", "auditor", "custodian")
    for path in ("/", "/staff", "/staff/new", "/staff/custody", "/settings", "/audit", "/health/detail"):
        page = browser.get(path).text
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page), path


def test_a_fault_shows_nothing_of_its_inside(app: Flask, client_as: Callable[..., FlaskClient]) -> None:
    browser = client_as("administrator")

    def broken() -> str:
        raise RuntimeError("secret inside")

    app.view_functions["home.home"] = _declared_like(app, broken)
    answer = browser.get("/")
    assert answer.status_code == 500
    assert "secret inside" not in answer.text
    assert "server_fault" in answer.text


def _declared_like(app: Flask, view: Callable[[], str]) -> Callable[[], str]:
    view.permission = app.view_functions["home.home"].permission  # type: ignore[attr-defined]
    return view
