"""A server that was replaced: it keeps that over a restart, confirms nothing, and a person may overrule it."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from exam_rooms.protocol import EPOCH_HEADER, Route
from exam_rooms.standby_messages import EPOCH_MOST, FIRST, Reign, epoch_of
from server.access import SYSTEM, Actor
from server.db.epochs import ServerEpoch
from server.epoch import MARK, Epoch, met, proven
from server.errors import Refused
from server.host import Host, open_host
from server.live.watch import Watch
from server.services import attempts, audit, epochs
from server.settings import Settings, SettingsError
from server.web.acts import ACTS
from tests.server.conftest import MASTER, Machine
from tests.server.epoch_kit import later

KEY = b"k" * 32


def note(session: Session, *, now: datetime) -> None:
    audit.record(session, audit.SYSTEM_STREAM, SYSTEM, "standby_promoted", "epoch/9", now=now)


def test_a_new_installation_begins_the_first_epoch_once(host: Host, machine: Machine) -> None:
    assert host.epoch.number == 1 and not host.epoch.fenced
    again = open_host(host.settings, MASTER, look=machine.look)
    again.close()
    with host.db.read() as session:
        assert [(row.number, row.how) for row in session.query(ServerEpoch)] == [(1, "first")]


@pytest.mark.both_stores
def test_nothing_is_written_once_a_higher_epoch_was_met(host: Host, machine: Machine) -> None:
    host.epoch.meet(Reign(1))
    host.db.write(note, now=host.now())
    with host.db.read() as session:
        entries = audit.verify(session, audit.SYSTEM_STREAM).entries
    with pytest.raises(Refused, match="server_fenced"):
        host.epoch.meet(later(host))
    with pytest.raises(Refused, match="server_fenced"):
        host.db.write(note, now=host.now())
    with host.db.read() as session:
        assert audit.verify(session, audit.SYSTEM_STREAM).entries == entries
    restarted = open_host(replace(host.settings), MASTER, look=machine.look)
    assert restarted.epoch.fenced and not restarted.leads()
    Watch(restarted).tick()
    restarted.close()
    assert met(host.settings.data) == 2


def test_a_write_that_ended_after_the_fence_is_not_confirmed(host: Host) -> None:
    def meanwhile(session: Session, *, now: datetime) -> None:
        note(session, now=now)
        with pytest.raises(Refused):
            host.epoch.meet(later(host, 5))

    with pytest.raises(Refused, match="server_fenced"):
        host.db.write(meanwhile, now=host.now())


def test_another_process_of_the_machine_hears_of_the_fence_by_the_mark(tmp_path: Path) -> None:
    here, there = (Epoch(FIRST, KEY, tmp_path / MARK) for _ in range(2))
    assert not there.look()
    with pytest.raises(Refused):
        here.meet(proven(KEY, Reign(4, 1)))
    assert there.look() and met(tmp_path) == 4
    (tmp_path / MARK).write_text("damaged")
    assert met(tmp_path) == 1 and Epoch(Reign(9), KEY, tmp_path / MARK).fenced


def test_a_disk_that_takes_nothing_does_not_keep_a_server_acknowledging(tmp_path: Path) -> None:
    reign = Epoch(FIRST, KEY, tmp_path / "missing" / MARK)
    with pytest.raises(Refused):
        reign.meet(proven(KEY, Reign(2)))
    with pytest.raises(Refused):
        reign.check()


def test_a_takeover_and_a_forgotten_fence_are_on_the_record(host: Host) -> None:
    actor = Actor(None, "console/root")
    assert host.db.write(epochs.take_over, actor, "power supply", 1, now=host.now()) == 2
    assert host.db.write(epochs.forget_fence, actor, 3, "drill", now=host.now()) == 4
    with host.db.read() as session:
        rows = {row.number: (row.how, row.taken_by, row.reason) for row in session.query(ServerEpoch)}
        acts = set(audit.acts(session))
    assert rows[2] == ("takeover", "console/root", "power supply")
    assert rows[4] == ("unfenced", "console/root", "drill")
    assert {"standby_promoted", "fence_forgotten"} <= acts <= ACTS.keys()


@pytest.mark.parametrize("told", [EPOCH_MOST, 10**9])
def test_an_epoch_that_was_made_up_uses_up_no_numbers(host: Host, told: int) -> None:
    actor = Actor(None, "console/root")
    assert host.db.write(epochs.take_over, actor, "fire", told, now=host.now()) == epochs.TOLD_MOST + 1
    number = host.db.write(epochs.forget_fence, actor, told, "drill", now=host.now())
    assert number == epochs.TOLD_MOST + 2
    assert number * attempts.JOURNALS_OF_AN_EPOCH < 2**31
    assert EPOCH_MOST * attempts.JOURNALS_OF_AN_EPOCH < 2**31
    assert [epoch_of(text) for text in (str(EPOCH_MOST), str(EPOCH_MOST + 1), "²", "-1", "")] == [
        EPOCH_MOST,
        0,
        0,
        0,
        0,
    ]


def test_staff_are_told_and_their_forms_refused(host: Host, client: FlaskClient) -> None:
    page = client.get("/login")
    assert "另一台服务器已经接管" not in page.text
    client.get(Route.EPOCH, headers={EPOCH_HEADER: str(later(host))})
    assert not host.epoch.fenced, "a stranger ends no server"
    with pytest.raises(Refused, match="server_fenced"):
        host.epoch.meet(later(host))
    assert "另一台服务器已经接管" in client.get("/login").text


@pytest.mark.parametrize(
    "given",
    [
        {"EXAMHALL_TAKEOVER": "nobody"},
        {"EXAMHALL_PEERS": "10.0.0.3:8443"},
        {"EXAMHALL_PEERS": "http://10.0.0.3:8443"},
        {"EXAMHALL_PEERS": "https://10.0.0.3:8443/path"},
    ],
)
def test_settings_that_cannot_be_meant(given: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=next(iter(given))):
        Settings.load(given)
    fine = Settings.load({"EXAMHALL_PEERS": "https://10.0.0.3:8443, https://b:1"})
    assert fine.peers == ("https://10.0.0.3:8443", "https://b:1")
