"""The wire: every message comes back as it was, and what is not the message is refused by field name."""

import json
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms import protocol
from exam_rooms.wire import WireError, canonical, decode, encode

MESSAGES = [
    kind
    for kind in vars(protocol).values()
    if isinstance(kind, type) and is_dataclass(kind) and kind.__module__ == protocol.__name__
]
PLAIN = {
    datetime: st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=8))])),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12),
    int: st.integers(-(2**63), 2**63 - 1),
    bool: st.booleans(),
    type(None): st.none(),
}


def values(hint: object) -> st.SearchStrategy:
    if is_dataclass(hint):
        hints = get_type_hints(hint)
        return st.builds(hint, **{name: values(hints[name]) for name in hints})
    arguments = get_args(hint)
    if get_origin(hint) is tuple:
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    if get_origin(hint) is dict:
        return st.dictionaries(PLAIN[str], values(arguments[1]), max_size=3)
    if arguments:
        return st.one_of([values(argument) for argument in arguments])
    return PLAIN[hint] if hint in PLAIN else st.sampled_from(list(hint))


MESSAGE = st.sampled_from(MESSAGES).flatmap(values)


@dataclass(frozen=True)
class Sample:
    """Each shape the protocol uses."""

    number: int
    share: float
    word: str
    flag: bool
    when: datetime
    maybe: int | None = None
    many: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)


GOOD = {"number": 1, "share": 0.5, "word": "词", "flag": True, "when": "2026-11-21T09:00:00+08:00"}


def test_the_protocol_has_messages() -> None:
    assert len(MESSAGES) > 20


@pytest.mark.dear
@given(MESSAGE)
def test_every_message_comes_back(message: object) -> None:
    text = json.dumps(encode(message))
    assert decode(type(message), json.loads(text)) == message


@pytest.mark.dear
@given(MESSAGE)
def test_unknown_fields_are_passed_over(message: object) -> None:
    assert decode(type(message), {**encode(message), "added_later": {"x": 1}}) == message


@pytest.mark.parametrize("kind", MESSAGES)
def test_a_missing_field_is_named(kind: type) -> None:
    first = fields(kind)[0].name
    with pytest.raises(WireError) as caught:
        decode(kind, {})
    assert (caught.value.message, caught.value.fault) == (kind.__name__, first)


@pytest.mark.parametrize("data", [None, [], "text", 3])
def test_not_an_object(data: object) -> None:
    with pytest.raises(WireError):
        decode(Sample, data)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("number", "1"),
        ("number", True),
        ("number", 1.0),
        ("number", None),
        ("share", "0.5"),
        ("share", True),
        ("word", 5),
        ("word", None),
        ("flag", 1),
        ("flag", "true"),
        ("when", "2026-11-21T09:00:00"),
        ("when", "yesterday"),
        ("when", 0),
        ("maybe", "1"),
        ("many", "abc"),
        ("many", [1]),
        ("many", {"a": 1}),
        ("number", 2**63),
        ("number", -(2**63) - 1),
        ("number", 10**4000),
        ("share", 2**63),
        ("share", 10**400),
        ("share", float("nan")),
        ("share", float("inf")),
        ("share", float("-inf")),
        ("word", "a\0"),
        ("word", "\ud800"),
        ("word", "题\udfff"),
        ("when", "\ud800"),
        ("many", ["a", "\0"]),
        ("counts", {"\0": 1}),
        ("counts", {"\udc80": 1}),
        ("counts", {"a": 2**63}),
    ],
)
def test_a_mistyped_field_is_named(field: str, value: object) -> None:
    with pytest.raises(WireError) as caught:
        decode(Sample, {**GOOD, field: value})
    assert caught.value.fault == field


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63)])
def test_the_largest_numbers_are_taken(number: int) -> None:
    assert decode(Sample, {**GOOD, "number": number}).number == number
    assert decode(Sample, {**GOOD, "word": "\ud7ff\ue000𠮷"}).word == "\ud7ff\ue000𠮷"


def test_a_whole_number_may_stand_for_a_float() -> None:
    assert decode(Sample, {**GOOD, "share": 2}).share == 2.0


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=5))
def test_canonical_bytes_do_not_depend_on_order(content: dict[str, object]) -> None:
    backwards = dict(reversed(content.items()))
    assert canonical(content) == canonical(backwards)
    assert json.loads(canonical(content)) == content


def test_canonical_form_is_fixed() -> None:
    assert canonical({"b": [1, None], "a": "题"}) == '{"a":"题","b":[1,null]}'.encode()
