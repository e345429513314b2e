"""Only the right weights are used: the right file, on a machine that computes with it as it should."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from proctoring import models
from proctoring.models import MISSING, WRONG_ANSWER, WRONG_FILE, ModelCard, ModelUnavailable

OWN = Path(models.__file__).parent / "weights"
PURPOSES = ("detect", "verify")
PICTURE = (1, 3, 112, 112)
Damage = Callable[[Path], object]


def largest_weights(path: Path) -> int:
    """A place well inside the weights: the files are weights for nine tenths of their length."""
    return path.stat().st_size // 2


def change_one_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[largest_weights(path)] ^= 1
    path.write_bytes(data)


def keep(share: float) -> Damage:
    return lambda path: path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


DAMAGES: dict[str, tuple[Damage, str]] = {
    "removed": (Path.unlink, MISSING),
    "empty": (lambda path: path.write_bytes(b""), WRONG_FILE),
    "a page of a proxy": (lambda path: path.write_bytes(b"<html>sign in</html>"), WRONG_FILE),
    "first half": (keep(0.5), WRONG_FILE),
    "last byte gone": (lambda path: path.write_bytes(path.read_bytes()[:-1]), WRONG_FILE),
    "one weight changed": (change_one_bit, WRONG_FILE),
    "something behind it": (lambda path: path.write_bytes(path.read_bytes() + b"\x08"), WRONG_FILE),
}


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    folder = tmp_path / "weights"
    folder.mkdir()
    for card in models.cards():
        shutil.copy(OWN / card.file, folder)
    return folder


def test_every_purpose_has_one_model() -> None:
    assert tuple(card.purpose for card in models.cards()) == PURPOSES
    assert [models.card(purpose).purpose for purpose in PURPOSES] == list(PURPOSES)
    with pytest.raises(KeyError):
        models.card("mind-reading")


@pytest.mark.parametrize("card", models.cards(), ids=lambda card: card.name)
def test_a_card_says_where_its_model_comes_from(card: ModelCard) -> None:
    assert all((card.name, card.version, card.source, card.licence, card.caveat))
    assert len(bytes.fromhex(card.content_hash)) == 32
    assert card.answers and all(set(known.values) == set(card.outputs) for known in card.answers)


def test_thresholds_leave_room_for_doubt() -> None:
    verify = models.card("verify").thresholds
    assert -1 < verify["mismatch"] < verify["match"] < 1
    detect = models.card("detect").thresholds
    assert 0 < detect["score"] < 1 and 0 < detect["overlap"] < 1


def test_models_of_this_installation_can_be_used() -> None:
    assert [(state.card.purpose, state.code) for state in models.verify()] == [
        (purpose, "") for purpose in PURPOSES
    ]


def test_a_net_of_the_detector_takes_any_size_of_its_grid() -> None:
    card, net = models.card("detect"), models.open_net("detect")
    for height, width in ((32, 32), (96, 64), (256, 320)):
        net.setInput(np.zeros((1, 3, height, width), np.float32))
        shapes = [values.shape for values in net.forward(list(card.outputs))]
        assert shapes == [(1, channels, height // 4, width // 4) for channels in (1, 2, 2, 10)]


def test_a_net_of_the_comparison_makes_one_vector_of_one_picture() -> None:
    card, net = models.card("verify"), models.open_net("verify")
    net.setInput(models.sample(card, PICTURE))
    assert net.forward().shape == (1, card.dim)


def test_every_caller_gets_a_net_of_their_own() -> None:
    first, second = (models.open_net("verify") for _ in range(2))
    card = models.card("verify")
    first.setInput(models.sample(card, PICTURE))
    before = first.forward().copy()
    second.setInput(np.zeros(PICTURE, np.float32))
    assert not np.allclose(second.forward(), before, atol=0.1)
    assert np.array_equal(first.forward(), before)


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_weights_are_unavailable(copied: Path, purpose: str, damage: str) -> None:
    spoil, code = DAMAGES[damage]
    spoil(copied / models.card(purpose).file)
    with pytest.raises(ModelUnavailable) as refused:
        models.open_net(purpose, copied)
    assert (refused.value.purpose, refused.value.code) == (purpose, code)
    states = {state.card.purpose: state.code for state in models.verify(copied)}
    assert states == {name: code if name == purpose else "" for name in PURPOSES}


def test_another_models_weights_are_the_wrong_file(copied: Path) -> None:
    shutil.copy(copied / models.card("detect").file, copied / models.card("verify").file)
    assert [state.code for state in models.verify(copied)] == ["", WRONG_FILE]


def test_no_folder_at_all(tmp_path: Path) -> None:
    states = models.verify(tmp_path / "nowhere")
    assert [(state.code, state.size) for state in states] == [(MISSING, 0)] * 2


def test_a_folder_of_that_name_is_no_model(copied: Path) -> None:
    path = copied / models.card("verify").file
    path.unlink()
    path.mkdir()
    assert [state.code for state in models.verify(copied)] == ["", MISSING]


@pytest.mark.parametrize(
    ("off", "code"),
    [(0.0, ""), (0.4, ""), (3.0, WRONG_ANSWER), (-3.0, WRONG_ANSWER), (float("nan"), WRONG_ANSWER)],
)
@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_machine_that_computes_otherwise_is_noticed(
    monkeypatch: pytest.MonkeyPatch, purpose: str, off: float, code: str
) -> None:
    """`off`: in tolerances; the manifest is changed, as no machine here computes wrongly."""
    card = models.card(purpose)
    last = card.outputs[-1]
    *before, known = card.answers
    mean, *others = known.values[last]
    moved = replace(known, values={**known.values, last: (mean + off * models.TOLERANCE, *others)})
    told = replace(card, answers=(*before, moved))
    monkeypatch.setattr(models, "cards", lambda: (told,))
    assert [state.code for state in models.verify()] == [code]
    if code:
        with pytest.raises(ModelUnavailable, match=code):
            models.open_net(purpose)


def test_a_machine_without_an_output_of_that_name_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    card = models.card("verify")
    monkeypatch.setattr(models, "cards", lambda: (replace(card, outputs=("no-such-output",)),))
    assert [state.code for state in models.verify()] == [WRONG_ANSWER]


def test_the_known_input_is_the_same_everywhere() -> None:
    """Counted by hand: the top byte of i x 2654435761 modulo 2^32."""
    card = models.card("detect")
    wanted = [(index * 2654435761 % 2**32) >> 24 for index in (0, 1, 2, 18431)]
    found = models.sample(card, (1, 3, 64, 96)).ravel()
    assert found[[0, 1, 2, -1]].tolist() == wanted
    scaled = models.sample(models.card("verify"), PICTURE)
    assert (scaled.min(), scaled.max()) == (-127.5 / 128, 127.5 / 128)


def test_the_answer_does_not_hang_on_the_number_of_threads() -> None:
    before = cv2.getNumThreads()
    try:
        for threads in (1, 2):
            cv2.setNumThreads(threads)
            assert [state.code for state in models.verify()] == ["", ""]
    finally:
        cv2.setNumThreads(before)
