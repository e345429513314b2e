"""The key file: opens with its passphrase, never overwrites, cannot be altered unseen."""

import base64
import json
import stat
from pathlib import Path

import pytest

from itembank.keyfile import (
    KeyFile,
    KeyFileBroken,
    WrongPassphrase,
    create_keyfile,
    open_keyfile,
    replace_keyfile,
)
from itembank.sealing import SUITES, PassphraseParams, suite_of

QUICK = PassphraseParams(memory_kib=64, iterations=1, lanes=1)
WORDS = "考务中心 主密钥 口令"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "master.json"


@pytest.mark.parametrize("demo", [True, False])
def test_it_opens_with_its_passphrase(path: Path, demo: bool) -> None:
    master = create_keyfile(path, WORDS, demo=demo, params=QUICK)
    assert len(master) == 32
    assert open_keyfile(path, WORDS) == KeyFile(master, demo)


def test_only_the_owner_may_read_it_and_the_key_is_not_in_it(path: Path) -> None:
    master = create_keyfile(path, WORDS, params=QUICK)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = path.read_bytes()
    for form in (master, master.hex().encode(), base64.b64encode(master), WORDS.encode()):
        assert form not in content


def test_two_files_hold_two_keys(tmp_path: Path) -> None:
    masters = {create_keyfile(tmp_path / name, WORDS, params=QUICK) for name in ("a", "b", "c")}
    assert len(masters) == 3


def test_a_wrong_passphrase_is_told(path: Path) -> None:
    create_keyfile(path, WORDS, params=QUICK)
    with pytest.raises(WrongPassphrase):
        open_keyfile(path, WORDS + "1")


def test_an_existing_file_is_never_overwritten(path: Path) -> None:
    master = create_keyfile(path, WORDS, params=QUICK)
    with pytest.raises(FileExistsError):
        create_keyfile(path, "another", params=QUICK)
    assert open_keyfile(path, WORDS).master == master


def test_an_empty_passphrase_is_refused(path: Path) -> None:
    with pytest.raises(ValueError, match="empty"):
        create_keyfile(path, "", params=QUICK)
    assert not path.exists()


def _altered(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_the_demo_mark_cannot_be_taken_off(path: Path) -> None:
    create_keyfile(path, WORDS, demo=True, params=QUICK)
    _altered(path, demo=False)
    with pytest.raises(WrongPassphrase):
        open_keyfile(path, WORDS)


@pytest.mark.parametrize(
    "values",
    [
        {"format": "something-else"},
        {"salt": "***"},
        {"salt": ""},
        {"sealed": 7},
        {"argon2id": {"memory_kib": 1 << 40, "iterations": 1, "lanes": 1}},
        {"argon2id": None},
    ],
)
def test_a_damaged_file_is_told_apart(path: Path, values: dict[str, object]) -> None:
    create_keyfile(path, WORDS, params=QUICK)
    _altered(path, **values)
    with pytest.raises(KeyFileBroken):
        open_keyfile(path, WORDS)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe\x00", b'{"format": "examhall-key-1"}'])
def test_another_file_is_told_apart(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(KeyFileBroken):
        open_keyfile(path, WORDS)


def test_a_missing_file_is_an_os_error(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_keyfile(path, WORDS)


def test_an_opened_key_does_not_print_itself(path: Path) -> None:
    master = create_keyfile(path, WORDS, params=QUICK)
    shown = repr(open_keyfile(path, WORDS))
    assert repr(master) not in shown
    assert master.hex() not in shown


@pytest.mark.parametrize("suite", sorted(SUITES))
def test_each_suite_seals_the_key(path: Path, suite: str) -> None:
    master = create_keyfile(path, WORDS, params=QUICK, suite=suite)
    assert suite_of(base64.b64decode(json.loads(path.read_text())["sealed"])) == suite
    assert open_keyfile(path, WORDS).master == master


def test_a_successor_takes_its_place_and_the_old_file_stays_aside(path: Path) -> None:
    successor, aside = path.with_suffix(".new"), path.with_name("master-old.json")
    first = create_keyfile(path, WORDS, params=QUICK)
    second = create_keyfile(successor, "other words", params=QUICK)
    replace_keyfile(path, successor, aside)
    assert open_keyfile(path, "other words").master == second
    assert open_keyfile(aside, WORDS).master == first
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    assert not successor.exists()


def test_a_replacement_that_was_cut_off_can_be_repeated(path: Path) -> None:
    successor, aside = path.with_suffix(".new"), path.with_name("master-old.json")
    first = create_keyfile(path, WORDS, params=QUICK)
    aside.write_bytes(path.read_bytes())
    create_keyfile(successor, WORDS, params=QUICK)
    replace_keyfile(path, successor, aside)
    assert open_keyfile(aside, WORDS).master == first
