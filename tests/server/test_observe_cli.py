"""`examhall observe`: one line a picture in order, whatever the pictures are like."""

import json
import shutil
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from proctoring import models
from proctoring.observe import Eyes
from server.cli import main, observe

PHOTOS = Path(str(files("server").joinpath("samples", "faces")))
OBAMA, OBAMA_2, BIDEN, COLLINS = (
    str(PHOTOS / name) for name in ("obama.jpg", "obama2.jpg", "biden.jpg", "astronaut.png")
)
STEPS = {"decode", "quality", "detect", "landmarks", "verify", "liveness", "objects", "total"}


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["observe", *words])


def told(*words: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(*words, "--json").stdout.splitlines()]


@pytest.fixture(scope="module", autouse=True)
def eyes_opened_once() -> Iterator[None]:
    """The networks are read once for all runs of this file: each reading takes ninety megabytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(observe, "Eyes", cache(Eyes))
        yield


@pytest.fixture
def flat(tmp_path: Path) -> str:
    """A whole picture with nothing on it."""
    path = tmp_path / "flat.png"
    cv2.imwrite(str(path), np.full((240, 320, 3), 90, np.uint8))
    return str(path)


@pytest.mark.dear
def test_a_picture_is_one_line_of_the_contract() -> None:
    (line,) = told(COLLINS)
    assert (line["image"], line["width"], line["height"]) == (COLLINS, 512, 512)
    assert line["quality"]["verdict"] == "good"
    assert line["quality"]["brightness"] == pytest.approx(115.4, abs=1)
    (face,) = line["faces"]
    assert np.array(face["box"]) == pytest.approx(np.array([181, 58, 88, 119]), abs=8)
    assert face["main"]
    assert max(abs(face["yaw"]), abs(face["pitch"])) < 15
    assert face["score"] > 0.8
    assert abs(face["roll"]) < 15
    assert (line["persons"], line["comparable"], line["identity"]) == (1, True, None)
    assert 0.4 < line["gaze"] < 0.6
    assert {thing["kind"] for thing in line["objects"]} == {"person"}
    used = {"detect", "verify", "mesh", "iris", "objects"}
    assert used <= set(line["models"])
    if "liveness" in line["unavailable"]:  # its networks come from no registry: they are installed by hand
        assert line["liveness"] == {"score": None, "verdict": "unavailable"}
    else:
        assert line["liveness"]["verdict"] in {"live", "spoof"}
    assert set(line["ms"]) == STEPS
    assert line["ms"]["total"] >= line["ms"]["detect"] > 0


@pytest.mark.dear
def test_roll_follows_the_head(tmp_path: Path) -> None:
    photo = cv2.imread(COLLINS)
    turned = cv2.warpAffine(photo, cv2.getRotationMatrix2D((225, 118), -20, 1.0), (512, 512))
    cv2.imwrite(str(tmp_path / "turned.png"), turned)
    before, after = (line["faces"][0]["roll"] for line in told(COLLINS, str(tmp_path / "turned.png")))
    assert after - before == pytest.approx(20, abs=4)


@pytest.mark.dear
def test_yaw_is_positive_to_the_pictures_right(tmp_path: Path) -> None:
    """The third portrait looks a little to one side, its mirror picture to the other."""
    cv2.imwrite(str(tmp_path / "mirror.png"), cv2.flip(cv2.imread(OBAMA_2), 1))
    before, after = (line["faces"][0]["yaw"] for line in told(OBAMA_2, str(tmp_path / "mirror.png")))
    assert before < -8 < 8 < after


def test_without_a_face_nothing_is_said_of_liveness(flat: str) -> None:
    (line,) = told(flat)
    assert (line["faces"], line["liveness"], line["gaze"]) == ([], None, None)


@pytest.mark.dear
def test_lists_come_after_arguments_and_in_order(tmp_path: Path, flat: str) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text(f"\ufeff{flat}\n\n{OBAMA}\n", encoding="utf-8")
    lines = told(COLLINS, "--list", str(listed))
    assert [line["image"] for line in lines] == [COLLINS, flat, OBAMA]
    assert [len(line["faces"]) for line in lines] == [1, 0, 1]
    assert lines[1]["quality"]["verdict"] == "covered"


@pytest.mark.dear
def test_everything_is_held_against_the_enrolled_picture(flat: str) -> None:
    lines = told(OBAMA, BIDEN, flat, "--enrolled", OBAMA_2)
    assert [line["identity"]["verdict"] for line in lines] == ["match", "mismatch", "no_face"]
    assert lines[0]["identity"]["similarity"] > 0.6 > 0.3 > lines[1]["identity"]["similarity"]
    assert lines[2]["identity"]["similarity"] is None
    assert lines[0]["ms"]["verify"] > 0


@pytest.mark.dear
def test_pairs_say_both_names_and_agree_with_enrolled(tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.txt"
    pairs.write_text(f"{OBAMA}\t{OBAMA_2}\n{OBAMA}\t{COLLINS}\n{OBAMA_2}\t{OBAMA}\n", encoding="utf-8")
    lines = told("--pairs", str(pairs))
    assert [(line["enrolled"], line["image"]) for line in lines] == [
        (OBAMA, OBAMA_2),
        (OBAMA, COLLINS),
        (OBAMA_2, OBAMA),
    ]
    assert [line["identity"]["verdict"] for line in lines] == ["match", "mismatch", "match"]
    assert lines[0]["identity"] == lines[2]["identity"] == told(OBAMA_2, "--enrolled", OBAMA)[0]["identity"]


@pytest.mark.dear
def test_of_a_poor_picture_nothing_is_claimed(tmp_path: Path) -> None:
    dark = tmp_path / "dark.png"
    cv2.imwrite(str(dark), (cv2.imread(COLLINS) * 0.15).astype(np.uint8))
    (line,) = told(str(dark), "--enrolled", OBAMA)
    assert (line["quality"]["verdict"], line["persons"], line["comparable"]) == ("dark", 1, False)
    assert line["identity"]["verdict"] == "unsure"
    assert line["identity"]["similarity"] < 0.35


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "picture_not_found"),
        (b"", "picture_not_jpeg_or_png"),
        (b"GIF89a and so on", "picture_not_jpeg_or_png"),
        (Path(BIDEN).read_bytes()[:5000], "picture_damaged"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xea\x60\0\0\xea\x60\x08\2\0\0\0....IEND", "picture_too_large"),
    ],
)
def test_what_cannot_be_read_is_a_line_of_its_own(tmp_path: Path, content: bytes | None, code: str) -> None:
    path = tmp_path / "broken.jpg"
    if content is not None:
        path.write_bytes(content)
    done = run(str(path), COLLINS, "--json")
    broken, good = (json.loads(line) for line in done.stdout.splitlines())
    assert done.exit_code == 1
    assert (broken["image"], broken["error"]["code"]) == (str(path), code)
    assert broken["error"]["message"] not in {"", code}
    assert "%(" not in broken["error"]["message"]
    assert len(good["faces"]) == 1


def test_a_folder_is_no_picture_and_a_broken_enrolled_one_spoils_every_pair(tmp_path: Path) -> None:
    lines = told(COLLINS, OBAMA, "--enrolled", str(tmp_path))
    assert [line["error"]["code"] for line in lines] == ["picture_not_found"] * 2
    assert [line["error"]["file"] for line in lines] == [str(tmp_path)] * 2
    assert [line["image"] for line in lines] == [COLLINS, OBAMA]


@pytest.mark.dear
def test_people_get_a_table(tmp_path: Path, flat: str) -> None:
    done = run(OBAMA, flat, str(tmp_path / "none.jpg"), "--enrolled", OBAMA_2)
    first, second, third = (line.split("\t") for line in done.stdout.splitlines())
    assert first[1:4] == ["910x1137", "正常", "1 张人脸"]
    assert first[4].startswith("一致 0.")
    assert second[1:] == ["320x240", "遮挡", "0 张人脸", "无人脸"]
    assert third[1] == "没有此图片文件，或无权读取。"


@pytest.mark.parametrize("seat", [False, True])
def test_a_seat_looks_past_who_is_far_away(tmp_path: Path, seat: bool) -> None:
    hall = np.full((480, 640, 3), 170, np.uint8)
    small = cv2.resize(cv2.imread(COLLINS), None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)
    hall[100 : 100 + small.shape[0], 200 : 200 + small.shape[1]] = small
    cv2.imwrite(str(tmp_path / "hall.png"), hall)
    (line,) = told(str(tmp_path / "hall.png"), *(["--seat"] if seat else []))
    assert (len(line["faces"]), line["persons"]) == (1, 0 if seat else 1)


def test_missing_models_are_told_and_nobody_is_declared_absent(tmp_path: Path) -> None:
    done = run(OBAMA, "--enrolled", OBAMA_2, "--folder", str(tmp_path), "--json")
    line = json.loads(done.stdout)
    assert done.exit_code == 0
    assert line["unavailable"] == ["detect", "verify", "mesh", "iris", "liveness", "objects"]
    assert (line["faces"], line["persons"], line["identity"], line["models"]) == ([], None, None, {})
    assert "examhall models verify" in done.stderr
    table = run(OBAMA, "--enrolled", OBAMA_2, "--folder", str(tmp_path)).stdout
    assert table.rstrip("\n").split("\t")[3:] == ["人脸检测不可用", "人脸比对不可用"]


@pytest.mark.dear
def test_without_the_verifier_faces_are_still_found(tmp_path: Path) -> None:
    card = models.card("detect")
    shutil.copy(Path(models.__file__).parent / "weights" / card.file, tmp_path)
    (line,) = told(OBAMA, "--enrolled", OBAMA_2, "--folder", str(tmp_path))
    assert (line["persons"], line["identity"], line["unavailable"][0]) == (1, None, "verify")


@pytest.mark.parametrize(
    ("words", "text"),
    [([], "--list"), (["--list", "nowhere.txt"], "nowhere.txt"), (["--pairs", "one.txt"], "成对清单")],
)
def test_wrong_use_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("one.txt").write_text("only-one.jpg\n", encoding="utf-8")
    done = run(*words)
    assert done.exit_code == 2
    assert text in done.stderr


@pytest.mark.dear
def test_nothing_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(COLLINS, "--enrolled", OBAMA).exit_code == 0
    assert list(tmp_path.iterdir()) == []
