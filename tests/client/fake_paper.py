"""A sealed form for agents under test, small and quick to seal."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from itembank.custody import Custodian, new_custodian_key, open_custodian_key
from itembank.items import ItemKind, Option
from itembank.package import (
    CustodianShare,
    PackageSpec,
    ReleaseRequest,
    SealedPackage,
    release,
    seal_package,
    section_key,
)
from itembank.papers import KeyEntry, MarkingKey, PaperForm, PaperItem
from itembank.sealing import PassphraseParams
from itembank.version import VERSION

QUICK = PassphraseParams(memory_kib=64, iterations=1, lanes=1)


@dataclass(frozen=True)
class SealedPaper:
    """A package with the key of its one form."""

    sealed: SealedPackage
    key: bytes
    items: tuple[str, ...]


def make_paper(signing_key: bytes, size: int = 6, min_version: str = "") -> SealedPaper:
    """A sealed form A; every third item is a multiple choice."""
    kinds = [ItemKind.MULTIPLE if n % 3 == 2 else ItemKind.SINGLE for n in range(size)]
    options = tuple(Option(key, f"选项{key}") for key in "ABCD")
    items = tuple(
        PaperItem(f"q{n}", n + 1, kind, Decimal(1), f"绝密题干 {n}", options) for n, kind in enumerate(kinds)
    )
    form = PaperForm("A", "示例试卷", Decimal(90), items, ())
    key = MarkingKey("A", {item.id: KeyEntry(item.kind, ("A", "B"), Decimal(1)) for item in items})
    return seal_form(signing_key, form, key, min_version)


def seal_form(signing_key: bytes, form: PaperForm, key: MarkingKey, min_version: str = "") -> SealedPaper:
    """A form sealed as form A of a package."""
    people = []
    for ident, role in (("chief", "chief"), ("keeper", "security")):
        public, sealed_key = new_custodian_key(ident, QUICK)
        people.append((Custodian(ident, ident, role, public), open_custodian_key(sealed_key, ident)))
    opens = datetime(2026, 1, 1, tzinfo=UTC)
    holders = tuple(person for person, _ in people)
    spec = PackageSpec("pkg-1", "sitting-1", "room-1", opens, holders, min_version=min_version)
    sealed = seal_package(spec, {"A": form}, {"A": key}, signing_key)
    shares = tuple(CustodianShare(person.id, private) for person, private in people)
    public = Ed25519PrivateKey.from_private_bytes(signing_key).public_key().public_bytes_raw()
    pair = cast("tuple[CustodianShare, CustodianShare]", shares)
    request = ReleaseRequest(pair, sealed.release_secret, "room-1", opens, min_version or VERSION)
    content = release(sealed.data, public, request)
    return SealedPaper(sealed, section_key(content, "paper/A"), tuple(item.id for item in form.items))
