"""`python -m server.cli.migration MESSAGE`: writes the next schema version from the models.

For developers: upgrades empty stores in a temporary folder to the newest version and compares them.
`--initial` first removes every version there is, while nothing is released yet.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from server.db.migrate import FOLDER, HISTORIES, generate, upgrade
from server.settings import Settings


def main(arguments: list[str]) -> int:
    """Writes the files and names them."""
    initial = "--initial" in arguments
    message = " ".join(word for word in arguments if word != "--initial") or "initial tables"
    if initial:
        for history in HISTORIES:
            for file in history.folder.glob("v*.py"):
                file.unlink()
    with TemporaryDirectory() as folder:
        settings = Settings.load({"EXAMHALL_DATA": str(Path(folder) / "data")})
        upgrade(settings)
        for path in generate(settings, message):
            _tidy(path)
            click.echo(path.relative_to(FOLDER.parents[2]))
    return 0


def _tidy(path: Path) -> None:
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if "# ###" not in line))
    for act in (["format", "--quiet"], ["check", "--fix", "--quiet"], ["format", "--quiet"]):
        subprocess.run([sys.executable, "-m", "ruff", *act, str(path)], check=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
