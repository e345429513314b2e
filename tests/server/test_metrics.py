"""Figures for watching programs, readiness for proxies, the log's two forms, and callers behind proxies."""

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from server import metrics
from server.app import build_app
from server.host import Host
from server.live.figures import look
from server.logs import JsonLines
from server.rules.shipping import Protection
from server.services.agents import Agent
from server.services.delivery import delivery_of
from server.services.readiness import Readiness
from server.services.shipping import Shipping
from server.settings import Settings, SettingsError
from server.web.proxies import BehindProxies
from tests.server.conftest import MASTER

TOKEN = "a token that is long enough"


def with_token(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# --- figures ------------------------------------------------------------------------------------------


@pytest.fixture
def token_app(host: Host) -> Flask:
    object.__setattr__(host.settings, "metrics_token", TOKEN)
    return build_app(host)


def test_figures_open_to_their_token_alone(token_app: Flask) -> None:
    browser = token_app.test_client()
    assert browser.get("/metrics").status_code == 404
    assert browser.get("/metrics", headers=with_token("another token, also long")).status_code == 404
    assert browser.get("/metrics", headers={"Authorization": f"Basic {TOKEN}"}).status_code == 404
    answer = browser.get("/metrics", headers=with_token(TOKEN))
    assert (answer.status_code, answer.mimetype) == (200, "text/plain")


@pytest.mark.parametrize("token", ["", "short"])
def test_a_missing_or_short_token_opens_nothing(host: Host, token: str) -> None:
    object.__setattr__(host.settings, "metrics_token", token)
    browser = build_app(host).test_client()
    assert browser.get("/metrics", headers=with_token(token)).status_code == 404


@pytest.mark.parametrize(("role", "status"), [("system_administrator", 200), ("invigilator", 404)])
def test_figures_open_to_who_sees_health(
    client_as: Callable[..., FlaskClient], role: str, status: int
) -> None:
    assert client_as(role).get("/metrics").status_code == status


def test_figures_say_what_the_host_knows(host: Host, token_app: Flask) -> None:
    delivery_of(host).links.heard(Agent(7, 1, 1, b""), host.now())
    host.epoch.number = 3
    look(host)
    told = token_app.test_client().get("/metrics", headers=with_token(TOKEN)).text
    for line in ("examhall_linked_seats 1.0", "examhall_epoch 3.0", "examhall_fenced 0.0"):
        assert line in told.splitlines()


@pytest.mark.parametrize(("state", "told"), [("protected", 1), ("unprotected", 0), ("none", -1)])
def test_whether_the_standby_has_everything(
    host: Host, monkeypatch: pytest.MonkeyPatch, state: str, told: float
) -> None:
    monkeypatch.setattr(Shipping, "protection", lambda _self: Protection(state))
    look(host)
    assert f"examhall_standby_protected {told:.1f}" in metrics.text(host.figures).decode().splitlines()


def test_counts_are_taken_over_once(host: Host) -> None:
    host.figures.count(10, 2, 0)
    host.figures.count(15, 3, 1)
    found = {each.name: each.samples[0].value for each in host.figures.registry.collect() if each.samples}
    counted = [found[f"examhall_{name}"] for name in ("records", "commits", "store_faults")]
    assert counted == [15.0, 3.0, 1.0]


WORKERS = """
import os, sys
from pathlib import Path
from server import metrics
metrics.share(Path(sys.argv[1]))
for linked, disk in ((3, 500), (4, 300)):
    child = os.fork()
    if child == 0:
        figures = metrics.Figures()
        figures.linked.set(linked), figures.disk.set(disk), figures.count(10, 1, 0)
        os._exit(0)
    os.waitpid(child, 0)
if sys.argv[2] == "ended":
    metrics.ended(child)
sys.stdout.write(metrics.text(None).decode())
"""


@pytest.mark.parametrize(("last", "linked", "disk"), [("live", 7.0, 300.0), ("ended", 3.0, 500.0)])
def test_whoever_is_asked_answers_for_all_workers(
    tmp_path: Path, last: str, linked: float, disk: float
) -> None:
    told = subprocess.run(
        [sys.executable, "-c", WORKERS, str(tmp_path / "shared"), last],
        stdout=subprocess.PIPE,
        check=True,
        cwd=Path(__file__).parents[2],
    ).stdout.decode()
    lines = told.splitlines()
    assert f"examhall_linked_seats {linked}" in lines
    assert f"examhall_disk_free_bytes {disk}" in lines
    assert "examhall_records_total 20.0" in lines  # what an ended worker has counted stays counted


# --- readiness ----------------------------------------------------------------------------------------


def test_ready_while_everything_works(client: FlaskClient) -> None:
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "ok", "wrong": []})


def test_a_fenced_server_is_not_ready(host: Host, client: FlaskClient) -> None:
    host.epoch.fenced = True
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.get_json()["wrong"]) == (503, ["fenced"])


def test_a_lost_table_of_answers_is_noticed_after_a_second(host: Host) -> None:
    moment = [100.0]
    ready = Readiness(host.db, host.answers, host.epoch, lambda: moment[0])
    assert ready.look().well
    with host.answers._engine.begin() as connection:
        connection.execute(text("ALTER TABLE answer_events RENAME TO elsewhere"))
    moment[0] = 100.9
    assert ready.look().well, "looked again within the second"
    moment[0] = 101.1
    assert ready.look().wrong == ("answers",)


# --- proxies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nearest", "said", "caller"),
    [
        ("10.0.0.9", "192.168.1.5", "10.0.0.9"),  # no proxy of ours: its word counts for nothing
        ("10.0.0.1", "192.168.1.5", "192.168.1.5"),
        ("10.0.0.1", "6.6.6.6, 192.168.1.5", "192.168.1.5"),  # the caller may have written the first part
        ("10.0.0.1", "192.168.1.5, 10.0.0.2", "192.168.1.5"),  # through two of ours
        ("10.0.0.1", "10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "fe80::1", "fe80::1"),
    ],
)
def test_caller_behind_proxies(nearest: str, said: str, caller: str) -> None:
    seen: list[str] = []

    def inner(environ: dict[str, str], _start: object) -> list[bytes]:
        seen.append(environ["REMOTE_ADDR"])
        return []

    behind = BehindProxies(inner, ("10.0.0.1", "10.0.0.2"))
    behind({"REMOTE_ADDR": nearest, "HTTP_X_FORWARDED_FOR": said}, lambda *_: None)
    assert seen == [caller]


# --- the log ------------------------------------------------------------------------------------------


def test_json_line_of_a_fault() -> None:
    try:
        raise ValueError("no")
    except ValueError:
        record = logging.getLogger("x").makeRecord(
            "x", logging.ERROR, "f", 1, "考场 %s", ("一",), sys.exc_info()
        )
    line = json.loads(JsonLines().format(record))
    assert (line["level"], line["logger"], line["text"]) == ("error", "x", "考场 一")
    assert "ValueError" in line["fault"]
    assert line["at"].endswith("+00:00")


def test_what_the_master_of_the_workers_says_is_in_our_form_too() -> None:
    words = (
        "from gunicorn.config import Config; from server.live.worker import OwnLog; from server import logs; "
    )
    words += "logs.write_logs('json'); OwnLog(Config()).error('worker %s ended', 7); OwnLog(Config()).error('again')"
    told = subprocess.run(
        [sys.executable, "-c", words], capture_output=True, check=True, cwd=Path(__file__).parents[2]
    )
    lines = [json.loads(line) for line in told.stderr.decode().splitlines()]
    assert [line["text"] for line in lines] == ["worker 7 ended", "again"]
    assert {line["logger"] for line in lines} == {"gunicorn.error"}
    assert told.stdout == b""


# --- settings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"EXAMHALL_WORKERS": "2"}, "EXAMHALL_WORKERS"),
        ({"EXAMHALL_WORKERS": "2", "DATABASE_URL": "postgresql://x/y"}, "EXAMHALL_WORKERS"),
        ({"EXAMHALL_WORKERS": "0"}, "EXAMHALL_WORKERS"),
        ({"EXAMHALL_REDIS": "http://x"}, "EXAMHALL_REDIS"),
        ({"EXAMHALL_ROLE": "king"}, "EXAMHALL_ROLE"),
        ({"EXAMHALL_LOG": "xml"}, "EXAMHALL_LOG"),
        ({"EXAMHALL_METRICS_TOKEN_FILE": "/no/such/file"}, "EXAMHALL_METRICS_TOKEN_FILE"),
    ],
)
def test_settings_that_cannot_be_used_are_named(variables: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        Settings.load(variables)


def test_several_workers_with_what_they_need() -> None:
    told = {"DATABASE_URL": "postgresql://x/y", "EXAMHALL_REDIS": "redis://h/0", "EXAMHALL_WORKERS": "4"}
    assert Settings.load(told).workers == 4


def test_pictures_lie_in_the_data_folder_or_where_told(tmp_path: Path) -> None:
    usual = Settings.load({"EXAMHALL_DATA": str(tmp_path / "d")})
    shared = Settings.load({"EXAMHALL_DATA": str(tmp_path / "d"), "EXAMHALL_EVIDENCE": str(tmp_path / "e")})
    assert (usual.evidence, shared.evidence) == (tmp_path / "d" / "evidence", tmp_path / "e")
    assert MASTER
