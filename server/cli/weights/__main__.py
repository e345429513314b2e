"""The program: makes whole what is not, and says in one sentence what stands in the way."""

import hashlib
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from proctoring import models
from proctoring.model_cards import REGISTRY, own_cards
from server.cli.weights import tfjs
from server.cli.weights.conversion import convert
from server.cli.weights.fetching import ROOT, Archive, SetupFault, fetch
from server.cli.weights.notices import notice
from server.cli.weights.sources import COLLECTIONS, MODELS, TFJS, TFLITE, Collection, Piece

NOTICE = "NOTICE.txt"


def whole(collection: Collection, folder: Path) -> bool:
    """Whether each file is there as it should be, and the notice beside it."""
    return (folder / NOTICE).is_file() and not faults(collection, folder)


def faults(collection: Collection, folder: Path) -> list[str]:
    """The files in a folder that are missing or wrong, models with what is wrong."""
    if collection is MODELS:
        absent = [piece.name for piece in collection.pieces if not (folder / piece.name).is_file()]
        if absent:
            return [f"{name} ({models.MISSING})" for name in absent]
        states = [state for state in models.verify(folder) if state.card.origin == REGISTRY]
        return [f"{state.card.file} ({state.code})" for state in states if state.code]
    return [piece.name for piece in collection.pieces if not _is_right(piece, folder / piece.name)]


def install(collection: Collection, folder: Path) -> None:
    """Makes a collection in a temporary folder, checks it there, then puts it in its place.

    Raises `SetupFault`, and then nothing has changed in `folder`.
    """
    with TemporaryDirectory(prefix="examhall-setup-") as temporary:
        work, ready = Path(temporary), Path(temporary) / "ready"
        ready.mkdir()
        packages = dict.fromkeys(piece.package for piece in collection.pieces)
        archives = {package: fetch(package, work) for package in packages}
        for piece in collection.pieces:
            (ready / piece.name).write_bytes(_made(piece, archives[piece.package], work))
        wrong = faults(collection, ready)
        if wrong:
            raise SetupFault(f"Not what the manifest asks for: {', '.join(wrong)}.")
        (ready / NOTICE).write_text(notice(collection, archives, _caveats()), encoding="utf-8")
        _put(ready, folder)


def _made(piece: Piece, archive: Archive, work: Path) -> bytes:
    data = archive.piece(piece)
    if piece.form == TFLITE:
        return convert(data, work)
    if piece.form == TFJS:
        try:
            return tfjs.convert(data, archive.checked(*piece.weights))
        except tfjs.NotUnderstood as fault:
            raise SetupFault(f"{archive.package.title}: {piece.member} has {fault}.") from fault
    return data


def _is_right(piece: Piece, path: Path) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == piece.sha256


def _caveats() -> dict[str, str]:
    return {card.file: card.caveat for card in own_cards()}


def _put(ready: Path, folder: Path) -> None:
    """Each file is whole under its name or not there at all, also when the machine stops half way."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted(ready.iterdir()):
        part = folder / f".{source.name}.part"
        part.write_bytes(source.read_bytes())
        os.replace(part, folder / source.name)


def main(root: Path = ROOT) -> int:
    """Fetches every collection below `root` that is not whole; returns the exit status."""
    wanted = [collection for collection in COLLECTIONS if not whole(collection, root / collection.folder)]
    if wanted:
        sys.stdout.write("· camera models and sample photos (about 160 MB, half a minute)\n")
        sys.stdout.flush()
    try:
        for collection in wanted:
            install(collection, root / collection.folder)
    except SetupFault as fault:
        sys.stderr.write(f"{fault}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
