"""Sealed packages: they open for the right two people at the right place and time, and for nobody else."""

import json
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itembank import package
from itembank.custody import Custodian, ReleaseRefused, new_custodian_key, open_custodian_key, open_share
from itembank.items import ItemKind, Option
from itembank.package import (
    CustodianShare,
    PackageBroken,
    PackageSpec,
    ReleaseRequest,
    SealedPackage,
    new_signing_key,
    open_section,
    read_header,
    release,
    seal_package,
    section_key,
    share_opens,
)
from itembank.papers import KeyEntry, MarkingKey, PaperForm, PaperItem
from itembank.sealing import PassphraseParams

QUICK = PassphraseParams(memory_kib=64, iterations=1, lanes=1)
OPENS = datetime(2027, 3, 1, 8, 30, tzinfo=UTC)
PRIVATE, PUBLIC = new_signing_key()


def _person(ident: str, role: str) -> tuple[Custodian, CustodianShare]:
    public, sealed = new_custodian_key(f"口令 {ident}", QUICK)
    private = open_custodian_key(sealed, f"口令 {ident}")
    return Custodian(ident, f"保管人{ident}", role, public), CustodianShare(ident, private)


CHIEF, CHIEF_SHARE = _person("chief", "chief")
DEPUTY, DEPUTY_SHARE = _person("deputy", "chief")
KEEPER, KEEPER_SHARE = _person("keeper", "security")


def _form(letter: str, stem: str = "题干") -> PaperForm:
    options = (Option("A", "甲"), Option("B", "乙"))
    shown = PaperItem("q1", 1, ItemKind.SINGLE, Decimal(100), stem, options)
    return PaperForm(letter, f"试卷 {letter}", Decimal(90), (shown,), ())


def _key(letter: str) -> MarkingKey:
    return MarkingKey(letter, {"q1": KeyEntry(ItemKind.SINGLE, ("B",), Decimal(100))})


def _seal(spec: PackageSpec, letters: str = "AB", stem: str = "题干") -> SealedPackage:
    return seal_package(spec, {x: _form(x, stem) for x in letters}, {x: _key(x) for x in letters}, PRIVATE)


SPEC = PackageSpec("pkg-1", "sitting-1", "room-1", OPENS, (CHIEF, DEPUTY, KEEPER))
SEALED = _seal(SPEC)
REQUEST = ReleaseRequest((CHIEF_SHARE, KEEPER_SHARE), SEALED.release_secret, "room-1", OPENS)


def _refusal(request: ReleaseRequest, sealed: SealedPackage = SEALED) -> str:
    with pytest.raises(ReleaseRefused) as caught:
        release(sealed.data, PUBLIC, request)
    return caught.value.code


def test_the_header_tells_what_everybody_may_know() -> None:
    header = read_header(SEALED.data, PUBLIC)
    assert (header.package, header.sitting, header.room) == ("pkg-1", "sitting-1", "room-1")
    assert header.not_before == OPENS
    assert header.forms == ("A", "B")
    assert [place.name for place in header.sections] == ["paper/A", "key/A", "paper/B", "key/B"]
    assert [(share.id, share.role) for share in header.custodians] == [
        ("chief", "chief"),
        ("deputy", "chief"),
        ("keeper", "security"),
    ]


@pytest.mark.parametrize("suite", ["intl", "gm"])
@pytest.mark.parametrize("shares", list(permutations((CHIEF_SHARE, KEEPER_SHARE))))
def test_two_persons_of_two_roles_open_every_section(
    suite: str, shares: tuple[CustodianShare, CustodianShare]
) -> None:
    sealed = _seal(replace(SPEC, suite=suite))
    request = replace(REQUEST, shares=shares, release_secret=sealed.release_secret)
    content_key = release(sealed.data, PUBLIC, request)
    for letter in "AB":
        paper = open_section(sealed.data, f"paper/{letter}", section_key(content_key, f"paper/{letter}"))
        assert paper == _form(letter).to_json()
        key = open_section(sealed.data, f"key/{letter}", section_key(content_key, f"key/{letter}"))
        assert MarkingKey.from_json(key) == _key(letter)


def test_the_deputy_stands_in_and_two_of_two_works() -> None:
    assert len(release(SEALED.data, PUBLIC, replace(REQUEST, shares=(DEPUTY_SHARE, KEEPER_SHARE)))) == 32
    two = _seal(replace(SPEC, custodians=(CHIEF, KEEPER)))
    assert len(release(two.data, PUBLIC, replace(REQUEST, release_secret=two.release_secret))) == 32


@pytest.mark.parametrize(
    ("seconds", "refused"), [(-1, True), (0, False), (1, False), (-86_400, True), (86_400, False)]
)
def test_the_earliest_release_is_an_edge(seconds: int, refused: bool) -> None:
    request = replace(REQUEST, now=OPENS + timedelta(seconds=seconds))
    if refused:
        assert _refusal(request) == "too_early"
    else:
        assert release(SEALED.data, PUBLIC, request)


def _with(**changes: object) -> ReleaseRequest:
    return replace(REQUEST, **changes)  # type: ignore[arg-type]


STRANGER = CustodianShare("stranger", KEEPER_SHARE.private_key)
SWAPPED = CustodianShare("keeper", CHIEF_SHARE.private_key)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (_with(now=OPENS - timedelta(seconds=1)), "too_early"),
        (_with(room="room-2"), "wrong_room"),
        (_with(shares=(CHIEF_SHARE, CHIEF_SHARE)), "same_person"),
        (_with(shares=(CHIEF_SHARE, DEPUTY_SHARE)), "same_role"),
        (_with(shares=(CHIEF_SHARE, STRANGER)), "wrong_share"),
        (_with(shares=(CHIEF_SHARE, SWAPPED)), "wrong_share"),
        (_with(shares=(CHIEF_SHARE, CustodianShare("keeper", b"short"))), "wrong_share"),
        (_with(release_secret=bytes(16)), "wrong_code"),
        (_with(release_secret=b""), "wrong_code"),
    ],
)
def test_everything_else_is_refused_with_its_reason(request_: ReleaseRequest, code: str) -> None:
    assert _refusal(request_) == code


def test_another_packages_shares_and_secret_do_not_open_this_one() -> None:
    other = _seal(replace(SPEC, room="room-2"))
    assert _refusal(replace(REQUEST, release_secret=other.release_secret)) == "wrong_code"
    header, foreign = read_header(SEALED.data, PUBLIC), read_header(other.data, PUBLIC)
    with pytest.raises(ReleaseRefused):
        open_share(foreign.custodians[0], CHIEF_SHARE.private_key, header.place)


def test_no_wrap_exists_for_one_role_and_no_secret_stands_in_the_file() -> None:
    header = read_header(SEALED.data, PUBLIC)
    assert {(pair.a, pair.b) for pair in header.pairs} == {("chief", "keeper"), ("deputy", "keeper")}
    assert SEALED.release_secret not in SEALED.data
    raw = json.loads(SEALED.data[10 : 10 + int.from_bytes(SEALED.data[6:10], "big")])
    blobs = [b64decode(entry["share"]) for entry in raw["custodians"]]
    assert all(SEALED.release_secret not in blob for blob in blobs)
    for text in ("题干", "甲", "试卷"):
        assert text.encode() not in SEALED.data


def test_a_custodian_proves_the_share_without_opening_the_paper() -> None:
    header = read_header(SEALED.data, PUBLIC)
    assert share_opens(header, CHIEF_SHARE)
    assert not share_opens(header, SWAPPED)
    assert not share_opens(header, STRANGER)


def test_custodian_keys_open_with_their_passphrase_only() -> None:
    public, sealed = new_custodian_key("正确的口令", QUICK)
    assert len(public) == 32
    assert len(open_custodian_key(sealed, "正确的口令")) == 32
    for damaged, passphrase in [
        (sealed, "错误的口令"),
        (b'{"salt": "", "argon2id": 1, "key": ""}', "x"),
        (sealed[:-10], "正确的口令"),
        (b"[]", "x"),
        (b"", "x"),
    ]:
        with pytest.raises(ReleaseRefused) as caught:
            open_custodian_key(damaged, passphrase)
        assert caught.value.code == "wrong_passphrase"


@pytest.mark.parametrize(
    ("spec", "letters"),
    [
        (replace(SPEC, custodians=(CHIEF, DEPUTY)), "A"),
        (replace(SPEC, custodians=(CHIEF,)), "A"),
        (replace(SPEC, custodians=(CHIEF, KEEPER, KEEPER)), "A"),
        (replace(SPEC, room="room|1"), "A"),
        (replace(SPEC, package=""), "A"),
        (replace(SPEC, not_before=datetime(2027, 3, 1, 8, 30)), "A"),  # noqa: DTZ001
        (SPEC, ""),
    ],
)
def test_a_package_that_nobody_could_trust_is_not_made(spec: PackageSpec, letters: str) -> None:
    with pytest.raises(ValueError):
        _seal(spec, letters)


def test_papers_and_keys_must_match() -> None:
    with pytest.raises(ValueError, match="same forms"):
        seal_package(SPEC, {"A": _form("A")}, {"B": _key("B")}, PRIVATE)


def test_every_flipped_bit_of_the_head_and_the_tail_breaks_it() -> None:
    data = SEALED.data
    for at in (*range(0, 60), *range(len(data) - 70, len(data))):
        _assert_broken(data, at, 1 << (at % 8))


@settings(max_examples=120, deadline=None)
@given(at=st.integers(0, len(SEALED.data) - 1), bit=st.integers(0, 7))
def test_any_flipped_bit_breaks_it(at: int, bit: int) -> None:
    _assert_broken(SEALED.data, at, 1 << bit)


def _assert_broken(data: bytes, at: int, mask: int) -> None:
    changed = bytearray(data)
    changed[at] ^= mask
    with pytest.raises(PackageBroken):
        read_header(bytes(changed), PUBLIC)


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, len(SEALED.data) - 1), bit=st.integers(0, 7))
def test_a_section_opens_to_the_truth_or_not_at_all(at: int, bit: int) -> None:
    """Without the signature check, a changed package still never yields a changed paper."""
    changed = bytearray(SEALED.data)
    changed[at] ^= 1 << bit
    try:
        paper = open_section(bytes(changed), "paper/A", PAPER_A)
    except PackageBroken:
        return
    assert paper == _form("A").to_json()


PAPER_A = section_key(release(SEALED.data, PUBLIC, REQUEST), "paper/A")


@pytest.mark.parametrize(
    "data", [b"", b"EXPK1\n", SEALED.data[:-1], SEALED.data + b"x", b"PK\3\4" + SEALED.data]
)
def test_what_is_no_whole_package_is_refused(data: bytes) -> None:
    with pytest.raises(PackageBroken):
        read_header(data, PUBLIC)


def test_another_authoritys_signature_is_refused() -> None:
    _, foreign = new_signing_key()
    for key in (foreign, b"short"):
        with pytest.raises(PackageBroken):
            read_header(SEALED.data, key)


def test_a_seats_key_opens_its_form_and_nothing_else() -> None:
    assert open_section(SEALED.data, "paper/A", PAPER_A)["form"] == "A"
    for name in ("paper/B", "key/A", "paper/C"):
        with pytest.raises(PackageBroken):
            open_section(SEALED.data, name, PAPER_A)


@settings(max_examples=25, deadline=None)
@given(stem=st.text(max_size=300), chunk=st.integers(16, 400))
def test_any_text_comes_back_from_any_number_of_chunks(stem: str, chunk: int) -> None:
    stem = stem.encode("utf-8", "ignore").decode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(package, "CHUNK_BYTES", chunk)
        sealed = _seal(replace(SPEC, custodians=(CHIEF, KEEPER)), "A", stem)
    request = replace(REQUEST, release_secret=sealed.release_secret)
    key = section_key(release(sealed.data, PUBLIC, request), "paper/A")
    assert open_section(sealed.data, "paper/A", key) == _form("A", stem).to_json()


@pytest.mark.parametrize("place", [{"offset": "0"}, {"offset": -5}, {"length": 10**12}, {"length": None}])
def test_a_forged_header_cannot_crash_the_reader(place: dict[str, object]) -> None:
    size = int.from_bytes(SEALED.data[6:10], "big")
    header = json.loads(SEALED.data[10 : 10 + size])
    header["sections"][0] |= place
    forged = json.dumps(header).encode()
    data = SEALED.data[:6] + len(forged).to_bytes(4, "big") + forged + SEALED.data[10 + size :]
    with pytest.raises(PackageBroken):
        read_header(data, PUBLIC)
    with pytest.raises(PackageBroken):
        open_section(data, "paper/A", PAPER_A)


def test_chunks_cannot_be_reordered_or_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "CHUNK_BYTES", 64)
    core: dict[str, object] = {"suite": "intl"}
    chunks = list(package._seal_chunks({"x": [str(i * 7919) for i in range(99)]}, "paper/A", bytes(32), core))
    assert len(chunks) > 3

    def opened(parts: list[bytes]) -> bytes:
        return b"".join(package._open_chunks(b"".join(parts), "paper/A", bytes(32), core))

    assert opened(chunks)
    swapped = [chunks[1], chunks[0], *chunks[2:]]
    for parts in (swapped, chunks[:-1], chunks[1:], [*chunks, chunks[-1]], [chunks[0], *chunks]):
        with pytest.raises(package.SealBroken):
            opened(parts)


@pytest.mark.parametrize(
    ("own", "least", "refused"),
    [
        ("0.1.0", "", False),
        ("0.1.0", "0.1", False),
        ("0.1", "0.1.0", False),
        ("0.10.0", "0.9", False),
        ("0.9.9", "0.10", True),
        ("0.1.0", "0.1.1", True),
        ("1", "0.99.99", False),
    ],
)
def test_software_older_than_the_package_asks_for_does_not_open_it(
    own: str, least: str, refused: bool
) -> None:
    sealed = _seal(replace(SPEC, min_version=least))
    request = replace(REQUEST, release_secret=sealed.release_secret, version=own)
    assert read_header(sealed.data, PUBLIC).min_version == least
    if refused:
        assert _refusal(request, sealed) == "older_version"
    else:
        assert release(sealed.data, PUBLIC, request)


@pytest.mark.parametrize("least", ["0.1-beta", "v1", "1.2.3.4.5", "1..2", " 1", "9999999"])
def test_a_version_that_is_none_is_not_sealed(least: str) -> None:
    with pytest.raises(ValueError, match="not a version"):
        _seal(replace(SPEC, min_version=least))


def test_a_spare_package_says_so_and_its_facts_hold_no_secret() -> None:
    sealed = _seal(replace(SPEC, spare=True, min_version="0.1"), "EF")
    header = read_header(sealed.data, PUBLIC)
    assert (header.spare, header.forms) == (True, ("E", "F"))
    facts = json.dumps(header.facts(), ensure_ascii=False)
    assert "保管人keeper" in facts
    assert "share" not in facts
    assert "wrap" not in facts


@pytest.mark.dear
@settings(max_examples=40, deadline=None)
@given(
    suite=st.sampled_from(["intl", "gm"]),
    letters=st.sets(st.sampled_from("ABCDEFGH"), min_size=1, max_size=3),
    stem=st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
)
def test_what_was_sealed_is_what_two_custodians_open(suite: str, letters: set[str], stem: str) -> None:
    sealed = _seal(replace(SPEC, suite=suite, custodians=(CHIEF, KEEPER)), "".join(sorted(letters)), stem)
    content_key = release(sealed.data, PUBLIC, replace(REQUEST, release_secret=sealed.release_secret))
    for letter in letters:
        name = f"paper/{letter}"
        assert (
            open_section(sealed.data, name, section_key(content_key, name)) == _form(letter, stem).to_json()
        )


def test_two_seals_of_one_paper_share_nothing() -> None:
    again = _seal(SPEC)
    assert again.release_secret != SEALED.release_secret
    first, second = (read_header(s.data, PUBLIC) for s in (SEALED, again))
    assert {p.sha256 for p in first.sections}.isdisjoint(p.sha256 for p in second.sections)
