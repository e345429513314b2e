"""The command line: every command is there and explains itself; refusals are one line."""

import pytest
from click.testing import CliRunner

from server.cli import COMMANDS, main
from server.jobs.tasks import TASKS, task


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "kiosk"])
def test_every_command_explains_itself(name: str) -> None:
    shown = CliRunner().invoke(main, [name, "--help"])
    assert (shown.exit_code, "Usage:" in shown.output) == (0, True)


def test_help_names_every_command() -> None:
    shown = CliRunner().invoke(main, ["--help"])
    assert shown.exit_code == 0
    assert all(f"\n  {name} " in shown.output for name in COMMANDS)


def test_unknown_command_is_named() -> None:
    refused = CliRunner().invoke(main, ["no-such-command"])
    assert (refused.exit_code, "no-such-command" in refused.output) == (2, True)


def test_wrong_setting_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXAMHALL_UPLOAD_LIMIT", "much")
    refused = CliRunner().invoke(main, ["upgrade"])
    assert refused.exit_code == 1
    assert refused.output.strip() == "Error: EXAMHALL_UPLOAD_LIMIT: 'much' is not a whole number"


@pytest.mark.parametrize("kind", TASKS)
def test_every_kind_of_job_has_its_function(kind: str) -> None:
    assert callable(task(kind))


def test_version() -> None:
    assert CliRunner().invoke(main, ["version"]).output.startswith("examhall ")
