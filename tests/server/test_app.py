"""The application as a whole: it opens, tells that it lives, and refuses what it does not know."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from server.app import create_app
from server.db.record import JobRow
from server.host import Host
from server.settings import Settings
from tests.server.conftest import MASTER


def test_tells_that_it_lives(client: FlaskClient) -> None:
    assert client.get("/health").get_json() == {"status": "ok"}


def test_unknown_page_is_a_calm_page(client_as: Callable[..., FlaskClient]) -> None:
    answer = client_as("auditor").get("/no-such-page")
    assert answer.status_code == 404
    assert "page_missing" in answer.text


def test_unknown_agent_path_answers_json(client: FlaskClient) -> None:
    answer = client.get("/agent/no-such-thing")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "page_missing")


def test_home_asks_to_sign_in_and_comes_back(client: FlaskClient) -> None:
    answer = client.get("/jobs/7?x=1")
    assert answer.status_code == 302
    assert answer.location == "/login?next=/jobs/7?x%3D1"


def test_demo_key_shows_on_every_page(settings: Settings) -> None:
    app = create_app(settings, MASTER, demo=True)
    assert "DEMO" in app.test_client().get("/login").text


def test_no_ribbon_without_demo_key(client: FlaskClient) -> None:
    assert "DEMO" not in client.get("/login").text


@pytest.mark.both_stores
def test_jobs_of_a_dead_process_are_marked(host: Host, settings: Settings) -> None:
    job = host.db.write(_leave_a_job, host)
    create_app(settings, MASTER)
    with host.db.read() as session:
        row = session.get_one(JobRow, job)
        assert (row.state, row.fault) == ("failed", "job_interrupted")


def _leave_a_job(session, host: Host) -> int:
    row = JobRow(kind="echo", state="running", created_at=host.now())
    session.add(row)
    session.flush()
    return row.id
