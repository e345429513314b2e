"""The seat's self-check: what measured values mean, and real disks."""

import base64
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client import selfcheck_rules as rules
from client.camera import Camera, open_source
from client.clock import ServerClock
from client.device import DataFolder, Device
from client.selfcheck import free_mb, key_works, probe
from client.selfcheck_rules import ClockView, DiskProbe, ScreenView
from exam_rooms.kiosk_messages import CheckPlan, KioskReport, Lockdown, Verdict
from exam_rooms.watch_messages import CameraReport, CameraState

GOOD, LOOK, BAD = Verdict.GOOD, Verdict.LOOK, Verdict.BAD
LIMITS = CheckPlan("r1", least_free_mb=200, most_offset_ms=1000, package_sha256="ab" * 32, version="0.2.0")
NOW = datetime(2026, 11, 21, tzinfo=UTC)


# --- what values mean ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("free", "verdict", "found"),
    [(199.9, BAD, "200 MiB"), (200.0, LOOK, "200 MiB"), (399.9, LOOK, "400 MiB"), (400.0, GOOD, "400 MiB")],
)
def test_free_space(free: float, verdict: Verdict, found: str) -> None:
    result = rules.space(free, LIMITS)
    assert (result.verdict, result.found) == (verdict, found)


def test_a_disk_that_does_not_say_how_much_is_free_is_bad() -> None:
    assert rules.space(None, LIMITS).verdict is BAD


@pytest.mark.parametrize(
    ("uncertainty", "spread", "verdict"),
    [
        (None, 0.0, BAD),
        (0.02, 0.0, GOOD),
        (1.0, 1.0, GOOD),
        (1.001, 0.0, BAD),
        (0.02, 1.001, LOOK),
        (0.02, -3.0, GOOD),
    ],
)
def test_how_well_the_servers_time_is_known(
    uncertainty: float | None, spread: float, verdict: Verdict
) -> None:
    assert rules.clock(ClockView(uncertainty, spread), LIMITS).verdict is verdict


@pytest.mark.parametrize(
    ("seconds", "verdict", "found"),
    [
        (0.2, GOOD, "+0 s"),
        (-0.2, GOOD, "+0 s"),
        (120, GOOD, "+120 s"),
        (121, LOOK, "+121 s"),
        (-86400, LOOK, "-86400 s"),
    ],
)
def test_the_machines_own_clock_is_only_worth_a_look(seconds: float, verdict: Verdict, found: str) -> None:
    result = rules.wall(NOW + timedelta(seconds=seconds), NOW)
    assert (result.verdict, result.found) == (verdict, found)
    assert rules.wall(NOW, None).verdict is LOOK


@pytest.mark.parametrize(
    ("own", "verdict"),
    [("0.2.0", GOOD), ("0.1.9", BAD), ("0.2.1", LOOK), ("0.10.0", LOOK), ("test", BAD), ("", BAD)],
)
def test_version(own: str, verdict: Verdict) -> None:
    assert rules.version(own, "0.2.0").verdict is verdict


@pytest.mark.parametrize(("ready", "verdict"), [("ab" * 32, GOOD), ("cd" * 32, BAD), ("", BAD)])
def test_package(ready: str, verdict: Verdict) -> None:
    assert rules.package(ready, LIMITS).verdict is verdict


@pytest.mark.parametrize(
    ("disk", "verdict", "found"),
    [
        (DiskProbe(3.4), GOOD, "3 ms"),
        (DiskProbe(0.2), GOOD, "1 ms"),
        (DiskProbe(1000.0), GOOD, "1000 ms"),
        (DiskProbe(1000.5), LOOK, "1000 ms"),
        (DiskProbe(fault="disk_full"), BAD, "disk_full"),
    ],
)
def test_journal(disk: DiskProbe, verdict: Verdict, found: str) -> None:
    result = rules.journal(disk)
    assert (result.verdict, result.found) == (verdict, found)


@pytest.mark.parametrize(
    ("report", "expected", "verdict"),
    [
        (KioskReport(), False, GOOD),
        (KioskReport(), True, LOOK),
        (KioskReport(Lockdown.LOCKED), True, GOOD),
        (KioskReport(Lockdown.SEB), True, GOOD),
        (KioskReport(Lockdown.OPEN, ("printing",)), False, BAD),
    ],
)
def test_lockdown(report: KioskReport, expected: bool, verdict: Verdict) -> None:
    assert rules.lockdown(report, replace(LIMITS, lockdown=expected)).verdict is verdict


@pytest.mark.parametrize(
    ("lit", "plugged", "verdict", "found"),
    [
        (1, 1, GOOD, "1"),
        (1, 2, LOOK, "2"),  # the second one is off: nobody's paper would be covered
        (2, 2, BAD, "2"),
        (2, 0, BAD, "2"),  # only the launcher knows of it
        (0, 2, LOOK, "2"),
        (0, 0, GOOD, "unknown"),
    ],
)
def test_displays(lit: int, plugged: int, verdict: Verdict, found: str) -> None:
    result = rules.screens(ScreenView(lit, plugged))
    assert (result.verdict, result.found) == (verdict, found)


@pytest.mark.parametrize(
    ("report", "verdict", "found"),
    [
        (CameraReport(CameraState.LIVE), GOOD, "live"),
        (CameraReport(CameraState.LOST), LOOK, "lost"),
        (CameraReport(CameraState.NONE), LOOK, "none"),
        (CameraReport(CameraState.LIVE, unavailable=("detect",)), LOOK, "unavailable"),
        (CameraReport(CameraState.LIVE, unavailable=("verify",)), GOOD, "live"),
    ],
)
def test_camera_and_light_never_close_a_room(report: CameraReport, verdict: Verdict, found: str) -> None:
    result = rules.camera(report)
    assert (result.verdict, result.found) == (verdict, found)
    assert [rules.light(word).verdict for word in ("good", "manual", "dark", "covered", "")] == [
        *(GOOD, GOOD, LOOK, LOOK, LOOK),
    ]


@pytest.mark.parametrize(("shade", "word"), [(1.0, "good"), (0.15, "dark"), (0.0, "covered")])
def test_the_cameras_own_word_for_light(tmp_path: Path, shade: float, word: str) -> None:
    rng = np.random.default_rng(1)
    picture = cv2.resize(rng.integers(0, 255, (30, 40, 3), np.uint8), (640, 480)) * shade
    cv2.imwrite(str(tmp_path / "seat.png"), picture.astype(np.uint8))
    moment = [0.0]
    camera = Camera(open_source(str(tmp_path / "seat.png")), lambda: moment[0])
    assert camera.light(0.0) == ""
    camera.start()
    end = time.monotonic() + 60
    while camera.latest(moment[0]) is None and time.monotonic() < end:
        time.sleep(0.02)
    assert camera.light(moment[0]) == word
    camera.stop()
    assert camera.light(1000.0) == ""  # a picture of long ago says nothing


def test_label_key_and_canary() -> None:
    assert rules.label("12", "12").verdict is GOOD
    assert rules.label("12", "13") == rules.label("12", "13").__class__("label", BAD, "13")
    assert (rules.device_key(True).verdict, rules.device_key(False).verdict) == (GOOD, BAD)
    assert (rules.canary("").verdict, rules.canary("disk_full").verdict) == (GOOD, BAD)


def test_the_spread_of_exchanges_beyond_what_their_round_trips_explain() -> None:
    clock = ServerClock("boot")
    assert (clock.uncertainty, clock.spread) == (None, 0.0)
    clock.observe(NOW, sent=10.0, received=10.2)
    assert clock.uncertainty == pytest.approx(0.1)
    clock.observe(NOW + timedelta(seconds=1.1), sent=11.0, received=11.4)
    assert clock.spread <= 0.0 + 1e-6  # half of both round trips explains what differs
    clock.observe(NOW + timedelta(seconds=7), sent=12.0, received=12.2)
    assert clock.uncertainty == pytest.approx(0.1)
    assert clock.spread == pytest.approx(4.8)


# --- real disks --------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB of its own; skipped where it cannot be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs root and mount")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


def test_a_sound_disk_takes_a_probe_and_keeps_nothing(tmp_path: Path) -> None:
    found = probe(tmp_path)
    assert found.fault == ""
    assert 0 < found.milliseconds < 10_000
    assert list(tmp_path.iterdir()) == []
    assert (free_mb(tmp_path) or 0) > 1


def test_a_full_disk_is_told_and_left_clean(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(1 << 20))
    assert probe(small_disk).fault == "disk_full"
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]
    assert rules.space(free_mb(small_disk), LIMITS).verdict is BAD


def test_a_read_only_disk_is_told(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert probe(small_disk).fault == "read_only"


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    assert probe(tmp_path / "gone").fault == "disk_error"
    assert free_mb(tmp_path / "gone") is None


def test_the_key_on_the_disk_must_be_the_one_in_use(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    device = _device()
    assert not key_works(folder, device)
    folder.save_device(device)
    assert key_works(folder, device)
    assert not key_works(folder, _device())
    (tmp_path / "data" / "device.json").write_text("{")
    assert not key_works(folder, device)
    folder.close()


def _device() -> Device:
    raw = base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()
    return Device(1, "room", "12", "http://127.0.0.1:1", raw, raw, raw, "")
