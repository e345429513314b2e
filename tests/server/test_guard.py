"""The door: an endpoint without a declaration is closed to everybody; a declared one opens by permission."""

from collections.abc import Callable

import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient

from server.access import PERMISSIONS, Actor, Permission, Role
from server.app import build_app
from server.errors import Refused
from server.host import Host
from server.web import guard


@pytest.fixture
def app(host: Host) -> Flask:
    """The application with pages that only this test has."""
    application = build_app(host)
    application.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    bp = Blueprint("probe", __name__)
    stranger = Refused("forbidden", 401)

    def authenticate() -> None:
        if guard.request.headers.get("Authorization") != "Bearer good":
            raise stranger

    bp.get("/probe/undeclared", endpoint="undeclared")(lambda: "open")
    bp.get("/probe/banks", endpoint="banks")(guard.requires(Permission.SEE_BANKS)(lambda: guard.actor().name))
    bp.get("/agent/probe", endpoint="agent")(guard.agent_authenticated(authenticate)(lambda: "agent"))
    application.register_blueprint(bp)
    return application


@pytest.mark.parametrize("role", Role)
def test_undeclared_endpoint_is_closed_to_all(client_as: Callable[..., FlaskClient], role: Role) -> None:
    assert client_as(role).get("/probe/undeclared").status_code == 403


@pytest.mark.parametrize("role", Role)
def test_declared_endpoint_opens_by_the_table(client_as: Callable[..., FlaskClient], role: Role) -> None:
    expected = 200 if Permission.SEE_BANKS in PERMISSIONS[role] else 403
    assert client_as(role).get("/probe/banks").status_code == expected


def test_roles_add_up(client_as: Callable[..., FlaskClient]) -> None:
    assert client_as("auditor", "bank_keeper").get("/probe/banks").status_code == 200


def test_nobody_is_sent_to_sign_in(client: FlaskClient) -> None:
    assert client.get("/probe/banks").location == "/login?next=/probe/banks"
    answer = client.get("/probe/banks", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.get_json()["code"]) == (401, "sign_in_needed")


def test_staff_session_does_not_open_agents_endpoints(client_as: Callable[..., FlaskClient]) -> None:
    assert client_as("administrator").get("/agent/probe").status_code == 401


def test_agent_token_opens_agents_endpoints_only(client: FlaskClient) -> None:
    token = {"Authorization": "Bearer good"}
    assert client.get("/agent/probe", headers=token).text == "agent"
    assert client.get("/probe/banks", headers=token).status_code == 302


def test_roles_taken_away_count_at_once(
    host: Host, person_as: Callable[..., Actor], sign_in: Callable[[Actor], FlaskClient]
) -> None:
    from server.access import SYSTEM
    from server.services import staff

    keeper = person_as("bank_keeper")
    browser = sign_in(keeper)
    assert browser.get("/probe/banks").status_code == 200
    roles = frozenset({Role.INVIGILATOR})
    host.db.write(staff.set_roles, SYSTEM, keeper.user_id, roles, now=host.now())
    assert browser.get("/probe/banks").status_code == 403


def test_say_fills_in_and_never_fails(app: Flask) -> None:
    with app.test_request_context("/"):
        assert guard.say("not_found", {"thing": "batch"}) == "没有找到：batch"
        assert guard.say("not_found") == "没有找到：<thing>"
        assert guard.say("no_such_code_at_all") == "no_such_code_at_all"
