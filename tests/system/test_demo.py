"""`examhall demo` as `DEMO_EXIT=1 make demo` runs it, with a visitor who takes the free seat."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from server.cli.rehearse.fleet import CLEAN
from tests.system.test_rehearse import processes_of

pytestmark = [pytest.mark.system, pytest.mark.long]


def demo(folder: Path, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", "-c", "from server.cli import main; main()", "demo"],
        env=CLEAN | {"TMPDIR": str(folder)} | variables,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def test_the_demo_ends_by_itself_with_the_line_and_the_status(tmp_path: Path) -> None:
    with demo(tmp_path, DEMO_EXIT="1", DEMO_SEATS="3", DEMO_MINUTES="0.3") as process:
        out, _ = process.communicate(timeout=240)
    assert process.returncode == 0
    report = json.loads(out.splitlines()[-1])
    assert (report["seats"], report["entered"], report["absent"], report["lost"]) == (4, 3, 1, 0)
    assert report["cameras"] == 2  # every other simulated candidate has a recorded one
    for login in ("admin", "bank", "custodian", "chief", "invigilator1", "auditor"):
        assert re.search(rf"http://127\.0\.0\.1:\d+/\S+\s+{login}\s+demo-\w+", out)
    assert list(tmp_path.iterdir()) == []


def test_a_visitor_takes_the_free_seat_and_ctrl_c_removes_everything(tmp_path: Path) -> None:
    work, home = tmp_path / "visitor", tmp_path / "demo"
    work.mkdir()
    home.mkdir()
    with demo(home, DEMO_SEATS="2", DEMO_MINUTES="0.4") as process:
        assert process.stdout is not None
        text = ""
        while "Ctrl-C" not in text:
            text += process.stdout.readline()
        launch = work / "launch"
        launch.write_text(re.findall(r"http://127\.0\.0\.1:\d+/#launch=\S+", text)[0])
        (ticket,), (number,) = re.findall(r"ticket (\S+)", text), re.findall(r"ID number (\S+)", text)
        seat = {"launch_file": str(launch), "ticket": ticket, "id_number": number, "pace_seconds": 0.05}
        (work / "plan.json").write_text(json.dumps({"seats": [seat]}))
        visit = subprocess.run(
            [sys.executable, "-m", "client.simulate", str(work / "plan.json")],
            env=CLEAN,
            cwd=work,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert json.loads(visit.stdout)["receipts"] == 1
        while not (line := process.stdout.readline()).startswith("{"):
            assert line
        assert json.loads(line)["entered"] == 3
        assert process.poll() is None  # it stays
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert processes_of(home) == []
    assert list(home.iterdir()) == []
