"""The watchdog of the event loop and the health page."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient

from server.db.shipping import StandbyCode
from server.host import Host
from server.services import loop_lag, standby_pairing
from server.services.loop_lag import Lag, LoopLag
from server.services.shipping import STORES
from server.services.steady import Reading, SteadyClock, keep_anchor, open_clock

JSON = {"Accept": "application/json"}


def test_percentiles_are_in_milliseconds() -> None:
    lag = LoopLag()
    for late in range(100):
        lag.note(late / 1000)
    assert lag.recent() == Lag(50.0, 99.0, 99.0, 100)


def test_nothing_measured_is_zero() -> None:
    assert LoopLag().recent() == Lag(0.0, 0.0, 0.0, 0)


def test_mark_begins_anew_and_keeps_the_ten_minutes() -> None:
    lag = LoopLag()
    lag.note(0.5)
    lag.mark()
    lag.note(0.001)
    assert lag.since_mark() == Lag(1.0, 1.0, 1.0, 1)
    assert lag.recent().max == 500.0


def test_ten_minutes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    lag = LoopLag()
    lag.note(9.0)
    for _ in range(int(loop_lag.KEPT_SECONDS / loop_lag.PERIOD_SECONDS)):
        lag.note(0.0)
    assert lag.recent().max == 0.0


def test_pulse_notes_how_late_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    class Enough(Exception):
        pass

    moments: Iterator[float] = iter([10.0, 10.07, 20.0, 20.02, 30.0])
    monkeypatch.setattr(loop_lag.time, "monotonic", lambda: next(moments))
    pauses = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise Enough

    lag = LoopLag()
    with pytest.raises(Enough):
        lag.run(sleep)
    assert pauses[0] == loop_lag.PERIOD_SECONDS
    assert lag.recent() == Lag(50.0, 50.0, 50.0, 2)


def test_health_as_json(client_as: Callable[..., FlaskClient], host: Host) -> None:
    host.lag.note(0.004)
    host.presence.link(5, True, host.now())
    seen = client_as("auditor").get("/health/detail", headers=JSON).get_json()
    assert seen["loop_lag_ms"] == {"p50": 4.0, "p99": 4.0, "max": 4.0, "pulses": 1}
    assert seen["linked"] == 1
    assert seen["cpu_seconds"] > 0
    assert seen["rss"] > 1 << 20


def test_mark_by_json_and_by_page(client_as: Callable[..., FlaskClient], host: Host) -> None:
    host.lag.note(0.004)
    browser = client_as("administrator")
    assert browser.post("/health/mark", headers=JSON).get_json() == {"status": "ok"}
    assert host.lag.since_mark().pulses == 0
    assert browser.post("/health/mark").location == "/health/detail"


@pytest.mark.parametrize("role", ["invigilator", "custodian", "bank_keeper"])
def test_numbers_are_not_for_everybody(client_as: Callable[..., FlaskClient], role: str) -> None:
    assert client_as(role).get("/health/detail").status_code == 403


def test_page_is_calm_when_all_is_well(client_as: Callable[..., FlaskClient]) -> None:
    assert "一切正常" in client_as("administrator").get("/health/detail").text


class TestStandby:
    def test_nobody_is_told_of_one_that_is_not_there(self, client_as: Callable[..., FlaskClient]) -> None:
        seen = client_as("administrator").get("/health/detail", headers=JSON).get_json()["standby"]
        assert (seen["state"], seen["paired"], seen["behind_seconds"]) == ("none", False, None)

    def test_one_that_is_away_is_told_to_who_may_know(
        self, client: FlaskClient, client_as: Callable[..., FlaskClient], host: Host
    ) -> None:
        code = b"12345"
        index = host.vault.index("standby-code", code.hex())
        until = host.now() + standby_pairing.CODE_LIFETIME
        host.db.write(
            lambda session, now: session.add(StandbyCode(secret_index=index, expires_at=until)), now=0
        )
        host.db.write(standby_pairing.pair, code, "second", "https://10.0.0.3:8443", now=host.now())
        host.shipping.trouble = "program_missing"
        admin = client_as("administrator")
        told = admin.get("/health/ready").get_json()["standby"]
        assert told == admin.get("/health/detail", headers=JSON).get_json()["standby"]
        assert (told["state"], told["paired"], told["peer"]) == ("unprotected", True, "second")
        assert (told["behind_seconds"], told["trouble"]) == (None, "program_missing")
        page = admin.get("/health/detail").text
        assert "无备份" in page and "second" in page and "program_missing" in page and "一切正常" not in page
        for other in (client, client_as("invigilator")):
            answer = other.get("/health/ready")
            assert (answer.status_code, answer.get_json()) == (200, {"status": "ok", "wrong": []})

    def test_a_fenced_server_says_who_it_is(self, host: Host, client_as: Callable[..., FlaskClient]) -> None:
        host.shipping.confirmed(dict.fromkeys(STORES, 1))
        host.epoch.fenced = True
        page = client_as("administrator").get("/health/detail").text
        assert "<dd>本机已被接管，不再确认任何记录" in page and "一切正常" not in page


class TestSteadyClock:
    def test_wall_clock_step_moves_nothing_and_is_told(
        self, host: Host, machine, client_as: Callable[..., FlaskClient]
    ) -> None:
        before = host.now()
        machine.step_wall(seconds=-90)
        machine.advance(seconds=10)
        assert (host.now() - before).total_seconds() == 10
        assert host.clock.step_seconds() == -90
        assert "被拨动了 -90.0 秒" in client_as("administrator").get("/health/detail").text

    def test_two_seconds_are_no_step(
        self, host: Host, machine, client_as: Callable[..., FlaskClient]
    ) -> None:
        machine.step_wall(seconds=2)
        assert "被拨动" not in client_as("administrator").get("/health/detail").text

    @pytest.mark.parametrize(("running", "same_boot"), [(True, True), (True, False), (False, True)])
    def test_anchor_is_kept_while_boot_and_sitting_last(
        self, host: Host, machine, monkeypatch: pytest.MonkeyPatch, running: bool, same_boot: bool
    ) -> None:
        first = machine.look()
        host.db.write(keep_anchor, first)
        machine.advance(minutes=5)
        machine.step_wall(hours=1)
        if not same_boot:
            machine.boot_id = "another boot"
        if running:
            _running_room(host)
        with host.db.read() as session:
            clock = open_clock(session, machine.look)
        assert clock.anchor == (first if running and same_boot else machine.look())
        if running and same_boot:
            assert (clock.now() - first.wall).total_seconds() == 300

    def test_boot_clock_counts_in_full(self) -> None:
        start = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
        clock = SteadyClock(Reading(start, 5, "b"), lambda: Reading(start, 90 * 60 * 10**9 + 5, "b"))
        assert (clock.now() - start).total_seconds() == 5400


def _running_room(host: Host) -> None:
    from datetime import timedelta
    from decimal import Decimal

    from server.db.rooms import Room
    from server.db.sittings import Batch, RoomSitting, Sitting

    def make(session, now: datetime) -> None:
        room = Room(name="101", created_at=now)
        batch = Batch(name="b", occupation="baowei", level=3, profile="national", policy={}, created_at=now)
        session.add_all([room, batch])
        session.flush()
        sitting = Sitting(
            batch_id=batch.id, number=1, starts_at=now + timedelta(hours=1), minutes=Decimal(90)
        )
        session.add(sitting)
        session.flush()
        session.add(RoomSitting(uid="u", sitting_id=sitting.id, room_id=room.id, state="running"))

    host.db.write(make, host.now())
