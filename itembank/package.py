"""The sealed package: forms and keys in one file that only two custodians of different roles can open.

A package of what a panel assesses holds the template of its score sheets in the section "sheet/A" instead.

Layout of a file::

    b"EXPK1\\n" | header length, 4 bytes big-endian | header | sections | signature, 64 bytes

The header is canonical JSON (sorted keys, no blanks, UTF-8). The signature is Ed25519 over
SHA-256(everything before the sections) || SHA-256(sections), so each bit of the file is signed.

A section is zlib-compressed canonical JSON in chunks of at most 1 MiB, each written as a 4-byte length and
a sealed object under the section's own key, derive(content key, "section|NAME"). The associated data of a
chunk is SHA-256(core) || NAME || 0x00 || counter, 4 bytes || 0x01 for the last chunk, else 0x00; the core
is the header without its "sections" entry. A chunk that is moved, dropped, repeated or taken from another
package does not open. Chunks and wraps use the header's suite; hashes are SHA-256 in every suite, and the
header says so ("hash").

R20: opening takes two persons of different roles, the right room, and a time not before the earliest
release. The time is checked here; what holds the key is custody, because the release secret leaves the
server only then: in its memory, or as the room code that two people issue.
"""

import hashlib
import json
import re
import zlib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from itembank.custody import (
    Custodian,
    Custody,
    Place,
    ReleaseRefused,
    SealedShare,
    entrust,
    open_share,
    unwrap_content_key,
)
from itembank.package_header import PackageBroken, PackageHeader, SectionPlace, read_fields
from itembank.papers import MarkingKey, PaperForm
from itembank.sealing import SUITES, SealBroken, derive, new_key, open_sealed, seal
from itembank.version import VERSION, numbers, older

__all__ = [
    "CustodianShare",
    "PackageBroken",
    "PackageHeader",
    "PackageSpec",
    "ReleaseRequest",
    "SealedPackage",
    "SectionPlace",
    "countersign",
    "new_signing_key",
    "open_section",
    "read_header",
    "release",
    "seal_package",
    "seal_sections",
    "section_key",
    "share_opens",
]

MAGIC = b"EXPK1\n"
CHUNK_BYTES = 1 << 20
HEADER_LIMIT = 1 << 20
_LENGTH_BYTES = 4
_SIGNATURE_BYTES = 64
_IDENT = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class PackageSpec:
    """What a package is for. Ids are 1 to 64 letters, digits, dots or hyphens; `not_before` is aware.

    `min_version`: the least software version that can show it, "" for any. `spare`: it holds spare forms.
    """

    package: str
    sitting: str
    room: str
    not_before: datetime
    custodians: tuple[Custodian, ...]
    suite: str = "intl"
    min_version: str = ""
    spare: bool = False


@dataclass(frozen=True, slots=True)
class SealedPackage:
    """The file, its SHA-256 in hex, and the release secret that the server keeps apart from it."""

    data: bytes
    release_secret: bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class CustodianShare:
    """One custodian at the release: who, and the raw private key opened with the passphrase."""

    custodian: str
    private_key: bytes


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """Two custodians asking to open a package for a room at a time, with software of a version."""

    shares: tuple[CustodianShare, CustodianShare]
    release_secret: bytes
    room: str
    now: datetime
    version: str = VERSION


def new_signing_key() -> tuple[bytes, bytes]:
    """A fresh Ed25519 pair, raw: (private, public)."""
    private = Ed25519PrivateKey.generate()
    return private.private_bytes_raw(), private.public_key().public_bytes_raw()


def seal_package(
    spec: PackageSpec,
    papers: Mapping[str, PaperForm],
    keys: Mapping[str, MarkingKey],
    signing_key: bytes,
) -> SealedPackage:
    """Seal all forms and keys of one room's sitting. `signing_key` is a raw Ed25519 private key.

    Raises ValueError for an empty or uneven set of forms, a bad id, or custodians of one role only.
    """
    if not papers or set(papers) != set(keys):
        raise ValueError("papers and keys must be of the same forms")
    contents = {
        letter: {f"paper/{letter}": papers[letter].to_json(), f"key/{letter}": keys[letter].to_json()}
        for letter in papers
    }
    return seal_sections(spec, contents, signing_key)


def seal_sections(
    spec: PackageSpec, contents: Mapping[str, Mapping[str, Mapping[str, object]]], signing_key: bytes
) -> SealedPackage:
    """Seal sections of plain JSON, given by form letter and by the section's name ("paper/A", "sheet/A").

    Raises ValueError for no form, a bad id, or custodians of one role only.
    """
    if not contents:
        raise ValueError("a package without a form")
    content_key = new_key()
    custody = entrust(content_key, spec.custodians, Place(spec.package, spec.room), spec.suite)
    core = _core(spec, sorted(contents), custody)
    bodies = {
        name: b"".join(_seal_chunks(content, name, section_key(content_key, name), core))
        for letter in sorted(contents)
        for name, content in contents[letter].items()
    }
    header = _canonical(core | {"sections": _places(bodies)})
    head = MAGIC + len(header).to_bytes(_LENGTH_BYTES, "big") + header
    body = b"".join(bodies.values())
    signature = Ed25519PrivateKey.from_private_bytes(signing_key).sign(_signed(head, body))
    data = head + body + signature
    return SealedPackage(data, custody.release_secret, hashlib.sha256(data).hexdigest())


def read_header(data: bytes, public_key: bytes) -> PackageHeader:
    """The header, after the signature over the whole file and every section's hash were checked.

    `public_key` is the raw Ed25519 key of the issuing authority. Raises `PackageBroken`.
    """
    head, body, signature = _split(data)
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, _signed(head, body))
    except (InvalidSignature, ValueError) as error:
        raise PackageBroken("signature") from error
    header = read_fields(_header_json(head))
    end = 0
    for place in header.sections:
        section = body[place.offset : place.offset + place.length]
        if place.offset != end or hashlib.sha256(section).hexdigest() != place.sha256:
            raise PackageBroken(place.name)
        end += place.length
    if end != len(body):
        raise PackageBroken("sections")
    return header


def countersign(data: bytes, public_key: bytes, signing_key: bytes) -> bytes:
    """The package under another's signature: a site vouches to its rooms for what an authority has signed.

    Raises `PackageBroken` unless it is whole under `public_key`.
    """
    read_header(data, public_key)
    head, body, _signature = _split(data)
    return head + body + Ed25519PrivateKey.from_private_bytes(signing_key).sign(_signed(head, body))


def release(data: bytes, public_key: bytes, request: ReleaseRequest) -> bytes:
    """The content key, for two custodians of different roles, in the package's room, from `not_before` on.

    Raises `PackageBroken` or `ReleaseRefused` (older_version: the software cannot show it).
    """
    header = read_header(data, public_key)
    if older(request.version, header.min_version):
        raise ReleaseRefused("older_version")
    if request.room != header.room:
        raise ReleaseRefused("wrong_room")
    if request.now < header.not_before:
        raise ReleaseRefused("too_early")
    first, second = sorted(request.shares, key=lambda share: share.custodian)
    if first.custodian == second.custodian:
        raise ReleaseRefused("same_person")
    a, b = (_sealed_share(header, share.custodian) for share in (first, second))
    if a.role == b.role:
        raise ReleaseRefused("same_role")
    pair = next((pair for pair in header.pairs if (pair.a, pair.b) == (a.id, b.id)), None)
    if pair is None:
        raise ReleaseRefused("wrong_share")
    shares = open_share(a, first.private_key, header.place), open_share(b, second.private_key, header.place)
    return unwrap_content_key(pair, shares, request.release_secret, header.place)


def share_opens(header: PackageHeader, share: CustodianShare) -> bool:
    """The custodian's proof the day before: the own share opens. Nothing of a paper is opened."""
    try:
        open_share(_sealed_share(header, share.custodian), share.private_key, header.place)
    except ReleaseRefused:
        return False
    return True


def section_key(content_key: bytes, name: str) -> bytes:
    """The key of one section ("paper/A", "key/A"): all that a seat with form A is ever given is "paper/A"."""
    return derive(content_key, f"section|{name}")


def open_section(data: bytes, name: str, key: bytes) -> dict[str, object]:
    """One section in clear. Its seal is checked, not the file's signature: call `read_header` before.

    Raises `PackageBroken` for a damaged package, an unknown section or a wrong key.
    """
    head, body, _ = _split(data)
    core = _header_json(head)
    place = next((place for place in read_fields(core).sections if place.name == name), None)
    if place is None:
        raise PackageBroken(name)
    core.pop("sections")
    sealed = body[place.offset : place.offset + place.length]
    try:
        content = json.loads(zlib.decompress(b"".join(_open_chunks(sealed, name, key, core))))
    except (SealBroken, zlib.error, ValueError) as error:
        raise PackageBroken(name) from error
    if not isinstance(content, dict):
        raise PackageBroken(name)
    return content


def _sealed_share(header: PackageHeader, custodian: str) -> SealedShare:
    found = next((share for share in header.custodians if share.id == custodian), None)
    if found is None:
        raise ReleaseRefused("wrong_share")
    return found


def _core(spec: PackageSpec, forms: list[str], custody: Custody) -> dict[str, object]:
    idents = (spec.package, spec.sitting, spec.room, *forms, *(person.id for person in spec.custodians))
    if not all(map(_IDENT.fullmatch, idents)):
        raise ValueError("bad id in a package")
    if spec.suite not in SUITES:
        raise ValueError("unknown suite")
    if spec.not_before.tzinfo is None:
        raise ValueError("not_before needs a time zone")
    numbers(spec.min_version)
    return {
        "v": 1,
        "hash": "sha256",
        "package": spec.package,
        "suite": spec.suite,
        "sitting": spec.sitting,
        "room": spec.room,
        "not_before": spec.not_before.astimezone(UTC).isoformat(),
        "min_version": spec.min_version,
        "spare": spec.spare,
        "forms": forms,
        "custodians": [
            {"id": s.id, "name": s.name, "role": s.role, "share": b64encode(s.share).decode()}
            for s in custody.shares
        ],
        "pairs": [{"a": p.a, "b": p.b, "wrap": b64encode(p.wrap).decode()} for p in custody.pairs],
    }


def _places(bodies: Mapping[str, bytes]) -> list[dict[str, object]]:
    places: list[dict[str, object]] = []
    offset = 0
    for name, body in bodies.items():
        digest = hashlib.sha256(body).hexdigest()
        places.append({"name": name, "offset": offset, "length": len(body), "sha256": digest})
        offset += len(body)
    return places


def _seal_chunks(
    content: Mapping[str, object], name: str, key: bytes, core: Mapping[str, object]
) -> Iterator[bytes]:
    packed = zlib.compress(_canonical(content), 6)
    starts = range(0, len(packed), CHUNK_BYTES)
    for counter, start in enumerate(starts):
        aad = _chunk_aad(core, name, counter, last=counter == len(starts) - 1)
        sealed = seal(key, packed[start : start + CHUNK_BYTES], aad, suite=str(core["suite"]))
        yield len(sealed).to_bytes(_LENGTH_BYTES, "big") + sealed


def _open_chunks(sealed: bytes, name: str, key: bytes, core: Mapping[str, object]) -> Iterator[bytes]:
    at, counter = 0, 0
    while at < len(sealed) or counter == 0:
        start = at + _LENGTH_BYTES
        at = start + int.from_bytes(sealed[at:start], "big")
        aad = _chunk_aad(core, name, counter, last=at >= len(sealed))
        yield open_sealed(key, sealed[start:at], aad)
        counter += 1


def _chunk_aad(core: Mapping[str, object], name: str, counter: int, *, last: bool) -> bytes:
    digest = hashlib.sha256(_canonical(core)).digest()
    return digest + name.encode() + b"\0" + counter.to_bytes(4, "big") + (b"\1" if last else b"\0")


def _canonical(data: Mapping[str, object]) -> bytes:
    return json.dumps(
        data, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
    ).encode()


def _signed(head: bytes, body: bytes) -> bytes:
    return hashlib.sha256(head).digest() + hashlib.sha256(body).digest()


def _split(data: bytes) -> tuple[bytes, bytes, bytes]:
    """(magic, length and header), sections, signature."""
    start = len(MAGIC) + _LENGTH_BYTES
    length = int.from_bytes(data[len(MAGIC) : start], "big")
    end = len(data) - _SIGNATURE_BYTES
    if not data.startswith(MAGIC) or length > HEADER_LIMIT or start + length > end:
        raise PackageBroken("not a package")
    return data[: start + length], data[start + length : end], data[end:]


def _header_json(head: bytes) -> dict[str, object]:
    try:
        data = json.loads(head[len(MAGIC) + _LENGTH_BYTES :])
    except (ValueError, RecursionError) as error:
        raise PackageBroken("header") from error
    if not isinstance(data, dict) or data.get("v") != 1:
        raise PackageBroken("header")
    return data
