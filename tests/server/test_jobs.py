"""Long work in children: result, progress, refusal, limits, cancel, crash; the pages that show it."""

import io
import re
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from server.access import SYSTEM, Actor
from server.errors import NotFound, Refused
from server.host import Host
from server.jobs.pipe import read_message, write_message
from server.jobs.runner import Jobs
from server.jobs.tasks import TASKS
from server.services import joblist
from server.web.layout import JOBS


def state(host: Host, job_id: int) -> joblist.JobView:
    with host.db.read() as session:
        return joblist.look(session, job_id)


def finished(host: Host, jobs: Jobs, payload: dict, **more) -> joblist.JobView:
    more = {"done": lambda _result: None, **more}
    job_id = jobs.start("echo", payload, actor=SYSTEM, link="/banks/1", **more)
    jobs.wait(job_id)
    return state(host, job_id)


pytestmark = pytest.mark.usefixtures("cold_children")


def test_every_kind_of_job_has_a_name_for_people() -> None:
    assert set(JOBS) == set(TASKS)


@pytest.fixture
def tight(host: Host) -> Jobs:
    """A runner whose children may use little."""
    settings = replace(host.settings, job_memory=300 << 20, job_cpu=1)
    return Jobs(host.db, settings, host.now)


@pytest.mark.both_stores
def test_result_reaches_the_caller_before_the_job_is_done(host: Host) -> None:
    seen = []
    view = finished(
        host,
        host.jobs,
        {"value": "题目", "data": b"\x00\xff raw"},
        done=lambda result: seen.append((result, [state(host, 1).state])),
    )
    assert seen == [({"value": "题目", "data": b"\x00\xff raw"}, ["running"])]
    assert (view.state, view.percent, view.link) == ("done", 100, "/banks/1")


@pytest.mark.dear
def test_progress_is_seen_while_it_works(host: Host) -> None:
    job_id = host.jobs.start(
        "echo", {"steps": 4, "pause": 0.3}, actor=SYSTEM, link="", done=lambda _result: None
    )
    shares = set()
    while (view := state(host, job_id)).running:
        shares.add(view.percent)
    host.jobs.wait(job_id)
    assert shares & {25, 50, 75, 100}


def test_refusal_of_the_task_is_told_with_its_parameters(host: Host) -> None:
    codes = []
    view = finished(host, host.jobs, {"refuse": "not_found"}, failed=codes.append)
    assert (view.state, view.fault, view.fault_params) == ("failed", "not_found", {"row": "7"})
    assert codes == ["not_found"]


def test_memory_is_bounded(host: Host, tight: Jobs) -> None:
    assert finished(host, tight, {"eat": 600 << 20}).fault == "job_too_big"


@pytest.mark.dear
def test_processor_time_is_bounded(host: Host, tight: Jobs) -> None:
    assert finished(host, tight, {"spin": True}).fault == "job_too_long"


def test_cancel_ends_the_child_and_stores_nothing(host: Host) -> None:
    stored, codes = [], []
    job_id = host.jobs.start(
        "echo",
        {"steps": 200, "pause": 0.1},
        actor=SYSTEM,
        link="",
        done=stored.append,
        failed=codes.append,
    )
    host.jobs.cancel(job_id)
    host.jobs.wait(job_id)
    assert (state(host, job_id).state, stored, codes) == ("cancelled", [], ["job_cancelled"])


# The first fills the pipe of a child that does not read; the second then waits in the buffer of the writer.
MORE_THAN_A_PIPE_HOLDS = {"first": bytes(60_000), "second": bytes(8_000)}


def test_a_child_cancelled_before_it_read_what_it_was_told(host: Host) -> None:
    codes: list[str] = []
    told = MORE_THAN_A_PIPE_HOLDS | {"steps": 200, "pause": 0.1}
    job_id = host.jobs.start(
        "echo", told, actor=SYSTEM, link="", done=lambda _result: None, failed=codes.append
    )
    while not host.jobs.running():
        time.sleep(0.001)
    host.jobs.cancel(job_id)
    host.jobs.wait(job_id)
    assert (state(host, job_id).state, codes) == ("cancelled", ["job_cancelled"])


def test_a_crash_is_not_the_servers(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    assert finished(host, host.jobs, {"die": True}).fault == "job_crashed"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_result_that_cannot_be_stored_fails_the_job(host: Host) -> None:
    def broken(_result: object) -> None:
        raise RuntimeError("disk full")

    assert finished(host, host.jobs, {}, done=broken).fault == "job_failed"


def test_a_refusal_while_storing_is_the_jobs_fault(host: Host) -> None:
    def refuse(_result: object) -> None:
        raise Refused("not_found", 404, thing="bank")

    view = finished(host, host.jobs, {}, done=refuse)
    assert (view.fault, view.fault_params) == ("not_found", {"thing": "bank"})


@pytest.mark.dear
def test_more_jobs_than_places_all_get_done(host: Host) -> None:
    ids = [host.jobs.start("echo", {}, actor=SYSTEM, link="", done=lambda _result: None) for _ in range(5)]
    for job_id in ids:
        host.jobs.wait(job_id)
    assert {state(host, job_id).state for job_id in ids} == {"done"}


def test_run_waits_and_refuses(host: Host) -> None:
    assert host.jobs.run("echo", {"value": 7})["value"] == 7
    with pytest.raises(Refused) as caught:
        host.jobs.run("echo", {"refuse": "not_found"})
    assert caught.value.params == {"row": "7"}


def test_child_gets_no_secrets_by_its_environment(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    assert "DATABASE_URL" not in host.jobs.run("echo", {"environment": True})["value"]


def test_unknown_job_is_not_found(host: Host) -> None:
    with pytest.raises(NotFound):
        state(host, 99)


class TestPipe:
    def test_round_trip_with_raw_bytes(self) -> None:
        stream = io.BytesIO()
        body = {"text": "题\n干", "n": 3, "file": b"\n{}\n" * 3, "empty": b""}
        write_message(stream, "payload", body)
        write_message(stream, "progress", {"share": 0.5})
        stream.seek(0)
        assert read_message(stream) == ("payload", body)
        assert read_message(stream) == ("progress", {"share": 0.5})
        assert read_message(stream) is None

    @pytest.mark.parametrize("junk", [b"", b"{", b"plain text\n", b"[1]\n", b"{}\n", b'{"a":1}\n'])
    def test_junk_ends_the_talk(self, junk: bytes) -> None:
        assert read_message(io.BytesIO(junk)) is None


class TestPages:
    @pytest.fixture
    def slow(self, host: Host, person_as: Callable[..., Actor]) -> tuple[int, Actor]:
        owner = person_as("bank_keeper")
        payload = {"steps": 300, "pause": 0.1}
        job_id = host.jobs.start("echo", payload, actor=owner, link="/banks", done=lambda _result: None)
        return job_id, owner

    def test_page_renews_itself_while_it_runs(
        self, host: Host, slow: tuple[int, Actor], sign_in: Callable[[Actor], FlaskClient]
    ) -> None:
        job_id, owner = slow
        browser = sign_in(owner)
        page = browser.get(f"/jobs/{job_id}").text
        assert re.search(rf'hx-get="/jobs/{job_id}/fragment"', page)
        assert "<html" not in browser.get(f"/jobs/{job_id}/fragment").text
        assert browser.post(f"/jobs/{job_id}/cancel").status_code == 302
        host.jobs.wait(job_id)
        fragment = browser.get(f"/jobs/{job_id}/fragment").text
        assert "hx-get" not in fragment
        assert "已取消" in fragment
        assert 'href="/banks"' in fragment

    def test_only_its_owner_or_the_administrator_cancels(
        self, host: Host, slow: tuple[int, Actor], client_as: Callable[..., FlaskClient]
    ) -> None:
        job_id, _owner = slow
        assert client_as("bank_keeper").post(f"/jobs/{job_id}/cancel").status_code == 403
        assert state(host, job_id).running
        assert client_as("administrator").post(f"/jobs/{job_id}/cancel").status_code == 302
        host.jobs.wait(job_id)
        assert state(host, job_id).state == "cancelled"
