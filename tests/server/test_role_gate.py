"""What an installation of one role does not have."""

from dataclasses import replace

import pytest
from flask import Flask

from exam_rooms.routes import Route
from server.app import build_app
from server.host import Host
from server.web import role_gate


def role(host: Host, name: str) -> Flask:
    return build_app(replace(host, settings=replace(host.settings, role=name)))


@pytest.mark.parametrize(
    ("name", "path", "found"),
    [
        ("site", "/banks", False),
        ("site", "/blueprints", False),
        ("site", "/papers", False),
        ("site", "/sites", True),
        ("authority", "/banks", True),
        ("authority", "/sites", True),
        ("all", "/banks", True),
    ],
)
def test_pages_of_the_other_role_are_not_there(host: Host, name: str, path: str, found: bool) -> None:
    assert (role(host, name).test_client().get(path).status_code != 404) is found


@pytest.mark.parametrize(("name", "found"), [("authority", False), ("site", True), ("all", True)])
def test_no_workstation_is_paired_at_an_authority(host: Host, name: str, found: bool) -> None:
    answer = role(host, name).test_client().post(Route.PAIR, json={})
    assert (answer.status_code != 404) is found


@pytest.mark.parametrize(("name", "status"), [("authority", 404), ("site", 401), ("all", 401)])
def test_an_authority_has_no_routes_of_seats_on_the_lane_either(host: Host, name: str, status: int) -> None:
    client = role(host, name).test_client()
    assert client.post(Route.CHALLENGE).status_code == (404 if name == "authority" else 200)
    assert client.post(Route.SIGN_IN, json={}).status_code == status
    assert client.get(Route.STATE).status_code == status


@pytest.mark.parametrize(("name", "status"), [("authority", 401), ("site", 404), ("all", 401)])
def test_a_site_takes_no_results(host: Host, name: str, status: int) -> None:
    assert role(host, name).test_client().post("/site-link/exchange").status_code == status


def test_every_closed_blueprint_is_one_that_there_is(host: Host) -> None:
    app = role(host, "all")
    assert app.blueprints.keys() >= role_gate.AUTHORITY_ONLY | role_gate.SITE_ONLY
    assert app.view_functions.keys() >= role_gate._AT_AUTHORITY | role_gate._AT_SITE
