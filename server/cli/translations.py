"""Catalogues: `python -m server.cli.translations [--compile | --check]`.

Without an option: extracts the Chinese source texts of Python, templates and scripts, updates the English
catalogue and compiles it. `--compile` only compiles; `--check` changes nothing and fails with a list of
what is untranslated, fuzzy, obsolete, missing, or differs in its placeholders.
"""

import json
import re
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import click
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[2]
PO = ROOT / "server" / "translations" / "en" / "LC_MESSAGES" / "messages.po"
KIOSK_JSON = ROOT / "client" / "ui" / "catalog" / "en.json"
METHODS = [
    ("server/static/vendor/**", "ignore"),
    ("client/ui/vendor/**", "ignore"),
    ("server/db/migrations/**", "ignore"),
    ("server/**.py", "python"),
    ("server/templates/**.html", "jinja2"),
    ("server/static/js/**.js", "javascript"),
    ("client/ui/**.js", "javascript"),
]
FOLDERS = ("server", "client")
KEYWORDS = {"_": None, "gettext": None, "N_": None, "ngettext": (1, 2)}
_PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|%%")


def extracted() -> Catalog:
    """Every text of the sources with its places."""
    catalog = Catalog(domain="messages", charset="utf-8")
    for folder in FOLDERS:
        found = extract_from_dir(
            ROOT / folder,
            method_map=[(pattern.removeprefix(f"{folder}/"), how) for pattern, how in _of(folder)],
            keywords=KEYWORDS,
            options_map={"**.html": {"extensions": "jinja2.ext.do", "silent": "false"}},
        )
        for name, line, message, _comments, _context in found:
            catalog.add(message, None, [(f"{folder}/{name}", line)])
    return catalog


def stored() -> Catalog:
    """The English catalogue as it lies in the repository."""
    if not PO.exists():
        return Catalog(locale="en", domain="messages", charset="utf-8")
    with PO.open("rb") as file:
        return read_po(file, locale="en", domain="messages")


def faults(template: Catalog, catalog: Catalog) -> Iterator[str]:
    """What keeps the catalogue from being complete, one line each."""
    for message in template:
        if not message.id:
            continue
        known = catalog.get(message.id)
        if known is None:
            yield f"missing: {_first(message.id)}"
        else:
            yield from _message_faults(known)
    for message in catalog:
        if message.id and template.get(message.id) is None:
            yield f"not in the sources: {_first(message.id)}"
    yield from (f"obsolete: {_first(message.id)}" for message in catalog.obsolete.values())


def update() -> Catalog:
    """Brings the stored catalogue to the sources: new texts empty, old ones gone, translations kept."""
    template, catalog = extracted(), stored()
    fresh = Catalog(locale="en", domain="messages", charset="utf-8", project="examhall")
    for message in sorted(template, key=lambda one: str(_first(one.id))):
        if message.id:
            known = catalog.get(message.id)
            fresh.add(message.id, known.string if known else None, message.locations)
    PO.parent.mkdir(parents=True, exist_ok=True)
    out = BytesIO()
    write_po(out, fresh, width=0, omit_header=False, include_lineno=False, sort_output=False)
    lines = out.getvalue().decode().splitlines(keepends=True)
    # Dates would make every refresh a change.
    PO.write_text("".join(line for line in lines if "-Date:" not in line and "Generated-By" not in line))
    return fresh


def compile_catalogue(catalog: Catalog) -> None:
    """Writes the binary catalogue for Python and the JSON one for the kiosk's page."""
    with PO.with_suffix(".mo").open("wb") as file:
        write_mo(file, catalog)
    KIOSK_JSON.parent.mkdir(parents=True, exist_ok=True)
    words = {_first(one.id): _value(one) for one in catalog if one.id and one.string and _for_kiosk(one)}
    KIOSK_JSON.write_text(json.dumps(words, ensure_ascii=False, indent=0, sort_keys=True))


def main(arguments: list[str]) -> int:
    """0, or 1 when the check found something."""
    if "--check" in arguments:
        found = list(faults(extracted(), stored()))
        for line in found:
            click.echo(line)
        return 1 if found else 0
    compile_catalogue(stored() if "--compile" in arguments else update())
    return 0


def _of(folder: str) -> list[tuple[str, str]]:
    return [(pattern, how) for pattern, how in METHODS if pattern.startswith(f"{folder}/")]


def _message_faults(message: Message) -> Iterator[str]:
    ids = message.id if isinstance(message.id, (list, tuple)) else (message.id,)
    texts = message.string if isinstance(message.string, (list, tuple)) else (message.string,)
    if message.fuzzy:
        yield f"fuzzy: {ids[0]}"
    if not all(texts):
        yield f"untranslated: {ids[0]}"
        return
    wanted = _placeholders(ids[-1])
    for text in texts:
        # A singular form may leave its number out: "one seat".
        if _placeholders(text) != wanted and not (len(texts) > 1 and _placeholders(text) < wanted):
            yield f"placeholders differ: {ids[0]}"


def _placeholders(text: str) -> set[str]:
    return {found.group(0) for found in _PLACEHOLDER.finditer(text)}


def _first(ident: str | list[str] | tuple[str, ...]) -> str:
    return ident if isinstance(ident, str) else ident[0]


def _value(message: Message) -> str | list[str]:
    return message.string if isinstance(message.string, str) else list(message.string)


def _for_kiosk(message: Message) -> bool:
    return any(str(place).startswith("client/") for place, _line in message.locations)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
