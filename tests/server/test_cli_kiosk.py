"""`examhall kiosk`: the seat agent is told where the machine's camera models lie, and nothing else is changed."""

import sys

import pytest
from click.testing import CliRunner

from server.cli import main
from server.settings import MODELS


@pytest.mark.parametrize(
    ("given", "folder", "wanted"),
    [
        (["--data", "d"], "", ["client", "--data", "d"]),
        (["--data", "d"], "/srv/models", ["client", "--models", "/srv/models", "--data", "d"]),
        (["--data", "d"], MODELS, ["client", "--data", "d"]),
        (["--rescue=usb", "--data", "d"], "/srv/models", ["client", "--rescue=usb", "--data", "d"]),
        (["--rescue", "usb"], "/srv/models", ["client", "--rescue", "usb"]),
        (["--install"], "/srv/models", ["client.workstation", "--install"]),
        (["--models", "/own"], "/srv/models", ["client", "--models", "/srv/models", "--models", "/own"]),
    ],
)
def test_the_agent_is_told_the_folder(
    monkeypatch: pytest.MonkeyPatch, given: list[str], folder: str, wanted: list[str]
) -> None:
    became: list[list[str]] = []
    monkeypatch.setattr("os.execv", lambda _program, words: became.append(words))
    monkeypatch.setenv("EXAMHALL_MODELS", folder)
    done = CliRunner().invoke(main, ["kiosk", *given])
    assert done.exit_code == 0, done.output
    assert became == [[sys.executable, "-m", *wanted]]
