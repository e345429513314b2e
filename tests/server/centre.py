"""An installation made by `examhall init` in a temporary place, for tests of commands on keys and backups."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from gettext import NullTranslations
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from itembank.keyfile import open_keyfile
from server.cli import main, words
from server.host import Host, open_host
from server.services import unlocked
from server.settings import Settings

WORDS = "a passphrase for tests"


@dataclass
class Centre:
    """Runs commands in one environment, as if the folder of the unlocked key lay in memory."""

    folder: Path
    environment: dict[str, str]
    monkeypatch: pytest.MonkeyPatch

    @property
    def settings(self) -> Settings:
        return Settings.load(self.environment)

    @property
    def keyfile(self) -> Path:
        return self.folder / "keys" / "master.json"

    def set(self, name: str, value: str) -> None:
        self.environment[name] = value
        self.monkeypatch.setenv(name, value)

    def run(self, *typed: str | Path, **more: object) -> Result:
        return CliRunner().invoke(main, [str(word) for word in typed], **more)

    def done(self, *typed: str | Path, **more: object) -> str:
        """The output of a command that must not fail."""
        result = self.run(*typed, **more)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.output

    def refused(self, *typed: str | Path, **more: object) -> str:
        """The output of a command that must be refused with a sentence."""
        result = self.run(*typed, **more)
        assert (result.exit_code, type(result.exception)) == (1, SystemExit), result.exception
        return result.output

    @contextmanager
    def host(self, look: Callable[..., object] | None = None) -> Iterator[Host]:
        """The stores as a server holds them, opened with the unlocked key."""
        key = unlocked.read_unlocked(self.settings)
        assert key is not None
        opened = open_host(self.settings, key.master, **({"look": look} if look else {}))
        yield opened
        opened.close()


@pytest.fixture(scope="session", name="initialised")
def initialised_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder after `examhall init`, to be copied."""
    folder = tmp_path_factory.mktemp("centre")
    with pytest.MonkeyPatch.context() as patched:
        make_centre(folder, patched)
    return folder


@pytest.fixture(name="centre")
def copied_centre(initialised: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Centre:
    """An installation on SQLite whose key is unlocked."""
    for part in ("data", "keys"):
        shutil.copytree(initialised / part, tmp_path / part)
    return make_centre(tmp_path, monkeypatch)


def make_centre(folder: Path, monkeypatch: pytest.MonkeyPatch, database_url: str = "") -> Centre:
    """An installation in `folder`: the one that is there, else a fresh one."""
    (folder / "words").write_text(WORDS + "\n")
    centre = Centre(folder, {}, monkeypatch)
    for name, value in {
        "EXAMHALL_DATA": str(folder / "data"),
        "EXAMHALL_KEYFILE": str(folder / "keys" / "master.json"),
        "EXAMHALL_UNLOCKED": str(folder / "unlocked"),
        "EXAMHALL_PASSPHRASE_FILE": str(folder / "words"),
        "EXAMHALL_ARGON_MEMORY": "64",
        "EXAMHALL_PLAIN_HTTP": "1",
        "DATABASE_URL": database_url,
    }.items():
        centre.set(name, value)
    monkeypatch.setattr(unlocked, "file_system", lambda _path: "tmpfs")
    monkeypatch.setattr(words, "_catalogue", NullTranslations)
    if centre.keyfile.exists():
        unlocked.keep_unlocked(centre.settings, open_keyfile(centre.keyfile, WORDS))
    else:
        centre.done("init")
    return centre
