"""The canary paper: a synthetic form of every delivered kind, sealed, shuffled and marked as a real one is.

Before the bell each seat answers it end to end; its marks and the map of what it showed must be those that
the server works out by itself. It holds nothing of a bank: each question says what to answer
(`canary_answers`), and some say something wrong, so that neither all nor nothing is the right total. Which
option stands under which key, and what is answered wrongly, is drawn from the seed.
"""

import base64
import hashlib
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from itembank.canary_answers import PAIR, SEPARATOR, Response, instructed, map_digest
from itembank.custody import Custodian
from itembank.items import (
    GAPPED,
    OPTION_KEYS,
    TRUE_FALSE_OPTIONS,
    Area,
    Gap,
    Item,
    ItemBody,
    ItemFacts,
    ItemKind,
    Markup,
    Medium,
    NumberRange,
    Option,
    Part,
)
from itembank.marking import mark
from itembank.package import (
    CustodianShare,
    PackageSpec,
    ReleaseRequest,
    release,
    seal_package,
    section_key,
)
from itembank.paper_building import PaperPlan, build_form
from itembank.papers import MarkingKey, PaperForm, Shuffle
from itembank.shuffling import drawn_order, shown
from itembank.version import VERSION

FORM = "CANARY"
TITLE = "自检试卷（与考试无关）"
_WORDS = ("甲", "乙", "丙", "丁", "戊")
_PARTNERS = ("子", "丑", "寅")
_MINUTES = Decimal(10)
_OPENS = datetime(2020, 1, 1, tzinfo=UTC)
_POINTS: Mapping[ItemKind, Decimal] = {
    ItemKind.SINGLE: Decimal(1),
    ItemKind.MULTIPLE: Decimal(2),
    ItemKind.TRUE_FALSE: Decimal(3),
    ItemKind.TEXT: Decimal(4),
    ItemKind.NUMERIC: Decimal(5),
    ItemKind.INLINE_CHOICE: Decimal(6),
    ItemKind.MATCH: Decimal(9),
    ItemKind.ORDER: Decimal(7),
    ItemKind.HOTSPOT: Decimal(8),
    ItemKind.ESSAY: Decimal(10),
    ItemKind.CASE: Decimal(12),
}
_AS_GIVEN = GAPPED | {ItemKind.ORDER, ItemKind.ESSAY}
"""Kinds whose responses are compared part by part; all others are sets of keys."""


@dataclass(frozen=True, slots=True)
class Canary:
    """The form, its key, and what the answers it asks for bring: known from how it was made, not marked."""

    form: PaperForm
    key: MarkingKey
    total: Decimal


@dataclass(frozen=True, slots=True)
class SealedCanary:
    """The package with the key of its one paper section, and its SHA-256 in hex."""

    data: bytes
    paper_key: bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What the server makes of a seat's answers. `differing`: kinds whose answers are not those asked for;
    `same_map`: whether the seat showed what the server would have shown.
    """

    total: Decimal
    expected: Decimal
    differing: tuple[str, ...]
    same_map: bool

    @property
    def good(self) -> bool:
        """Whether nothing differs."""
        return self.same_map and not self.differing and self.total == self.expected


def make(seed: str) -> Canary:
    """The canary paper of a seed; the same for the same seed on every machine of one version."""
    secret = hashlib.sha256(f"canary\0{seed}".encode()).digest()
    picture = _picture()
    digest = hashlib.sha256(picture).hexdigest()
    medium = Medium(digest, "image/png", len(picture), 64, 48)
    items = [
        *_choices(secret),
        *_filled(secret),
        *_placed(secret),
        _hotspot(secret, medium),
        *_written(secret),
    ]
    media = {digest: {"mime": medium.mime, "data": base64.b64encode(picture).decode()}}
    shuffle = Shuffle(items=True, options=True, secret=secret.hex())
    plan = PaperPlan(FORM, TITLE, _MINUTES, _POINTS, shuffle=shuffle)
    form, key = build_form(plan, [item for item, _ in items], media)
    return Canary(form, key, sum((earned for _, earned in items), Decimal(0)))


def seal_canary(canary: Canary, package: str, signing_key: bytes) -> SealedCanary:
    """Seals it as a package of two holders who exist for this moment only, and opens it with them.

    `signing_key`: the site's raw Ed25519 private key, as for real packages.
    """
    holders = [(str(number), X25519PrivateKey.generate()) for number in (1, 2)]
    people = tuple(
        Custodian(name, name, f"role-{name}", key.public_key().public_bytes_raw()) for name, key in holders
    )
    spec = PackageSpec(package, package, package, _OPENS, people, min_version=VERSION)
    sealed = seal_package(spec, {FORM: canary.form}, {FORM: canary.key}, signing_key)
    first, second = (CustodianShare(name, key.private_bytes_raw()) for name, key in holders)
    asked = ReleaseRequest((first, second), sealed.release_secret, package, _OPENS)
    public = Ed25519PrivateKey.from_private_bytes(signing_key).public_key().public_bytes_raw()
    content_key = release(sealed.data, public, asked)
    return SealedCanary(sealed.data, section_key(content_key, f"paper/{FORM}"), sealed.sha256)


def judge(canary: Canary, who: str, responses: Mapping[str, Response], seen: str) -> Finding:
    """Compares a seat's responses and the digest of its map with what this machine works out for `who`."""
    plain = canary.form.to_json()
    wanted = instructed(plain)
    kinds = {item.id: item.kind for item in canary.form.items}
    differing = [
        str(kinds.get(uid, "unknown"))
        for uid in (*wanted, *(uid for uid in responses if uid not in wanted))
        if _plain(kinds.get(uid), responses.get(uid, ())) != _plain(kinds.get(uid), wanted.get(uid, ()))
    ]
    return Finding(
        total=mark(responses, canary.key).total,
        expected=canary.total,
        differing=tuple(dict.fromkeys(differing)),
        same_map=seen == map_digest(shown(plain, who), list(canary.form.media)),
    )


def _plain(kind: ItemKind | None, response: Response) -> Response:
    return response if kind in _AS_GIVEN else tuple(sorted(response))


# --- the questions: an item, and what the answer it asks for brings -------------------------------------

_Made = tuple[Item, Decimal]


def _item(kind: ItemKind, place: int, body: ItemBody) -> Item:
    return Item(ItemFacts(f"canary-{kind}-{place}", "A-A-A-001", kind, 3, None, "", sample=True), body)


def _stem(*parts: str, gaps: int = 0) -> str:
    marks = "".join(f" [[{number}]]" for number in range(1, gaps + 1))
    return f"自检，与考试无关。请作答：{SEPARATOR.join(parts)}。{marks}"


def _options(secret: bytes, what: str, words: Sequence[str]) -> tuple[Option, ...]:
    """The words under keys that are drawn."""
    return tuple(map(Option, OPTION_KEYS, drawn_order(secret, what, list(words))))


def _keys(options: Sequence[Option], *words: str) -> tuple[str, ...]:
    return tuple(option.key for option in options if option.text in words)


def _choices(secret: bytes) -> list[_Made]:
    right, wrong = drawn_order(secret, "single", list(_WORDS[:4]))[:2]
    first = _options(secret, "single-1", _WORDS[:4])
    last = Option("E", "以上各项都不是")
    second = (*_options(secret, "single-2", _WORDS[:4]), last)
    several = _options(secret, "multiple-1", _WORDS)
    chosen = drawn_order(secret, "multiple", list(_WORDS))[:3]
    true = drawn_order(secret, "true", list(TRUE_FALSE_OPTIONS))[0]
    one, two, three = _POINTS[ItemKind.SINGLE], _POINTS[ItemKind.MULTIPLE], _POINTS[ItemKind.TRUE_FALSE]
    nothing = Decimal(0)
    return [
        (_item(ItemKind.SINGLE, 1, ItemBody(_stem(right), first, _keys(first, right))), one),
        (_item(ItemKind.SINGLE, 2, ItemBody(_stem(wrong), second, _keys(second, right))), nothing),
        (_item(ItemKind.MULTIPLE, 1, ItemBody(_stem(*chosen), several, _keys(several, *chosen))), two),
        (
            _item(ItemKind.MULTIPLE, 2, ItemBody(_stem(*chosen[:2]), several, _keys(several, *chosen))),
            nothing,
        ),
        (_item(ItemKind.TRUE_FALSE, 1, ItemBody(_stem(true.text), TRUE_FALSE_OPTIONS, (true.key,))), three),
    ]


def _filled(secret: bytes) -> list[_Made]:
    half = _POINTS[ItemKind.TEXT] / 2
    number = 10 + secret[0]
    choices = _options(secret, "inline", _WORDS[:3])
    word = drawn_order(secret, "inline-answer", list(_WORDS[:3]))[0]
    text = ItemBody(_stem("自检", "不对", gaps=2), gaps=(Gap("1", ("自检",)), Gap("2", ("正确",))))
    spans = (NumberRange(Decimal(number), Decimal(number)),)
    numeric = ItemBody(
        f"<p>{_stem(str(number), gaps=1)}</p>", markup=Markup.HTML, gaps=(Gap("1", ranges=spans),)
    )
    inline = ItemBody(_stem(word, gaps=1), gaps=(Gap("1", choices=choices, answer=_keys(choices, word)[0]),))
    return [
        (_item(ItemKind.TEXT, 1, text), half),
        (_item(ItemKind.NUMERIC, 1, numeric), _POINTS[ItemKind.NUMERIC]),
        (_item(ItemKind.INLINE_CHOICE, 1, inline), _POINTS[ItemKind.INLINE_CHOICE]),
    ]


def _placed(secret: bytes) -> list[_Made]:
    lefts = _options(secret, "match-left", _WORDS[:3])
    rights = tuple(
        Option(str(place), word)
        for place, word in enumerate(drawn_order(secret, "match", list(_PARTNERS)), 1)
    )
    pairs = [PAIR.join(pair) for pair in zip(_WORDS[:3], _PARTNERS, strict=True)]
    partner = {right.text: right.key for right in rights}
    answer = tuple(f"{left.key}-{partner[_PARTNERS[_WORDS.index(left.text)]]}" for left in lefts)
    steps = drawn_order(secret, "order", list(_WORDS[:4]))
    listed = _options(secret, "order-1", _WORDS[:4])
    by_text = {option.text: option.key for option in listed}
    return [
        (
            _item(ItemKind.MATCH, 1, ItemBody(_stem(*pairs), lefts, answer, targets=rights)),
            _POINTS[ItemKind.MATCH],
        ),
        (
            _item(ItemKind.ORDER, 1, ItemBody(_stem(*steps), listed, tuple(by_text[step] for step in steps))),
            _POINTS[ItemKind.ORDER],
        ),
    ]


def _hotspot(secret: bytes, medium: Medium) -> _Made:
    key = drawn_order(secret, "hotspot", ["A", "B"])[0]
    areas = (Area("A", "rect", (2, 2, 30, 46)), Area("B", "circle", (48, 24, 12)))
    picture = f'<img src="media:{medium.sha256}" alt="自检" width="64" height="48">'
    body = ItemBody(
        _stem(key) + picture,
        answer=(key,),
        markup=Markup.HTML,
        picture=medium.sha256,
        areas=areas,
        media=(medium,),
    )
    return _item(ItemKind.HOTSPOT, 1, body), _POINTS[ItemKind.HOTSPOT]


def _written(secret: bytes) -> list[_Made]:
    """A text that waits for an examiner, and a case of two parts, the second answered wrongly."""
    options = _options(secret, "case", _WORDS[:3])
    word = drawn_order(secret, "case-answer", list(_WORDS[:3]))[0]
    parts = (
        Part("1", ItemKind.SINGLE, ItemBody(_stem(word), options, _keys(options, word)), Decimal(2)),
        Part("2", ItemKind.TEXT, ItemBody(_stem("不对", gaps=1), gaps=(Gap("1", ("自检",)),)), Decimal(1)),
    )
    share = _POINTS[ItemKind.CASE] * 2 / 3
    case = ItemBody("自检，与考试无关。以下两个小题同属一个案例。", parts=parts)
    return [
        (_item(ItemKind.ESSAY, 1, ItemBody(_stem("自检完毕"))), Decimal(0)),
        (_item(ItemKind.CASE, 1, case), share),
    ]


def _picture() -> bytes:
    """A small PNG in two greys."""
    width, height = 64, 48
    row = b"\0" + bytes(200 if x < width // 2 else 120 for x in range(width))

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(row * height)) + chunk(b"IEND", b"")
