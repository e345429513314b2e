"""A dossier whose index or rows have another shape: named like every other alteration, never a crash."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from server.cli import main
from server.rules import archive
from server.rules.archive_check import verify
from tests.server.test_dossier import codes, day, files_of, packed  # noqa: F401 - fixtures

SURROGATE = chr(0xD800)
LINE = {"name": "a", "size": 1, "sha256": "x"}
NO_INDEX: list[dict[str, object]] = [
    {"known": 5},
    {"known": [[{}, [], 1]]},
    {"known": [["a", "b"]]},
    {"known": None},
    {"rooms": 5},
    {"rooms": [5]},
    {"rooms": [{"name": 5}]},
    {"batch": ["a"]},
    {"batch": SURROGATE},
    {"made_at": 5},
    {"site_key": 5},
    {"root": None},
    {"files": 5},
    {"files": [5]},
    {"files": [{}]},
    {"files": [LINE | {"name": SURROGATE}]},
    {"files": [LINE | {"size": [1]}]},
    {"files": [LINE | {"size": float("nan")}]},
    {"files": [LINE | {"sha256": None}]},
]


@pytest.mark.parametrize("altered", NO_INDEX, ids=repr)
def test_an_index_of_another_shape_is_called_altered(
    packed: tuple[bytes, bytes],  # noqa: F811
    tmp_path: Path,
    altered: dict[str, object],
) -> None:
    inside = files_of(packed[0])
    index = json.dumps(json.loads(inside[archive.INDEX]) | altered).encode()
    file = tmp_path / "room.zip"
    file.write_bytes(archive.pack(inside | {archive.INDEX: index}))
    assert codes(verify(file.read_bytes())) == {(archive.INDEX, "altered", "")}
    for wish in ((), ("--json",)):
        done = CliRunner().invoke(main, ["archive", "verify", str(file), *wish])
        assert (done.exit_code, type(done.exception)) == (1, SystemExit)


ODD_ROWS = [
    b'{"seq":1e999,"prev":1,"hash":2,"stream":"sitting/1","at":"","actor_id":1,"actor":"","act":"","object":"",'
    b'"details":{}}',
    b'{"stream":"sitting/1","size":1,"root":1,"head":1,"signature":"\\ud800"}',
    b'{"attempts":5}',
    b'{"format":"examhall-attempts/1","site_key":"\\ud800","ca_pem":"","exported_at":"2026-01-01T00:00:00+00:00",'
    b'"attempts":[]}',
    b'{"content":{"facts":"\\ud800"},"sha256":1,"sealed_at":[],"root":{},"signatures":5,"annexes":""}',
    b"5",
    b"[" * 5000,
]


@pytest.mark.parametrize("row", ODD_ROWS)
def test_rows_of_any_shape_are_named_and_never_break_the_check(
    packed: tuple[bytes, bytes],  # noqa: F811
    row: bytes,
) -> None:
    inside = files_of(packed[0])
    read = ("attempts.json", "checkpoints.jsonl", "sitting-1.jsonl", "record-1.json", "supervision.json")
    for name in (name for name in inside if name.endswith(read)):
        found = verify(archive.pack(inside | {name: row}))
        assert (name, "altered", "") in codes(found)


def test_a_zip_of_a_later_version_is_no_dossier(
    packed: tuple[bytes, bytes],  # noqa: F811
) -> None:
    data = packed[0]
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        place = book.start_dir + 6  # the version that is needed to read the first file
    found = verify(data[:place] + b"\xff" + data[place + 1 :])
    assert not found.good and found.files > 20
