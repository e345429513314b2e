"""The walls of the design hold: import contracts, and what may stand where."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.parsed import ROOT, source, sources


@pytest.mark.dear
def test_import_contracts() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.mark.parametrize("package", ["itembank", "exam_rooms", "server.rules.policy", "client.journal"])
def test_pure_parts_load_without_the_server_libraries(package: str) -> None:
    code = (
        "import sys\n"
        "for name in ('flask', 'sqlalchemy', 'gevent', 'gunicorn', 'flask_socketio'): sys.modules[name] = None\n"
        f"import {package}\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.dear
def test_child_processes_start_in_three_places_only() -> None:
    allowed = {ROOT / "client/lockdown.py", ROOT / "client/browser.py"}
    guilty = [
        str(path.relative_to(ROOT))
        for path in sources()
        if source(path).imported & {"subprocess", "multiprocessing"}
        and path not in allowed
        and not path.is_relative_to(ROOT / "server/cli")
        and not path.is_relative_to(ROOT / "server/jobs")
    ]
    assert guilty == []


def test_only_the_store_commits() -> None:
    allowed = {ROOT / "server/db/base.py", ROOT / "server/db/answers.py"}
    guilty = [
        str(path.relative_to(ROOT))
        for path in sources()
        if "commit" in source(path).called and path not in allowed
    ]
    assert [path for path in guilty if "migrations" not in path] == []


def test_the_clock_is_an_argument_of_every_rule() -> None:
    pure = [
        path for path in sources() if path.is_relative_to(ROOT / "server/rules") or path.parts[-2] != "server"
    ]
    guilty = []
    for path in pure:
        if path.is_relative_to(ROOT / "client") or (
            path.is_relative_to(ROOT / "server") and not path.is_relative_to(ROOT / "server/rules")
        ):
            continue
        if source(path).called & {"now", "utcnow", "time"}:
            guilty.append(str(path.relative_to(ROOT)))
    assert guilty == []
