"""Only the right weights are used: the right file, on a machine that computes with it as it should."""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from exam_rooms.watching import Likeness, WatchRules
from proctoring import models
from proctoring.faces import cosine
from proctoring.models import MISSING, WRONG_ANSWER, WRONG_FILE, ModelCard, ModelUnavailable
from proctoring.observe import Eyes, enrol
from tests.proctoring.nets_kit import Entry, colours, put, spots
from tests.proctoring.photos import photo, scaled

OWN = models.OWN
REGISTRY = tuple(card for card in models.cards(OWN) if card.origin == "registry")
PURPOSES = ("detect", "verify", "mesh", "iris", "objects")
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
    for card in REGISTRY:
        shutil.copy(OWN / card.file, folder)
    return folder


def own(purpose: str) -> ModelCard:
    return models.card(purpose, OWN)


def codes(folder: models.Folder = OWN) -> dict[str, str]:
    """Purpose -> code of the networks that set-up brings."""
    return codes_of(models.verify(folder))


def codes_of(states: Iterable[models.ModelState]) -> dict[str, str]:
    return {state.card.purpose: state.code for state in states if state.card.origin == "registry"}


def test_set_up_brings_one_model_for_every_purpose_but_liveness() -> None:
    assert tuple(card.purpose for card in REGISTRY) == PURPOSES
    assert [own(purpose) for purpose in PURPOSES] == list(REGISTRY)
    with pytest.raises(KeyError):
        own("mind-reading")
    with pytest.raises(ModelUnavailable, match="liveness: missing"):
        models.open_net("liveness", OWN)
    with pytest.raises(ModelUnavailable, match="mind-reading: missing"):
        models.open_nets("mind-reading", OWN)


@pytest.mark.parametrize("card", models.cards(OWN), ids=lambda card: card.name)
def test_a_card_says_where_its_model_comes_from(card: ModelCard) -> None:
    assert all((card.name, card.version, card.source, card.licence, card.caveat))
    assert len(bytes.fromhex(card.content_hash)) == 32
    assert card.answers and all(set(known.values) == set(card.outputs) for known in card.answers)


def test_thresholds_leave_room_for_doubt() -> None:
    for card in models.cards(OWN):
        limits = card.thresholds
        assert all(0 < limit < 1 for limit in limits.values())
        if card.purpose == "verify":
            assert limits["mismatch"] < limits["match"]


@pytest.mark.dear
def test_models_of_this_installation_can_be_used() -> None:
    states = models.verify(OWN)
    assert codes_of(states) == dict.fromkeys(PURPOSES, "")
    assert models.usable(states) == set(PURPOSES)


def test_a_net_of_the_detector_takes_any_size_of_its_grid() -> None:
    card, net = own("detect"), models.open_net("detect", OWN)
    for height, width in ((32, 32), (96, 64), (256, 320)):
        net.setInput(np.zeros((1, 3, height, width), np.float32))
        shapes = [values.shape for values in net.forward(list(card.outputs))]
        assert shapes == [(1, channels, height // 4, width // 4) for channels in (1, 2, 2, 10)]


def test_a_net_of_the_comparison_makes_one_vector_of_one_picture() -> None:
    card, net = own("verify"), models.open_net("verify", OWN)
    net.setInput(models.sample(card, PICTURE))
    assert net.forward().shape == (1, card.dim)


def test_every_caller_gets_a_net_of_their_own() -> None:
    first, second = (models.open_net("verify", OWN) for _ in range(2))
    card = own("verify")
    first.setInput(models.sample(card, PICTURE))
    before = first.forward().copy()
    second.setInput(np.zeros(PICTURE, np.float32))
    assert not np.allclose(second.forward(), before, atol=0.1)
    assert np.array_equal(first.forward(), before)


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_weights_are_unavailable(copied: Path, purpose: str, damage: str) -> None:
    spoil, code = DAMAGES[damage]
    spoil(copied / own(purpose).file)
    with pytest.raises(ModelUnavailable) as refused:
        models.open_net(purpose, copied)
    assert (refused.value.purpose, refused.value.code) == (purpose, code)


@pytest.mark.dear
@pytest.mark.parametrize("purpose", ["detect", "mesh"])
def test_only_the_damaged_model_is_named(copied: Path, purpose: str) -> None:
    change_one_bit(copied / own(purpose).file)
    states = models.verify(copied)
    assert codes_of(states) == {name: WRONG_FILE if name == purpose else "" for name in PURPOSES}
    assert models.usable(states) == set(PURPOSES) - {purpose}


@pytest.mark.dear
def test_another_models_weights_are_the_wrong_file(copied: Path) -> None:
    shutil.copy(copied / own("detect").file, copied / own("verify").file)
    assert [purpose for purpose, code in codes(copied).items() if code == WRONG_FILE] == ["verify"]


def test_no_folder_at_all(tmp_path: Path) -> None:
    states = models.verify(tmp_path / "nowhere")
    assert {(state.code, state.size, state.place, state.used) for state in states} == {
        (MISSING, 0, None, False)
    }


@pytest.mark.dear
def test_a_folder_of_that_name_is_no_model(copied: Path) -> None:
    path = copied / own("verify").file
    path.unlink()
    path.mkdir()
    assert codes(copied)["verify"] == MISSING


@pytest.mark.parametrize(
    ("off", "code"),
    [(0.0, ""), (0.4, ""), (3.0, WRONG_ANSWER), (-3.0, WRONG_ANSWER), (float("nan"), WRONG_ANSWER)],
)
@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_machine_that_computes_otherwise_is_noticed(
    monkeypatch: pytest.MonkeyPatch, purpose: str, off: float, code: str
) -> None:
    """`off`: in tolerances; the manifest is changed, as no machine here computes wrongly."""
    card = own(purpose)
    last = card.outputs[-1]
    *before, known = card.answers
    mean, *others = known.values[last]
    moved = replace(
        known, values={**known.values, last: (mean + off * models.TOLERANCE * (1 + abs(mean)), *others)}
    )
    told = replace(card, answers=(*before, moved))
    monkeypatch.setattr(models, "cards", lambda _folder: (told,))
    assert [state.code for state in models.verify(OWN)] == [code]
    if code:
        with pytest.raises(ModelUnavailable, match=code):
            models.open_net(purpose, OWN)


def test_a_machine_without_an_output_of_that_name_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    card = own("verify")
    monkeypatch.setattr(models, "cards", lambda _folder: (replace(card, outputs=("no-such-output",)),))
    assert [state.code for state in models.verify(OWN)] == [WRONG_ANSWER]


def test_the_known_input_is_the_same_everywhere() -> None:
    """Counted by hand: the top byte of i x 2654435761 modulo 2^32."""
    card = own("detect")
    wanted = [(index * 2654435761 % 2**32) >> 24 for index in (0, 1, 2, 18431)]
    found = models.sample(card, (1, 3, 64, 96)).ravel()
    assert found[[0, 1, 2, -1]].tolist() == wanted
    scaled = models.sample(own("verify"), PICTURE)
    assert (scaled.min(), scaled.max()) == (-127.5 / 128, 127.5 / 128)


def test_a_known_input_is_scaled_by_channel_like_a_picture() -> None:
    """What `blob` makes of the bytes of a sample, `sample` makes too."""
    card = next(card for card in models.cards(OWN) if card.name == "NanoDet-m")
    plain = replace(card, input=replace(card.input, mean=(0.0,) * 3, std=(1.0,) * 3))
    pixels = models.sample(plain, (1, 3, 8, 8))
    picture = np.ascontiguousarray(pixels[0].transpose(1, 2, 0).astype(np.uint8))
    assert np.allclose(models.blob(card, picture), models.sample(card, (1, 3, 8, 8)), atol=1e-5)
    last = replace(card, input=replace(card.input, layout="NHWC", order="RGB"))
    assert models.blob(last, picture).shape == (1, 8, 8, 3)
    swapped = models.blob(replace(last, input=replace(last.input, mean=(0.0,) * 3, std=(1.0,) * 3)), picture)
    assert np.array_equal(swapped[0, :, :, ::-1], picture)


@pytest.mark.dear
def test_the_answer_does_not_hang_on_the_number_of_threads() -> None:
    before = cv2.getNumThreads()
    try:
        for threads in (1, 2):
            cv2.setNumThreads(threads)
            assert codes() == dict.fromkeys(PURPOSES, "")
    finally:
        cv2.setNumThreads(before)


@pytest.fixture
def swapped(tmp_path: Path) -> Path:
    """A detector of another kind and an embedder of another length, known by a manifest beside them alone."""
    return put(tmp_path / "installed", colours(), spots())


@pytest.mark.dear
def test_detector_and_embedder_are_replaced_by_a_manifest_alone(swapped: Path) -> None:
    places = models.places(swapped)
    assert {state.card.name for state in models.verify(places) if state.used} >= {"spots", "colours"}
    assert (models.card("detect", places).kind, models.card("verify", places).dim) == ("yunet", 8)
    eyes = Eyes(places)
    assert eyes.models == {"detect": "spots 1", "verify": "colours 1"}
    frame = np.zeros((480, 640, 3), np.uint8)
    frame[160:176, 320:336] = 255
    seen = eyes.observe(frame, None, WatchRules(), compare=False)
    (face,) = seen.faces
    assert face.box == pytest.approx((304, 144, 48, 48), abs=0.1)
    assert face.landmarks[0] == pytest.approx((323.2, 168), abs=0.1), "the card says which point is which"
    vector = eyes.vector(frame, face)
    assert vector.shape == (8,) and np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    with pytest.raises(ValueError, match="192"):
        cosine(vector, np.ones(192, np.float32))


@pytest.mark.dear
def test_an_installed_network_that_is_damaged_leaves_its_place_to_the_next(swapped: Path) -> None:
    change_one_bit(swapped / "spots.onnx")
    states = {state.card.name: state for state in models.verify(models.places(swapped))}
    assert (states["spots"].code, states["spots"].used) == (WRONG_FILE, False)
    assert (states["CenterFace"].code, states["CenterFace"].used) == ("", True)
    assert models.open_nets("detect", models.places(swapped))[0].card.name == "CenterFace"
    with pytest.raises(ModelUnavailable, match=WRONG_FILE):
        models.open_net("detect", swapped)


def test_a_manifest_that_cannot_be_read_counts_as_none(swapped: Path) -> None:
    (swapped / "manifest.json").write_text("{")
    assert [opened.card.name for opened in models.open_nets("detect", models.places(swapped))] == [
        "CenterFace"
    ]


def test_networks_of_a_team_work_together_or_not_at_all(tmp_path: Path) -> None:
    def member(name: str, dim: int) -> tuple[Entry, bytes]:
        told, data = colours(name, dim, side=32)
        told |= {"purpose": "liveness", "kind": "minifasnet", "team": "pair", "crop": 2.0}
        return told | {"thresholds": {"alive": 0.5}}, data

    folder = put(tmp_path / "pair", member("one", 3), member("other", 4))
    assert [opened.card.name for opened in models.open_nets("liveness", folder)] == ["one", "other"]
    assert models.card("liveness", folder).name == "one"
    (folder / "other.onnx").unlink()
    with pytest.raises(ModelUnavailable, match=MISSING):
        models.open_nets("liveness", folder)
    states = {state.card.name: (state.code, state.used) for state in models.verify(folder)}
    assert (states["one"], states["other"]) == (("", False), (MISSING, False))


def test_an_embedder_whose_vectors_have_another_length_than_its_card_says_is_not_used(tmp_path: Path) -> None:
    told, data = colours(dim=8)
    folder = put(tmp_path / "installed", (told | {"dim": 7}, data))
    with pytest.raises(ModelUnavailable, match=WRONG_ANSWER):
        models.open_net("verify", folder)


def test_a_folder_that_may_not_be_entered_is_empty_for_us(
    swapped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told by the system's answers: whoever may do all, as in a container, is refused nothing."""

    def refused(*_given: object, **_named: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.stat", refused)
    monkeypatch.setattr("os.open", refused)
    assert models.card("verify", swapped).name == "MobileFaceNet"
    assert {state.code for state in models.verify(swapped)} == {MISSING}


@pytest.mark.dear
def test_a_photo_is_judged_by_the_card_of_the_network_that_compares(tmp_path: Path) -> None:
    """Not by that of another folder: cosines of two networks are not measured alike."""
    told, data = colours()
    limits = {"match": 0.999999, "mismatch": 0.999998}
    eyes = Eyes(models.places(put(tmp_path / "installed", (told | {"thresholds": limits}, data))))
    assert (eyes.dim, dict(eyes.limits)) == (8, limits)
    made = enrol(eyes, photo("obama2.jpg"), [scaled("obama.jpg", 130)] * 5, WatchRules())
    assert made is not None and made.similarity is not None
    assert 0.5 < made.similarity < limits["mismatch"]
    assert made.likeness is Likeness.MISMATCH
    assert (Eyes(tmp_path / "nowhere").dim, Eyes(tmp_path / "nowhere").limits) == (0, {})
