"""Manifests: what a card must say before anything is done with its file."""

import json
from pathlib import Path

import pytest

from proctoring.model_cards import ManifestFault, folder_cards, own_cards, read_cards
from tests.proctoring.nets_kit import Entry, colours


@pytest.fixture(scope="module")
def good() -> Entry:
    return colours()[0]


def read(*entries: object) -> None:
    read_cards(json.dumps({"models": entries}))


def test_a_whole_card_is_read_with_one_number_or_one_for_each_channel(good: Entry) -> None:
    (card,) = read_cards(json.dumps({"models": [good]}))
    assert (card.origin, card.team, card.landmarks, card.dim) == ("extra", "", (0, 1, 2, 3, 4), 8)
    assert (card.input.mean, card.input.std) == ((1.0, 2.0, 3.0), (255.0,) * 3)


def test_the_preferred_of_the_package_are_those_somebody_installs() -> None:
    origins = [(card.purpose, card.origin) for card in own_cards()]
    for purpose in ("detect", "objects"):
        assert [origin for one, origin in origins if one == purpose] == sorted(
            origin for one, origin in origins if one == purpose
        ), "extra before registry"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"purpose": "mind-reading"}, "no such purpose"),
        ({"kind": "yunet"}, "no such kind for its purpose"),
        ({"origin": "heaven"}, "no such origin"),
        ({"file": "../other.onnx"}, "no plain name of an .onnx file"),
        ({"file": "a\\b.onnx"}, "no plain name of an .onnx file"),
        ({"file": "/etc/passwd"}, "no plain name of an .onnx file"),
        ({"file": ""}, "no plain name of an .onnx file"),
        ({"file": "manifest.json"}, "no plain name of an .onnx file"),
        ({"file": ".."}, "no plain name of an .onnx file"),
        ({"dim": 0}, "a vector has a length"),
        ({"dim": -1}, "impossible sizes"),
        ({"thresholds": {"match": 0.5}}, "thresholds are missing"),
        ({"thresholds": {"match": float("nan"), "mismatch": 0.1}}, "numbers that are none"),
        ({"landmarks": [0, 1, 2, 3, 3]}, "five landmarks are needed"),
        ({"outputs": []}, "no outputs"),
        ({"content_hash": "ab"}, "no content hash"),
        ({"answers": []}, "no known answer"),
        ({"crop": "wide"}, "missing or wrong: could not convert"),
        ({"licence": None}, "missing or wrong: None is no text"),
        ({"input": {}}, "missing or wrong: 'width'"),
        ({"version": "1\n2"}, "a name that cannot be shown"),
        ({"version": "1\x1b[2J"}, "a name that cannot be shown"),
        ({"version": "9" * 60}, "a name that cannot be shown"),
        ({"file": "f" * 80 + ".onnx"}, "a file's name that is too long"),
        ({"outputs": ["out", "more"]}, "not as many outputs as its kind has"),
        ({"outputs": ["out", "out"]}, "not as many outputs as its kind has"),
        ({"dim": float("inf")}, "missing or wrong: cannot convert float infinity"),
        ({"dim": 1 << 40}, "impossible sizes"),
        ({"thresholds": {"match": 0.3, "mismatch": 0.5}}, "impossible thresholds"),
        ({"thresholds": {"match": 30, "mismatch": 0.5}}, "impossible thresholds"),
        ({"crop": -1}, "impossible crop"),
        ({"crop": 1e9}, "impossible crop"),
        ({"classes": {"phone": 80}}, "no such class"),
        ({"classes": {"phone": -1}}, "no such class"),
        ({"answers": [{"shape": [1, 3, 99999, 99999], "values": {}}]}, "impossible known answer"),
        ({"answers": [{"shape": [1, 3, -1, 96], "values": {}}]}, "impossible known answer"),
        ({"answers": [{"shape": [], "values": {}}]}, "impossible known answer"),
    ],
)
def test_what_a_card_may_not_say(good: Entry, change: Entry, reason: str) -> None:
    with pytest.raises(ManifestFault) as refused:
        read(good | change)
    assert refused.value.entry == "colours"
    assert refused.value.reason.startswith(reason)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"order": "RGBA"}, "no such channel order"),
        ({"layout": "CHW"}, "no such channel order"),
        ({"multiple": 0}, "impossible sizes"),
        ({"std": [1, 0, 1]}, "numbers that are none"),
        ({"std": -255}, "numbers that are none"),
        ({"mean": [1, 2]}, "missing or wrong"),
    ],
)
def test_what_an_input_may_not_be(good: Entry, change: Entry, reason: str) -> None:
    with pytest.raises(ManifestFault) as refused:
        read(good | {"input": good["input"] | change})
    assert refused.value.reason.startswith(reason)


@pytest.mark.parametrize("name", ["version", "purpose", "kind", "file", "input", "outputs", "thresholds"])
def test_what_a_card_must_say(good: Entry, name: str) -> None:
    with pytest.raises(ManifestFault) as refused:
        read({key: value for key, value in good.items() if key != name})
    assert name in refused.value.reason


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"models": 3}', '{"models": null}', "[" * 100_000])
def test_a_text_that_is_no_manifest(text: str) -> None:
    with pytest.raises(ManifestFault) as refused:
        read_cards(text)
    assert (refused.value.entry, refused.value.reason) == ("", "no list of models in JSON")


@pytest.mark.parametrize("entry", [3, None, [], {}, {"name": ""}])
def test_an_entry_without_a_name(entry: object) -> None:
    with pytest.raises(ManifestFault) as refused:
        read(entry)
    assert refused.value.reason == "an entry without a name"


def test_names_and_files_are_there_once(good: Entry) -> None:
    for twice in (good | {"file": "other.onnx"}, good | {"name": "other"}):
        with pytest.raises(ManifestFault) as refused:
            read(good, twice)
        assert refused.value.reason == "named twice"


def test_a_folder_may_have_no_manifest_but_not_a_broken_one(tmp_path: Path) -> None:
    assert folder_cards(tmp_path) == ()
    (tmp_path / "manifest.json").write_bytes(b'{"models": "\xff"}')
    with pytest.raises(ManifestFault):
        folder_cards(tmp_path)
