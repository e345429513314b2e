"""NOTICE.txt: where each file came from, and every licence as its package words it."""

from collections.abc import Mapping

from server.cli.weights.fetching import Archive
from server.cli.weights.sources import Collection, Package

RULE = "-" * 78


def notice(collection: Collection, archives: Mapping[Package, Archive], caveats: Mapping[str, str]) -> str:
    """The text for a folder. `caveats`: file name -> what its user should know. Raises `SetupFault`."""
    lines = [f"{collection.title}: files of other authors, taken at set-up from these packages.", ""]
    for piece in collection.pieces:
        lines += [piece.name, f"  from {piece.package.title}, {piece.member}", f"  {piece.remark}"]
        lines += [f"  {caveats[piece.name]}"] if piece.name in caveats else []
        lines += [f"  licence: {piece.package.declared}", ""]
    for package, archive in archives.items():
        lines += [RULE, package.title, "", _licence(package, archive), ""]
    return "\n".join(lines)


def _licence(package: Package, archive: Archive) -> str:
    if package.licence:
        return archive.read(package.licence).decode("utf-8", "replace").strip()
    return f"The package declares the licence {package.declared} in its metadata and carries no licence text."
