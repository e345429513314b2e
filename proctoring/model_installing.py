"""Networks brought by hand: recognised and tried in the folder they come in, then put where hosts look.

Nothing is copied before everything is known to be right. A file is recognised by its content, whatever it
is called: it must be one of the package's manifest, or of a manifest that lies beside it, which may bring
networks of its own. What a running process has opened stays in use there until it starts again.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proctoring import model_cards, models
from proctoring.model_cards import (
    MANIFEST,
    MOST_BYTES,
    ManifestFault,
    ModelCard,
    manifest_text,
    whole_file,
)
from proctoring.models import ModelUnavailable
from proctoring.onnx_content import OnnxFault, content_hash


@dataclass
class InstallFault(Exception):
    """Why nothing was installed or removed: a code, and the file or network it is about with its reason."""

    code: str
    thing: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Brought:
    """One network ready to be installed: its card, the file it came in, its bytes."""

    card: ModelCard
    source: Path
    data: bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a folder brings; `unknown`: weights in it that no manifest knows, which are left alone."""

    brought: tuple[Brought, ...]
    unknown: tuple[str, ...]


def inspect(source: Path) -> Delivery:
    """Everything in a folder that can be installed, tried on this machine. Raises `InstallFault`.

    A file that bears the name of a known network but is another, and a file that a manifest beside it names
    but that is missing, wrong or answers wrongly, refuse the whole folder.
    """
    theirs = _their_cards(source)
    known = {card.content_hash: card for card in (*model_cards.own_cards(), *theirs)}
    files = {card.file: card.name for card in known.values()}
    brought: dict[str, Brought] = {}
    unknown = []
    for path in _weights(source):
        data = _bytes(path)
        card = known.get(_hash(data))
        if card is not None:
            brought.setdefault(card.name, Brought(card, path, data))
        elif path.name in files:
            raise InstallFault("model_other_file", path.name, files[path.name])
        else:
            unknown.append(path.name)
    missing = next((card for card in theirs if card.name not in brought), None)
    if missing is not None:
        raise InstallFault("model_not_there", missing.file, missing.name)
    if not brought:
        raise InstallFault("model_none_known", str(source))
    for each in brought.values():
        _try(each)
    return Delivery(tuple(brought.values()), tuple(unknown))


def install(source: Path, target: Path) -> Delivery:
    """Puts what a folder brings into the folder of installed networks. Raises `InstallFault`.

    An own network with the name of one that is there takes its place; the newest come first by preference.
    """
    delivery = inspect(source)
    fresh = _entries(source)
    names = {entry["name"] for entry in fresh}
    _check_files(delivery.brought, target, names)
    kept = [entry for entry in _entries(target) if entry["name"] not in names]
    writes = [(each.card.file, each.data) for each in delivery.brought]
    if fresh:
        writes.append((MANIFEST, _manifest([*fresh, *kept])))
    try:
        _make(target)
        _put(target, writes)
    except OSError as fault:
        raise InstallFault("models_folder", str(target), fault.strerror or type(fault).__name__) from fault
    return delivery


def remove(name: str, target: Path) -> tuple[ModelCard, ...]:
    """Takes an installed network away, or all of a team by the team's name. Raises `InstallFault`."""
    cards = [card for card in models.cards((target,)) if name and name in {card.name, card.team}]
    gone = tuple(card for card in cards if os.path.isfile(target / card.file))
    if not gone:
        raise InstallFault("model_not_installed", name)
    names = {card.name for card in gone}
    entries = _entries(target)
    kept = [entry for entry in entries if entry["name"] not in names]
    try:
        if kept != entries:
            _put(target, [(MANIFEST, _manifest(kept))])
        for card in gone:
            (target / card.file).unlink()
    except OSError as fault:
        raise InstallFault("models_folder", str(target), fault.strerror or type(fault).__name__) from fault
    return gone


def _their_cards(source: Path) -> tuple[ModelCard, ...]:
    """The cards of the manifest beside the files; none of them may pass for one of the package's."""
    try:
        cards = model_cards.folder_cards(source)
    except ManifestFault as fault:
        raise InstallFault("model_manifest", fault.entry or MANIFEST, fault.reason) from fault
    except OSError as fault:
        raise InstallFault("models_source", str(source), fault.strerror or "") from fault
    own = model_cards.own_cards()
    names, files = {card.name for card in own}, {card.file for card in own}
    for card in cards:
        if card.name in names or card.file in files:
            raise InstallFault("model_manifest", card.name, "name or file of a model of this package")
    return cards


def _weights(source: Path) -> Iterator[Path]:
    try:
        yield from sorted(path for path in source.iterdir() if path.suffix == ".onnx" and path.is_file())
    except OSError as fault:
        raise InstallFault("models_source", str(source), fault.strerror or "") from fault


def _bytes(path: Path) -> bytes:
    try:
        return whole_file(path, MOST_BYTES)
    except OSError as fault:
        raise InstallFault("model_unreadable", path.name, fault.strerror or "") from fault


def _hash(data: bytes) -> str:
    """The content's hash; "" for what is no network, which no card has."""
    try:
        return content_hash(data)
    except OnnxFault:
        return ""


def _try(brought: Brought) -> None:
    try:
        models.load(brought.card, brought.data)
    except ModelUnavailable as fault:
        raise InstallFault("model_wrong_answer", brought.source.name, fault.code) from fault


def _check_files(brought: Sequence[Brought], target: Path, names: set[str]) -> None:
    """No file of another installed network is overwritten."""
    for entry in _entries(target):
        for each in brought:
            if entry["file"] == each.card.file and entry["name"] not in names | {each.card.name}:
                raise InstallFault("model_manifest", each.card.name, f"file of {entry['name']}")


def _entries(folder: Path) -> list[dict[str, Any]]:
    """The entries of a folder's manifest as they are written there; none without a usable one."""
    try:
        text = manifest_text(folder)
        model_cards.read_cards(text)
        entries: list[dict[str, Any]] = json.loads(text)["models"]
    except (ManifestFault, OSError):
        return []
    return entries


def _manifest(entries: Sequence[dict[str, Any]]) -> bytes:
    return (json.dumps({"models": entries}, ensure_ascii=False, indent=2) + "\n").encode()


def _make(folder: Path) -> None:
    """The folder and those above it, open to the seat agent however strict this process is with its files."""
    for each in reversed((folder, *folder.parents)):
        if not each.exists():
            each.mkdir(exist_ok=True)
            each.chmod(0o755)


def _put(folder: Path, writes: Sequence[tuple[str, bytes]]) -> None:
    """All files are whole on the disk before the first gets its name; the manifest comes last."""
    parts = [(folder / f".{name}.part", folder / name, data) for name, data in writes]
    try:
        for part, _path, data in parts:
            part.unlink(missing_ok=True)
            with part.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.chmod(0o644)
        for part, path, _data in parts:
            part.replace(path)
    finally:
        for part, _path, _data in parts:
            with suppress(OSError):
                part.unlink(missing_ok=True)
