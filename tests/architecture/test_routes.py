"""Every page and socket event says who may use it, and the table of permissions has no dead entries."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.routing import Rule

from server.access import PERMISSIONS, PUBLIC, Permission, Role
from server.app import build_app, create_socketio
from server.db import migrate
from server.host import Host, open_host
from server.settings import Settings
from server.web import guard
from server.web.fast_lane import DOOR, LANE
from tests.kept_schema import keep_schemas

ROOT = Path(__file__).parents[2]
MASTER = b"k" * 32


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("routes")
    loaded = Settings.load({"EXAMHALL_DATA": str(folder / "data"), "EXAMHALL_PLAIN_HTTP": "1"})
    settings = replace(loaded, argon_memory=64)
    keep_schemas()
    migrate.upgrade(settings)
    opened = open_host(settings, MASTER)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def app(host: Host) -> Flask:
    return build_app(host)


@pytest.fixture(scope="module")
def namespaces(app: Flask) -> dict[str, object]:
    server = create_socketio(app).server
    assert server is not None
    assert not server.handlers, "events outside of a namespace class"
    return dict(server.namespace_handlers)


def rules(app: Flask) -> list[Rule]:
    return sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule)


def test_every_route_is_declared_or_public(app: Flask) -> None:
    undeclared = [
        rule.endpoint
        for rule in rules(app)
        if rule.endpoint not in PUBLIC and guard.declared(app.view_functions[rule.endpoint]) is None
    ]
    assert undeclared == []


def test_public_names_exist_and_declare_nothing_else(app: Flask) -> None:
    assert set(app.view_functions) >= PUBLIC
    for endpoint in PUBLIC:
        assert guard.declared(app.view_functions[endpoint]) is None, endpoint


def test_agents_routes_are_for_agents_alone(app: Flask) -> None:
    for rule in rules(app):
        declared = guard.declared(app.view_functions[rule.endpoint])
        is_agents = rule.rule.startswith("/agent/")
        assert (declared == "agent") == (is_agents and rule.endpoint not in PUBLIC), rule.rule


def test_every_route_of_the_lane_is_an_agents_route_that_flask_knows(app: Flask) -> None:
    """What is answered in front of Flask is declared like the rest, so every test of routes sees it."""
    known = {(method, rule.rule): rule.endpoint for rule in rules(app) for method in rule.methods or ()}
    for place in LANE:
        assert guard.declared(app.view_functions[known[place]]) == "agent", place
        assert known[place] not in PUBLIC, place
    for place in DOOR:
        assert guard.declared(app.view_functions[known[place]]) is None, place
        assert known[place] in PUBLIC, place


def test_every_namespace_is_declared(namespaces: dict[str, object]) -> None:
    for name, handler in namespaces.items():
        declared = getattr(handler, "permission", None)
        assert isinstance(declared, Permission) or getattr(handler, "for_agents", False), name


def test_no_permission_without_use(app: Flask, namespaces: dict[str, object]) -> None:
    used = {guard.declared(view) for view in app.view_functions.values()}
    used |= {getattr(handler, "permission", None) for handler in namespaces.values()}
    used |= _named_in("server/services", "server/web", "server/live")
    assert set(Permission) - used == set()


def _named_in(*folders: str) -> set[Permission]:
    # Permissions that a view asks for beside its own (a second signature, a field) are used there.
    text = "".join(path.read_text() for folder in folders for path in (ROOT / folder).glob("*.py"))
    return {Permission[name] for name in re.findall(r"Permission\.([A-Z_]+)", text)}


def test_every_permission_is_somebodys() -> None:
    assert set().union(*PERMISSIONS.values()) == set(Permission)
    assert set(PERMISSIONS) == set(Role)


@pytest.mark.parametrize(
    ("permission", "never"),
    [
        # What must stay apart: who assembles never reads answers at will, who watches never changes anything.
        (Permission.READ_ITEMS, {Role.ADMINISTRATOR, Role.INVIGILATOR, Role.CHIEF_INVIGILATOR, Role.AUDITOR}),
        (Permission.MANAGE_STAFF, set(Role) - {Role.ADMINISTRATOR}),
        (Permission.MANAGE_VAULT, set(Role) - {Role.ADMINISTRATOR}),
        (Permission.SEE_AUDIT, set(Role) - {Role.AUDITOR}),
        (Permission.COSIGN, {Role.INVIGILATOR, Role.CUSTODIAN, Role.AUDITOR}),
        (Permission.RUN_ROOM, {Role.ADMINISTRATOR, Role.BANK_KEEPER, Role.CUSTODIAN, Role.AUDITOR}),
        (Permission.HOLD_KEY, {Role.BANK_KEEPER, Role.INVIGILATOR, Role.AUDITOR}),
        (Permission.MARK_RESULTS, {Role.BANK_KEEPER, Role.INVIGILATOR, Role.CUSTODIAN, Role.AUDITOR}),
    ],
)
def test_duties_stay_apart(permission: Permission, never: set[Role]) -> None:
    assert not {role for role in never if permission in PERMISSIONS[role]}


def test_the_auditor_changes_nothing(app: Flask) -> None:
    own = {"security.password", "security.change_password", "jobs.cancel", "auditing.verify", "health.mark"}
    changing = [
        rule.endpoint
        for rule in rules(app)
        if "POST" in (rule.methods or set())
        and guard.declared(app.view_functions[rule.endpoint]) in PERMISSIONS[Role.AUDITOR]
        and rule.endpoint not in own
    ]
    assert changing == []


@pytest.mark.dear
@pytest.mark.parametrize("role", Role)
def test_whole_matrix_is_enforced(
    app: Flask, host: Host, role: Role, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each role against each page without parameters: refused exactly when the table says so.

    Looking at a page never writes.
    """
    client = _signed_in(app, host, role)
    monkeypatch.setattr(host.db, "write", lambda act, *_args, **_kwargs: pytest.fail(f"a GET runs {act}"))
    for rule in rules(app):
        need = guard.declared(app.view_functions[rule.endpoint])
        if rule.arguments or "GET" not in (rule.methods or set()) or not isinstance(need, Permission):
            continue
        status = client.get(rule.rule).status_code
        assert (status == 403) == (need not in PERMISSIONS[role]), f"{role} {rule.rule} -> {status}"
        assert status != 500, rule.rule


def _signed_in(app: Flask, host: Host, role: Role):
    from server.access import SYSTEM
    from server.db.people import User
    from server.services import staff

    new = staff.NewPerson(f"u.{role.value}".replace("_", "-"), role.value, "no hash", frozenset({role}))
    user_id = host.db.write(staff.add_person, SYSTEM, new, now=host.now())
    client = app.test_client()
    with host.db.read() as found, client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = found.get_one(User, user_id).fs_uniquifier, True
    return client
