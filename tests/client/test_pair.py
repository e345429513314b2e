"""Pairing against real TLS servers: the secret is shown to the right server only."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.endpoint import BadAddress, Endpoint, parse_endpoint, trusting
from client.pair import Applicant, PairingRefused, code_hash, new_private_key, pair
from exam_rooms.pairing import encode_code, fingerprint
from tests.client.fake_room import FakeRoom
from tests.client.tls_kit import Ca, make_ca

SITE, STRANGER = make_ca("site"), make_ca("stranger")
ME = Applicant(new_private_key(), "seat-12", "1.0")


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[list[FakeRoom]]:
    """The site's server, and one of a stranger that serves the site's own CA certificate."""
    made = [
        FakeRoom(ca_pem=SITE.pem, context=SITE.server_context(tmp_path)),
        FakeRoom(ca_pem=SITE.pem, context=STRANGER.server_context(tmp_path)),
    ]
    yield made
    for room in made:
        room.close()


def code(room: FakeRoom, ca: Ca = SITE) -> str:
    return encode_code(room.secret, fingerprint(ca.der))


def refusal(room: FakeRoom, text: str) -> str:
    with pytest.raises(PairingRefused) as caught:
        pair(parse_endpoint(room.url), text, ME)
    return caught.value.code


def test_a_code_pairs_with_the_site(rooms: list[FakeRoom]) -> None:
    room = rooms[0]
    device = pair(parse_endpoint(room.url), code(room).lower(), ME)
    assert (device.workstation, device.seat, device.server) == (1, "12", room.url)
    assert device.site_public_key == room.site_key.public_key().public_bytes_raw()
    assert device.ca_pem.strip() == SITE.pem.strip()
    assert len(device.journal_secret) == 32
    key = Ed25519PrivateKey.from_private_bytes(ME.private_key).public_key()
    assert room.workstations[1] == key.public_bytes_raw()
    key.verify(device.sign(b"message"), b"message")
    assert device.code_hash == code_hash(code(room)) and code(room) not in repr(device)


def test_a_journal_key_outlives_a_new_pairing(rooms: list[FakeRoom]) -> None:
    first = pair(parse_endpoint(rooms[0].url), code(rooms[0]), ME)
    second = pair(parse_endpoint(rooms[0].url), code(rooms[0]), ME, first.journal_secret)
    assert second.journal_key == first.journal_key


def test_a_wrong_fingerprint_is_refused_before_the_secret_leaves(rooms: list[FakeRoom]) -> None:
    room = rooms[0]
    assert refusal(room, code(room, STRANGER)) == "wrong_fingerprint"
    assert room.seen == ["/site-ca"]


def test_a_stranger_who_repeats_the_sites_certificate_does_not_get_the_secret(
    rooms: list[FakeRoom],
) -> None:
    """A public CA certificate proves nothing: the line that carries the secret must be signed by it."""
    stranger = rooms[1]
    assert refusal(stranger, code(stranger)) == "wrong_certificate"
    assert stranger.seen == ["/site-ca"]


def test_a_second_certificate_beside_the_right_one_is_not_trusted(rooms: list[FakeRoom]) -> None:
    stranger = rooms[1]
    for bundle in (SITE.pem + STRANGER.pem, STRANGER.pem + SITE.pem):
        stranger.ca_pem = bundle
        assert refusal(stranger, code(stranger)) in (
            "wrong_fingerprint",
            "site_ca_unreadable",
            "wrong_certificate",
        )
    assert "/agent/pair" not in stranger.seen


@pytest.mark.parametrize(
    "pem", ["", "no certificate", "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----"]
)
def test_what_is_no_certificate_is_refused(rooms: list[FakeRoom], pem: str) -> None:
    rooms[0].ca_pem = pem
    assert refusal(rooms[0], code(rooms[0])) in ("site_ca_unreadable", "wrong_fingerprint")
    assert rooms[0].seen == ["/site-ca"]


def test_an_unreadable_code_asks_nobody(rooms: list[FakeRoom]) -> None:
    assert refusal(rooms[0], "not a code") == "pairing_code_unreadable"
    assert rooms[0].seen == []


def test_a_used_code_is_refused_by_the_server(rooms: list[FakeRoom]) -> None:
    room = rooms[0]
    used = encode_code(b"other", fingerprint(SITE.der))
    assert refusal(room, used) == "pairing_code_invalid"


def test_plain_http_on_this_machine_checks_the_certificate_too() -> None:
    room = FakeRoom(ca_pem=SITE.pem)
    try:
        assert refusal(room, code(room, STRANGER)) == "wrong_fingerprint"
        assert room.seen == ["/site-ca"]
        assert pair(parse_endpoint(room.url), code(room), ME).workstation == 1
    finally:
        room.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://192.168.1.5:8000",
        "http://room-server",
        "http://127.0.0.1.example.org",
        "ftp://127.0.0.1",
        "https://host/path",
        "https://",
        "127.0.0.1:8000",
        "http://127.0.0.1:notaport",
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(BadAddress):
        parse_endpoint(url)


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://127.0.0.1:8000/", Endpoint(False, "127.0.0.1", 8000)),
        ("http://localhost", Endpoint(False, "localhost", 80)),
        ("http://[::1]:5", Endpoint(False, "::1", 5)),
        ("https://192.168.1.5", Endpoint(True, "192.168.1.5", 443)),
        ("https://room-server:8443", Endpoint(True, "room-server", 8443)),
    ],
)
def test_addresses_that_are_taken(url: str, endpoint: Endpoint) -> None:
    assert parse_endpoint(url) == endpoint
    assert parse_endpoint(endpoint.url) == endpoint


def test_a_paired_agent_talks_to_its_own_site_only(rooms: list[FakeRoom]) -> None:
    context = trusting(SITE.pem)
    parse_endpoint(rooms[0].url).connect(context).request("GET", "/site-ca")
    with pytest.raises(ssl.SSLCertVerificationError):
        parse_endpoint(rooms[1].url).connect(context).request("GET", "/site-ca")


def test_public_certificates_are_not_trusted() -> None:
    """Only the site's CA is in the context, none of the machine's."""
    authorities = trusting(SITE.pem).get_ca_certs(binary_form=True)
    assert authorities == [SITE.der]


def test_a_server_that_never_answers_does_not_hold_the_agent_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("client.endpoint.CONNECT_TIMEOUT", 0.2)
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(OSError, match="timed out"):
        pair(parse_endpoint(url), encode_code(bytes(5), bytes(10)), ME)
    listener.close()
