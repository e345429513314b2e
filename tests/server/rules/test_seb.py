"""Settings files and keys of Safe Exam Browser against published facts, and against themselves."""

import gzip
import hashlib
import plistlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exam_rooms.kiosk_messages import SebProof, SebState
from server.errors import Refused
from server.rules.seb import rncryptor
from server.rules.seb.config import DEEPEST, XML_MOST, write_plist
from server.rules.seb.file import FILE_MOST, read_seb, write_seb
from server.rules.seb.proof import Expected, header_hash, judge
from server.rules.seb.safe_settings import SebPlan, safe_settings
from server.rules.seb.seb_json import config_key, doubts, key_order, real, seb_json
from server.rules.seb.uploaded import exam_keys, uploaded

# Settings and their keys: catalyst/moodle-quizaccess_seb, tests/quiz_settings_test.php (bff0a7d).
PUBLISHED: dict[str, Any] = {
    "showTaskBar": True,
    "allowWlan": False,
    "showReloadButton": True,
    "showTime": False,
    "showInputLanguage": True,
    "allowQuit": True,
    "quitURLConfirm": True,
    "audioControlEnabled": True,
    "audioMute": False,
    "allowSpellCheck": False,
    "browserWindowAllowReload": True,
    "URLFilterEnable": True,
    "URLFilterEnableContentFilter": False,
    "hashedQuitPassword": hashlib.sha256(b"test").hexdigest(),
    "URLFilterRules": [{"action": 1, "active": True, "expression": "test.com", "regex": False}],
    "startURL": "https://www.example.com/moodle/mod/quiz/view.php?id=1",
    "sendBrowserExamKey": True,
    "examSessionClearCookiesOnStart": False,
    "allowPreferencesWindow": False,
}
KEY = "b35510bd754f9d106ff88b9d2dc1bb297cddc9fc7b4bdde2dbda4e7d9e4b50d8"
KEY_FILTERED = "58010792504cccc18f7b0e5c9680fe60b567e8c1b5fb9798654cc9bad9ddf30c"
BARE = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
"""A property list's dates carry no zone."""
URL = "http://127.0.0.1:18080/"

scalars = st.one_of(
    st.booleans(),
    st.integers(-(2**31), 2**31 - 1),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")),
    st.binary(max_size=30),
    st.integers(0, 2**32).map(lambda seconds: BARE + timedelta(seconds=seconds)),
)
names = st.text("abcdefghXYZ", min_size=1, max_size=6)
values = st.recursive(
    scalars,
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(names, parts, max_size=3),
    max_leaves=8,
)
configs = st.dictionaries(names, values, max_size=6)


def refusal(data: bytes, password: str = "") -> tuple[str, str]:
    with pytest.raises(Refused) as caught:
        read_seb(data, password)
    return caught.value.code, caught.value.params["field"]


def test_published_config_keys_are_reproduced() -> None:
    assert config_key(PUBLISHED) == KEY
    assert config_key(PUBLISHED | {"URLFilterEnableContentFilter": True}) == KEY_FILTERED


def test_no_settings_are_an_empty_object_as_seb_itself_writes_it() -> None:
    # seb-win-refactoring, Json.cs; Moodle's "[]" is PHP's spelling of an empty array
    assert seb_json({}) == "{}"
    assert config_key({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.mark.parametrize(
    ("number", "text"),
    [  # seb-mac, SEBTests/SEBConfigKeyDoubleTests.swift
        (1.2345678901234567, "1.23456789012346"),
        (0.30000000000000004, "0.3"),
        (0.3333333333333333, "0.333333333333333"),
        (1.0, "1"),
        (0.5, "0.5"),
        (1.5, "1.5"),
        (0.1, "0.1"),
        (0.25, "0.25"),
        (2.0, "2"),
        (-0.0, "0"),
        (0.0, "0"),
        (1e-05, "1E-05"),
        (0.0001, "0.0001"),
    ],
)
def test_reals_are_written_as_dotnet_writes_them(number: float, text: str) -> None:
    assert real(number) == text


def test_keys_are_sorted_without_case_and_lower_case_first() -> None:
    # seb-server, ConfigAttributeSortOrderTest.java
    assert sorted(["zz", "allowWLAN", "allowWlan", "aa"], key=key_order) == [
        "aa",
        "allowWlan",
        "allowWLAN",
        "zz",
    ]


def test_canonical_text_keeps_empty_lists_drops_empty_dictionaries_and_escapes_nothing() -> None:
    found = seb_json(
        {
            "b": [],
            "c": {},
            "a": 'back\\slash "/"',
            "B": {"y": {}, "x": 1},
            "d": b"\x00\xff",
            "e": datetime(2026, 11, 21, 9, 30, tzinfo=UTC),
            "originatorVersion": "SEB_Win_3.7.0",
        }
    )
    assert found == '{"a":"back\\slash "/"","b":[],"B":{"x":1},"d":"AP8=","e":"2026-11-21T09:30:00"}'


def test_header_is_the_hash_of_the_address_without_fragment_and_the_key() -> None:
    said = hashlib.sha256((URL + KEY).encode()).hexdigest()
    assert header_hash(URL, KEY) == header_hash(URL + "#launch=abc", KEY) == said
    assert header_hash(URL + "?x", KEY) != said


@pytest.mark.dear
@settings(max_examples=60, deadline=None)
@given(configs, st.randoms())
def test_key_does_not_depend_on_the_order_of_keys(config: dict[str, Any], rng: Any) -> None:
    keys = list(config)
    rng.shuffle(keys)
    assert config_key({key: config[key] for key in keys}) == config_key(config)


@pytest.mark.dear
@settings(max_examples=60, deadline=None)
@given(configs)
def test_what_is_written_is_read_back_and_keeps_its_key(config: dict[str, Any]) -> None:
    plist = write_plist(config)
    for data in (write_seb(plist), plist, gzip.compress(plist, mtime=0)):
        found = read_seb(data)
        assert found == config and config_key(found) == config_key(config)


@pytest.mark.dear
@settings(max_examples=15, deadline=None)
@given(configs, st.text("abcXYZ019-_!", min_size=1, max_size=12))
def test_sealed_settings_open_with_their_password_alone(config: dict[str, Any], password: str) -> None:
    data = write_seb(write_plist(config), password)
    assert read_seb(data, password) == config
    assert refusal(data) == ("seb_password_needed", "password")
    assert refusal(data, password + "x") == ("seb_password_wrong", "password")


@pytest.mark.parametrize("password", ["", "secret"])
def test_client_settings_are_sealed_with_the_passwords_hash_or_nothing(password: str) -> None:
    hashed = hashlib.sha256(password.encode()).hexdigest() if password else ""
    sealed = rncryptor.seal(gzip.compress(write_plist(PUBLISHED)), hashed)
    assert read_seb(gzip.compress(b"pwcc" + sealed, mtime=0), password) == PUBLISHED


@pytest.mark.dear
def test_any_changed_byte_of_a_sealed_file_is_found() -> None:
    sealed = rncryptor.seal(b"settings", "p")
    for place in range(0, len(sealed), 3):
        broken = bytearray(sealed)
        broken[place] ^= 1
        with pytest.raises(rncryptor.NotOpened):
            rncryptor.open_sealed(bytes(broken), "p")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "seb_not_a_seb_file"),
        (b"PK\x03\x04zip", "seb_not_a_seb_file"),
        (gzip.compress(b"pkhs" + b"\0" * 300, mtime=0), "seb_needs_certificate"),
        (gzip.compress(b"phsk" + b"\0" * 300, mtime=0), "seb_needs_certificate"),
        (gzip.compress(b"plnd" + gzip.compress(b"hello", mtime=0), mtime=0), "seb_not_a_seb_file"),
        (gzip.compress(b"pswd" + b"\x02\x01short", mtime=0), "seb_file_broken"),
        (gzip.compress(b"pswd" + b"\x01\x00" + b"\0" * 98, mtime=0), "seb_file_broken"),
        (gzip.compress(b"plnd", mtime=0)[:-4], "seb_file_broken"),
        (b"\x1f\x8bgarbage", "seb_file_broken"),
        (b"<?xml version='1.0'?><plist><array/></plist>", "seb_file_broken"),
        (b"<?xml version='1.0'?><plist><dict><key>a</key></plist>", "seb_file_broken"),
        (b"<?xml version='1.0'?><plist><dict><key>a</key><real>nan</real></dict></plist>", "seb_file_broken"),
        (
            b"<?xml version='1.0'?><plist><dict><key>a</key><date>soon</date></dict></plist>",
            "seb_file_broken",
        ),
        (b"<?xml version='1.0'?><plist><dict><key>a</key><data>A</data></dict></plist>", "seb_file_broken"),
        (
            b"<?xml version='1.0'?><plist><dict><key>a</key><integer>99999999999999999999</integer></dict></plist>",
            "seb_file_broken",
        ),
        (
            b"<?xml version='1.0'?><plist><dict><key>a</key><integer>0x"
            + b"f" * 5000
            + b"</integer></dict></plist>",
            "seb_file_broken",
        ),
        (plistlib.dumps({"a": 1}, fmt=plistlib.FMT_BINARY), "seb_not_a_seb_file"),
        (b"<?xml version='1.0'?>\xff\xfe", "seb_file_broken"),
        (b"\0" * (FILE_MOST + 1), "seb_file_too_large"),
        (
            gzip.compress(b"plnd" + gzip.compress(b" " * (XML_MOST + 1), mtime=0), mtime=0),
            "seb_file_too_large",
        ),
    ],
)
def test_what_is_no_settings_file_is_refused_by_name(data: bytes, code: str) -> None:
    assert refusal(data) == (code, "file")


def test_bombs_are_stopped_before_they_unfold() -> None:
    entities = b'<?xml version="1.0"?><!DOCTYPE p [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><plist>&b;</plist>'
    assert refusal(entities) == ("seb_file_broken", "file")
    nested = b"<?xml version='1.0'?><plist>" + b"<array>" * 3000 + b"</array>" * 3000 + b"</plist>"
    assert refusal(nested) == ("seb_file_broken", "file")
    layers = b"<?xml"
    for _ in range(8):
        layers = gzip.compress(layers, mtime=0)
    assert refusal(layers) == ("seb_file_broken", "file")


def test_depth_is_counted_not_guessed() -> None:
    deep: Any = 1
    for _ in range(DEEPEST):
        deep = [deep]
    assert read_seb(write_seb(write_plist({"a": deep[0]})))
    assert refusal(write_plist({"a": [deep]})) == ("seb_file_broken", "file")


def test_own_settings_keep_the_candidate_at_the_seats_page() -> None:
    made = safe_settings(SebPlan(18080, "leave it"))
    assert made["startURL"] == URL and str(made["quitURL"]).startswith(URL)
    assert made["hashedQuitPassword"] == hashlib.sha256(b"leave it").hexdigest()
    (rule,) = made["URLFilterRules"]
    assert made["URLFilterEnable"] and rule["expression"] == "127.0.0.1:18080" and rule["action"] == 1
    assert made["browserWindowWebView"] == 3 and made["sendBrowserExamKey"] is True
    for closed in ("allowPrint", "allowVirtualMachine", "allowScreenSharing", "allowPreferencesWindow"):
        assert made[closed] is False
    assert doubts(made) == ()
    assert len({key.lower() for key in made}) == len(made)


def test_uploaded_settings_must_open_our_page_and_say_their_key() -> None:
    own = {"startURL": "http://127.0.0.1:19000/", "sendBrowserExamKey": True, "z": BARE}
    taken = uploaded(own)
    assert (taken.port, taken.config_key, taken.doubts) == (19000, config_key(own), ("z",))
    assert uploaded(own, KEY.upper()).config_key == KEY
    for change, code in (
        ({"sendBrowserExamKey": False}, "seb_sends_no_key"),
        ({"startURL": "https://moodle.example/"}, "seb_start_url"),
        ({"startURL": "http://127.0.0.1:80/"}, "seb_start_url"),
        ({"startURL": "http://127.0.0.1:99999/"}, "seb_start_url"),
        ({"startURL": "http://127.0.0.1:18080"}, "seb_start_url"),
        ({"startURL": "http://127.0.0.1:18080@evil.example/"}, "seb_start_url"),
        ({"startURL": 7}, "seb_start_url"),
    ):
        with pytest.raises(Refused) as caught:
            uploaded(own | change)
        assert caught.value.code == code, change
    with pytest.raises(Refused, match="seb_key_malformed"):
        uploaded(own, "abc")


def test_doubts_name_what_versions_of_seb_hash_differently() -> None:
    found = doubts({"a": 'say "x"', "b": {}, "c": [BARE], "d": "plain", "Dd": 1, "dD": 2})
    assert found == ("Dd", "a", "b", "c", "dD")


def test_pasted_keys_are_taken_once_each() -> None:
    assert exam_keys(f"  {KEY.upper()}\n{KEY}, {KEY_FILTERED};") == (KEY, KEY_FILTERED)
    assert exam_keys(" \n") == ()
    for text, code in (
        (KEY[:-1], "seb_key_malformed"),
        ("\n".join(f"{n:064x}" for n in range(21)), "seb_keys_many"),
    ):
        with pytest.raises(Refused, match=code):
            exam_keys(text)


EXPECTED = Expected(URL, KEY)
WITH_EXAM_KEYS = Expected(URL, KEY, ("1" * 64, "2" * 64))


@pytest.mark.parametrize(
    ("expected", "proof", "state"),
    [
        (EXPECTED, SebProof(URL, header_hash(URL, KEY)), SebState.GOOD),
        (EXPECTED, SebProof(URL + "#launch=x", header_hash(URL, KEY).upper()), SebState.GOOD),
        (EXPECTED, SebProof(URL, ""), SebState.WANTED),
        (EXPECTED, SebProof(URL, "", header_hash(URL, KEY)), SebState.WANTED),
        (EXPECTED, SebProof(URL, header_hash(URL, KEY_FILTERED)), SebState.WRONG),
        (EXPECTED, SebProof(URL, KEY), SebState.WRONG),
        (EXPECTED, SebProof(URL, "x"), SebState.WRONG),
        (EXPECTED, SebProof(URL, "错"), SebState.WRONG),
        # right for another address: another room's port, or a page somewhere else
        (EXPECTED, SebProof("http://a.example/", header_hash("http://a.example/", KEY)), SebState.WRONG),
        (WITH_EXAM_KEYS, SebProof(URL, header_hash(URL, KEY)), SebState.WRONG),
        (WITH_EXAM_KEYS, SebProof(URL, header_hash(URL, KEY), header_hash(URL, "2" * 64)), SebState.GOOD),
        (WITH_EXAM_KEYS, SebProof(URL, header_hash(URL, KEY), header_hash(URL, "3" * 64)), SebState.WRONG),
    ],
)
def test_the_server_compares_address_config_key_and_exam_key(
    expected: Expected, proof: SebProof, state: SebState
) -> None:
    assert judge(expected, proof) is state
