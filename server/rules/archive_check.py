"""The check of a dossier from the file alone: no server, no database, no network.

Every file is held against the signed index, the index against its signature, the zip's own bytes against
what these files make. Where a file is a chain (audit entries, attempts) the row is named as well.
"""

import base64
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from exam_rooms.wire import canonical
from server.errors import Refused
from server.rules import attempt_check, merkle, signed_papers
from server.rules.archive import FORMAT, INDEX, SIGNATURE, Listed, index_message, listed, pack
from server.rules.audit_chain import chain_faults, checkpoint_fault, signed_by
from server.rules.signed_papers import UNREADABLE

CHAIN = re.compile(r".*/audit/[^/]+\.jsonl")
CHECKPOINTS = re.compile(r".*/checkpoints\.jsonl")
ATTEMPTS = re.compile(r".*/attempts\.json")
RECORD = re.compile(r"(.*)/record-(\d+)\.json")
FORM = re.compile(r"(.*)/supervision\.json")
_TEXTS = ("site_key", "root", "batch", "made_at")
"""Facts of an index that are compared or printed."""
_LOCAL = struct.Struct("<4s5H3I2H")
_NO_ZIP = (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, ValueError, struct.error)


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing that is not as it should be, in a file ("" for the zip itself).

    `code`: not_a_dossier, missing, added, altered, container, index_root, index_signature, site_key,
    chain_gap, chain_prev, chain_hash, chain_shape, checkpoint_size, checkpoint_root, checkpoint_signature,
    checkpoint_shape, attempt_ + a code of `attempt_proof.Fault` or `attempt_check.Checked`, record_ and
    form_ + a code of `signed_papers`.
    `row`: number of the entry, or attempt-journal-seq; "" where there is none.
    """

    file: str
    code: str
    row: str = ""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a dossier proves. `facts`: the index without its files; `site_key` in it is base64.

    `known`: what was not right with attempts already when the site signed, e.g. a paper without a receipt
    because its machine burnt; it is told, and is no alteration.
    """

    facts: Mapping[str, Any]
    files: int
    chains: int
    attempts: int
    wrong: tuple[Wrong, ...]
    known: tuple[Wrong, ...] = ()

    @property
    def good(self) -> bool:
        """Whether nothing was found."""
        return not self.wrong


def verify(data: bytes, *, site_key: bytes | None = None) -> Verified:
    """Checks a dossier; `site_key` (raw Ed25519) instead of the one that it brings."""
    found = dict(_entries(data))
    index = _index(found.get(INDEX))
    if index is None:
        kept = "altered" if INDEX in found or b'"examhall-dossier/' in data[: 1 << 20] else "not_a_dossier"
        return Verified({}, len(found), 0, 0, (Wrong(INDEX, kept),))
    key = site_key or _raw(index.get("site_key", ""))
    lines = _lines(index)
    blamed = SIGNATURE if _damaged(data) == {SIGNATURE} else INDEX
    wrong = [*_signature(found, index, lines, key, blamed), *_contents(found, lines)]
    files = {name: content for name, content in found.items() if content is not None}
    chains, attempts = _chains(files, key), _attempts(files, key)
    known = {Wrong(*row) for row in index.get("known", ())}
    wrong += _papers(files)
    told = [fault for faults in (*chains.values(), *attempts.values()) for fault in faults]
    wrong += [fault for fault in told if fault not in known]
    if not wrong:
        wrong += _container(data, files)
    facts = {name: value for name, value in index.items() if name != "files"}
    papers = sum(_count(files[name]) for name in attempts)
    standing = tuple(fault for fault in told if fault in known)
    return Verified(facts, len(lines), len(chains), papers, tuple(dict.fromkeys(wrong)), standing)


def attempts_wrong(files: Mapping[str, bytes], key: bytes) -> list[Wrong]:
    """What the attempts among these files do not prove; for the index that the site is about to sign."""
    return [fault for faults in _attempts(files, key).values() for fault in faults]


# --- the zip -------------------------------------------------------------------------------------------


def _entries(data: bytes) -> Iterator[tuple[str, bytes | None]]:
    """The files of a zip, None for one whose bytes are not what the zip says; as many as can be found."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            for entry in book.infolist():
                yield entry.filename, _content(data, entry)
    except _NO_ZIP:
        yield from _salvaged(data)


def _content(data: bytes, entry: zipfile.ZipInfo) -> bytes | None:
    """A file's bytes whatever the zip says of their checksum: the index knows better, and names the row."""
    head = data[entry.header_offset : entry.header_offset + _LOCAL.size]
    if entry.compress_type != zipfile.ZIP_STORED or len(head) < _LOCAL.size:
        return None
    *_rest, name, extra = _LOCAL.unpack(head)
    begin = entry.header_offset + _LOCAL.size + name + extra
    return data[begin : begin + entry.file_size]


def _damaged(data: bytes) -> set[str]:
    """Files whose bytes are not those that the zip was made of, by its own checksums."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            entries = book.infolist()
            return {one.filename for one in entries if zlib.crc32(_content(data, one) or b"") != one.CRC}
    except _NO_ZIP:
        return set()


def _salvaged(data: bytes) -> Iterator[tuple[str, bytes | None]]:
    """The files of a zip whose directory cannot be read, from the heads that stand before each of them."""
    place = 0
    while data[place : place + 4] == b"PK\x03\x04" and place + _LOCAL.size <= len(data):
        *_rest, size, name, extra = _LOCAL.unpack_from(data, place)
        begin = place + _LOCAL.size + name + extra
        place, title = begin + size, data[place + _LOCAL.size : place + _LOCAL.size + name]
        yield title.decode(errors="replace"), data[begin:place]


def _container(data: bytes, files: Mapping[str, bytes]) -> list[Wrong]:
    """Every file is right: then the zip's own bytes have to be those that these files make."""
    made = pack(files)
    if made == data:
        return []
    place = next((at for at, pair in enumerate(zip(made, data, strict=False)) if pair[0] != pair[1]), -1)
    return [Wrong(_near(made, place if place >= 0 else min(len(made), len(data))), "container")]


def _near(made: bytes, place: int) -> str:
    """The file whose head in the zip holds this place, "" for the end of the zip."""
    with zipfile.ZipFile(io.BytesIO(made)) as book:
        begun = [entry for entry in book.infolist() if entry.header_offset <= place]
        inside = place < book.start_dir
    return begun[-1].filename if begun and inside else ""


# --- the index -----------------------------------------------------------------------------------------


def _index(data: bytes | None) -> dict[str, Any] | None:
    """The index of a dossier, None for what `archive.index_of` never writes."""
    index = _json(data or b"")
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        return None
    try:
        canonical(index)  # a lone surrogate can neither be hashed nor printed
        return index if _shaped(index) else None
    except UNREADABLE:
        return None


def _shaped(index: Mapping[str, Any]) -> bool:
    """Whether everything that is read of an index is what it has to be; what is missing may raise as well."""
    texts = [index.get(name, "") for name in _TEXTS]
    texts += [row[name] for row in index["files"] for name in ("name", "sha256")]
    texts += [room["name"] for room in index.get("rooms", ())]
    known = index.get("known", [])
    texts += [part for row in known for part in row]
    return (
        all(isinstance(text, str) for text in texts)
        and all(isinstance(row["size"], int) for row in index["files"])
        and isinstance(known, list)
        and all(isinstance(row, list) and len(row) == 3 for row in known)
    )


def _lines(index: Mapping[str, Any]) -> list[Listed]:
    return [Listed(row["name"], row["size"], row["sha256"]) for row in index["files"]]


def _signature(
    found: Mapping[str, bytes | None],
    index: Mapping[str, Any],
    lines: list[Listed],
    key: bytes,
    blamed: str,
) -> Iterator[Wrong]:
    """Whose index it is; `blamed` is the file that is named when the signature does not fit."""
    if key != _raw(index.get("site_key", "")):
        yield Wrong(INDEX, "site_key")
    if merkle.root([line.leaf() for line in lines]).hex() != index.get("root"):
        yield Wrong(INDEX, "index_root")
    if SIGNATURE not in found:
        yield Wrong(SIGNATURE, "missing")
    signature = (found.get(SIGNATURE) or b"").decode("ascii", errors="replace")
    if SIGNATURE in found and not signed_by(key, index_message(found[INDEX] or b""), signature):
        yield Wrong(blamed, "index_signature")


def _contents(found: Mapping[str, bytes | None], lines: list[Listed]) -> Iterator[Wrong]:
    known = {line.name for line in lines}
    for line in lines:
        content = found.get(line.name)
        if line.name not in found:
            yield Wrong(line.name, "missing")
        elif content is None or listed(line.name, content) != line:
            yield Wrong(line.name, "altered")
    for name in found:
        if name not in known | {INDEX, SIGNATURE}:
            yield Wrong(name, "added")


# --- what files prove by themselves --------------------------------------------------------------------


def _chains(files: Mapping[str, bytes], key: bytes) -> dict[str, list[Wrong]]:
    """Per chain file what does not hold in it, the checkpoints of these chains included."""
    found: dict[str, list[Wrong]] = {}
    hashes: dict[str, list[str]] = {}
    for name in filter(CHAIN.fullmatch, files):
        rows = _rows(files[name])
        found[name] = [Wrong(name, f"chain_{fault.code}", str(fault.seq)) for fault in chain_faults(rows)]
        if rows:
            hashes[str(rows[0].get("stream"))] = [str(row.get("hash")) for row in rows]
    for name in filter(CHECKPOINTS.fullmatch, files):
        found.setdefault(name, []).extend(_checkpoints(name, files[name], hashes, key))
    return found


def _checkpoints(name: str, data: bytes, hashes: Mapping[str, list[str]], key: bytes) -> Iterator[Wrong]:
    for number, row in enumerate(_rows(data), 1):
        try:
            fault = checkpoint_fault(row, hashes.get(str(row["stream"]), []), key)
        except UNREADABLE:
            fault = "shape"
        if fault:
            yield Wrong(name, f"checkpoint_{fault}", str(number))


def _attempts(files: Mapping[str, bytes], key: bytes) -> dict[str, list[Wrong]]:
    found: dict[str, list[Wrong]] = {}
    for name in filter(ATTEMPTS.fullmatch, files):
        try:
            checked = attempt_check.check(attempt_check.read(files[name]), site_key=key)
        except (Refused, *UNREADABLE):
            found[name] = [Wrong(name, "altered")]
            continue
        found[name] = [Wrong(name, f"attempt_{code}", str(number or "")) for number, code in checked.wrong]
        found[name] += [
            Wrong(name, f"attempt_{fault.code}", f"{fault.attempt}-{fault.journal}-{fault.seq}")
            for proof in checked.proofs
            for fault in proof.faults
        ]
    return found


def _papers(files: Mapping[str, bytes]) -> Iterator[Wrong]:
    """What the chains do not bear out of what people signed: the room records, the form of the supervisor."""
    for name, data in files.items():
        if match := RECORD.fullmatch(name):
            chain = _rows(files.get(f"{match[1]}/audit/sitting-{match[2]}.jsonl", b""))
            hashes = [row.get("hash", "") for row in chain]
            faults = signed_papers.record_faults(_object(data), chain, hashes)
            yield from (Wrong(name, f"record_{fault}") for fault in faults)
        elif match := FORM.fullmatch(name):
            chains = [_rows(files[one]) for one in filter(CHAIN.fullmatch, files)]
            found = (signed_papers.form_faults(_object(data), chain) for chain in chains)
            yield from (Wrong(name, f"form_{fault}") for faults in found for fault in faults)


def _count(data: bytes) -> int:
    found = _object(data).get("attempts")
    return len(found) if isinstance(found, list) else 0


def _object(data: bytes) -> dict[str, Any]:
    found = _json(data)
    return found if isinstance(found, dict) else {}


def _rows(data: bytes) -> list[dict[str, Any]]:
    return [row if isinstance(row, dict) else {} for row in map(_json, _split(data))]


def _split(data: bytes) -> Iterable[bytes]:
    return [line for line in data.split(b"\n") if line]


def _json(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _raw(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        return b""
