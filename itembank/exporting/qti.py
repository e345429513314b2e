"""QTI 2.1 and 3.0 packages: manifest with our facts as LOM, one file an item, media by hash."""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping

from itembank.exporting import Exported
from itembank.exporting.qti_item import item_xml
from itembank.exporting.qti_markup import V21, V30, Dialect, Texts, escaped
from itembank.importing.qti_manifest import DIFFICULTY, MANIFEST, TAXON
from itembank.items import DELIVERED, Item, ItemBody
from itembank.problems import Problem

LOM = "http://ltsc.ieee.org/xsd/LOM"
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # the same items give the same bytes on every day
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,63}")
_WORDS = {step: word for word, step in DIFFICULTY.items()}
_SUFFIXES = {
    "image/png": "png", "image/jpeg": "jpg", "audio/mpeg": "mp3", "audio/ogg": "ogg", "audio/mp4": "m4a",
    "video/mp4": "mp4", "video/webm": "webm",
}  # fmt: skip


def export_qti21(items: Iterable[Item], media: Mapping[str, bytes], title: str) -> Exported:
    """A QTI 2.1 package; `media` are the bytes by SHA-256. The notes name kinds that are not delivered."""
    return _exported(items, media, title, V21)


def export_qti30(items: Iterable[Item], media: Mapping[str, bytes], title: str) -> Exported:
    """The same as a QTI 3.0 package."""
    return _exported(items, media, title, V30)


def _exported(items: Iterable[Item], media: Mapping[str, bytes], title: str, dialect: Dialect) -> Exported:
    notes: list[Problem] = []
    files: dict[str, bytes] = {}
    resources = []
    used: dict[str, str] = {}
    for number, item in enumerate(items, 1):
        if item.facts.kind not in DELIVERED:
            notes.append(Problem("export_kind_left_out", item.facts.uid, {"kind": str(item.facts.kind)}))
            continue
        names = _media_names(item.body, media)
        texts = Texts(dialect, lambda sha, names=names: names.get(sha, ""))  # type: ignore[misc]
        name = f"items/item-{number:05d}.xml"
        xml, lost = item_xml(item, _identifier(item.facts.uid, number), dialect, texts)
        notes += _notes(item, [*sorted(lost), *("export_medium_missing" for _ in set(texts.lost))])
        files[name] = xml.encode()
        mine = {sha: names[sha] for sha in dict.fromkeys(texts.used)}
        used |= mine
        resources.append(_resource(item, f"ITEM-{number}", name, [*mine.values()], dialect))
    files |= {name: media[sha] for sha, name in used.items()}
    return Exported(_zipped({MANIFEST: _manifest(title, resources, dialect), **files}), tuple(notes))


def _media_names(body: ItemBody, media: Mapping[str, bytes]) -> dict[str, str]:
    """Medium -> its file in the package, for media whose bytes are there."""
    parts = [medium for part in body.parts for medium in part.body.media]
    return {
        medium.sha256: f"media/{medium.sha256}.{_SUFFIXES.get(medium.mime, 'bin')}"
        for medium in (*body.media, *parts)
        if medium.sha256 in media
    }


def _notes(item: Item, codes: Iterable[str]) -> Iterator[Problem]:
    yield from (Problem(code, item.facts.uid) for code in dict.fromkeys(codes))
    if item.facts.enemy or item.facts.seconds or any(part.body.source for part in item.body.parts):
        yield Problem("export_fact_left_out", item.facts.uid)


def _identifier(uid: str, number: int) -> str:
    """The id where XML allows it as an identifier; otherwise only the metadata carry it."""
    return uid if _IDENTIFIER.fullmatch(uid) else f"ITEM-{number}"


def _resource(item: Item, identifier: str, name: str, media: list[str], dialect: Dialect) -> str:
    files = "".join(f'<file href="{href}"/>' for href in (name, *media))
    return (
        f'<resource identifier="{identifier}" type="{dialect.resource}" href="{name}">'
        f"<metadata>{_lom(item)}</metadata>{files}</resource>"
    )


def _lom(item: Item) -> str:
    facts = item.facts
    values = {
        "uid": facts.uid,
        "point": facts.point,
        "consistency": str(facts.consistency or ""),
        "importance": facts.importance,
        "sample": "true" if facts.sample else "",
        "path": facts.path,
        "source": item.body.source,
    }
    paths = "".join(
        f"<taxonPath><source><string>{TAXON}{name}</string></source>"
        f"<taxon><id>{escaped(value)}</id></taxon></taxonPath>"
        for name, value in values.items()
        if value
    )
    step = _WORDS.get(facts.difficulty, "")
    difficulty = f"<source>LOMv1.0</source><value>{step}</value>"
    educational = f"<educational><difficulty>{difficulty}</difficulty></educational>" if step else ""
    purpose = "<purpose><source>LOMv1.0</source><value>educational objective</value></purpose>"
    return f'<lom xmlns="{LOM}">{educational}<classification>{purpose}{paths}</classification></lom>'


def _manifest(title: str, resources: Iterable[str], dialect: Dialect) -> bytes:
    name = f"<general><title><string>{escaped(title)}</string></title></general>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<manifest xmlns="{dialect.manifest}" identifier="MANIFEST">'
        f"<metadata><schema>{dialect.schema}</schema><schemaversion>{dialect.version}</schemaversion>"
        f'<lom xmlns="{LOM}">{name}</lom></metadata>'
        f"<organizations/><resources>{''.join(resources)}</resources></manifest>\n"
    ).encode()


def _zipped(files: Mapping[str, bytes]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _FIRST_DAY)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            package.writestr(entry, content)
    return memory.getvalue()
