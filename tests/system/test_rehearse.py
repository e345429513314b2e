"""`examhall rehearse` as a centre runs it: real server, agents and sockets, counted by another process."""

import json
import os
import signal
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from itembank.importing.pipeline import read_bank
from server.cli.rehearse.fleet import CLEAN
from server.cli.rehearse.stage import fictional_people

pytestmark = pytest.mark.system

STAGED = frozenset({"CAMERA_COVERED", "FACE_MISMATCH", "MULTI_FACE", "NO_FACE"})
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF"
COMMAND = [sys.executable, "-c", "from server.cli import main; main()", "rehearse", "--json"]


def rehearse(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *arguments],
        env=CLEAN | {"TMPDIR": str(folder)},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def processes_of(folder: Path) -> list[str]:
    """Command lines of living processes that name the folder or stand in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            where = os.readlink(process / "cwd")
        except OSError:
            continue
        if str(folder) in line or where.startswith(f"{folder}/"):
            found.append(line)
    return found


def everything_in(folder: Path) -> bytes:
    """All bytes of all files of a folder, and their names."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return b"\n".join(str(path).encode() + b"\n" + path.read_bytes() for path in files)


def secrets_of_the_sample() -> list[bytes]:
    """Stems, options and explanations of the bank, ID numbers of the candidates: what a thief would like."""
    data = (files("server") / "samples" / "bank_baowei_3.csv").read_bytes()
    bodies = [placed.item.body for placed in read_bank(data, "bank.csv").items]
    texts = [text for body in bodies for text in (body.stem, body.explanation) if len(text) > 8]
    texts += [option.text for body in bodies for option in body.options if len(option.text) > 8]
    return [text.encode() for text in texts] + [p.id_number.encode() for p in fictional_people(8)]


def assert_a_thief_learns_nothing(kept: Path) -> None:
    for folder in ("data", "seats", "logs"):
        stolen = everything_in(kept / folder)
        assert len(stolen) > 1000 or folder == "logs"
        assert [secret.decode() for secret in secrets_of_the_sample() if secret in stolen] == []
        assert b'"response"' not in stolen
        assert JPEG not in stolen  # faces least of all


def assert_everything_arrived(report: dict[str, Any], seats: int) -> None:
    assert report["seats"] == report["entered"] == report["submitted"] == report["marked"] == seats
    assert report["lost"] == report["chain_errors"] == report["absent"] == 0
    assert report["recorded"] == report["acknowledged"] > 0
    lag = report["loop_lag_ms"]  # a figure to read, no limit: this machine runs three of these tests at once
    assert 0 < lag["p99"] <= lag["max"]
    assert 0 < report["monitor_delay_ms"]["p50"] <= report["monitor_delay_ms"]["p99"]
    assert report["server_cpu_ms_per_answer"] > 0
    assert report["cameras"] == seats
    assert report["captures"]["disagree"] == report["unconsented"] == 0


@pytest.mark.long
def test_a_smart_room_of_four_seats_whose_folders_tell_a_thief_nothing(tmp_path: Path) -> None:
    """No scene fits so short a sitting: everybody sits there as he should, and nobody is accused."""
    kept = tmp_path / "kept"
    with rehearse(tmp_path, "--seats", "4", "--minutes", "0.4", "--keep", str(kept)) as process:
        out, told = process.communicate(timeout=600)
    assert out.count("\n") == 1, told
    report = json.loads(out)
    assert_everything_arrived(report, seats=4)
    assert report["staged"] == {} and not STAGED & set(report["incident_seats"]), told
    assert report["captures"]["taken"] > 0 and report["frames_stored"] > 0
    assert processes_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == [kept]
    assert_a_thief_learns_nothing(kept)


@pytest.mark.long
def test_a_smart_room_of_eight_seats_hears_of_every_scene_within_a_second(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    with rehearse(tmp_path, "--seats", "8", "--minutes", "1.1", "--keep", str(kept)) as process:
        out, told = process.communicate(timeout=240)
    (line,) = out.splitlines()
    report = json.loads(line)
    assert process.returncode == 0, told
    assert_everything_arrived(report, seats=8)
    assert report["recorded"] > 8 * 60
    assert report["monitor_delay_ms"]["p99"] < 1000
    assert sorted(report["staged"]) == sorted(STAGED)
    assert len({seat for seats in report["staged"].values() for seat in seats}) == 4
    assert {kind: report["incident_seats"].get(kind) for kind in report["staged"]} == report["staged"]
    assert 0 < report["alert_delay_ms"]["p99"] <= 1000
    assert report["captures"]["taken"] >= 7  # one of seven who agreed, the second one if they still answered
    assert report["captures"]["rechecked"] > 0 and report["captures"]["missed"] == 0
    assert report["frames_stored"] >= 7 + 4
    assert processes_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == [kept]
    assert_a_thief_learns_nothing(kept)


@pytest.mark.long
def test_a_standard_room_uses_no_camera(tmp_path: Path) -> None:
    with rehearse(tmp_path, "--room", "standard", "--seats", "3", "--minutes", "0.3") as process:
        out, told = process.communicate(timeout=240)
    report = json.loads(out)
    assert process.returncode == 0, told
    assert report["seats"] == report["entered"] == report["marked"] == 3
    assert (report["cameras"], report["staged"], report["frames_stored"]) == (0, {}, 0)
    assert report["captures"]["taken"] == 0


@pytest.mark.long
def test_an_interrupted_rehearsal_leaves_nothing_behind(tmp_path: Path) -> None:
    with rehearse(tmp_path, "--seats", "3", "--minutes", "2") as process:
        end = time.monotonic() + 300
        while len([line for line in processes_of(tmp_path) if "-m client --data" in line]) < 3:
            assert time.monotonic() < end
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        out, _told = process.communicate(timeout=120)
    assert process.returncode != 0
    assert out == ""
    assert processes_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
