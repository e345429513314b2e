"""The list of labelled photos: every row that cannot be used is named, the others stay."""

from pathlib import Path

import pytest

from proctoring.trial_index import MOST_VALUES, read_index


def listed(folder: Path, text: str | bytes, *files: str) -> Path:
    for name in files:
        (folder / name).write_bytes(b"")
    data = text if isinstance(text, bytes) else text.encode()
    (folder / "index.csv").write_bytes(data)
    return folder


def test_every_faulty_row_is_named_and_the_good_ones_stay(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "outside.jpg").write_bytes(b"")
    text = (
        "file,identity,shows,faces,light\n"
        "a.jpg,zhang,webcam,1,day\n"
        "missing.jpg,zhang,webcam,1,day\n"
        "../outside.jpg,li,webcam,1,day\n"
        "b.jpg,li,webcam,two,night\n"
        "a.jpg,li,webcam,1,night\n"
        ",li,webcam,1,night\n"
        'c.jpg,"wang, wu",spoof phone,,night\n'
    )
    found = read_index(listed(tmp_path / "in", text, "a.jpg", "b.jpg", "c.jpg"))
    assert [(row.row, row.path.name, row.identity, row.shows) for row in found.rows] == [
        (2, "a.jpg", "zhang", "webcam"),
        (8, "c.jpg", "wang, wu", "spoof"),
    ]
    assert [(fault.row, fault.column, fault.file, fault.code) for fault in found.faults] == [
        (3, "file", "missing.jpg", "trial_file_missing"),
        (4, "file", "../outside.jpg", "trial_file_outside"),
        (5, "faces", "b.jpg", "trial_not_a_count"),
        (6, "file", "a.jpg", "trial_file_twice"),
        (7, "file", "", "trial_file_missing"),
    ]


@pytest.mark.parametrize(
    ("identity", "shows", "faces", "wanted"),
    [
        ("li", "webcam", "", 1),
        ("", "webcam", "", None),
        ("", "noface_chair", "", 0),
        ("", "group", "7", 7),
        ("li", "webcam", "0", 0),
    ],
)
def test_how_many_faces_there_should_be(
    tmp_path: Path, identity: str, shows: str, faces: str, wanted: int | None
) -> None:
    text = f"file,identity,shows,faces\na.jpg,{identity},{shows},{faces}\n"
    (row,) = read_index(listed(tmp_path, text, "a.jpg")).rows
    assert row.wanted == wanted


def test_further_columns_group_when_they_have_few_values(tmp_path: Path) -> None:
    names = [f"{number}.jpg" for number in range(MOST_VALUES + 1)]
    lines = [f"{name},li,webcam,{place % 2},{place},one,{place % 3}" for place, name in enumerate(names)]
    text = "\n".join(["file,identity,shows,glasses,serial,room,width", *lines])
    assert read_index(listed(tmp_path, text, *names)).groups == ("glasses",)


def test_a_list_as_spreadsheets_write_it_is_read(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf" + "file,identity\r\na.jpg,张三\r\n".encode()
    (row,) = read_index(listed(tmp_path, data, "a.jpg")).rows
    assert row.identity == "张三"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "trial_no_index"),
        ("文件\n".encode("gb18030"), "trial_not_utf8"),
        ("picture,identity\na.jpg,li\n", "trial_no_file_column"),
        ("", "trial_no_file_column"),
        ("file,identity\n", "trial_no_file_column"),
        ('file,identity\n"a.jpg,li', "trial_not_csv"),
    ],
)
def test_a_list_that_is_none_says_so(tmp_path: Path, text: str | bytes | None, code: str) -> None:
    if text is not None:
        listed(tmp_path, text, "a.jpg")
    found = read_index(tmp_path)
    assert (found.rows, [fault.code for fault in found.faults]) == ((), [code])
