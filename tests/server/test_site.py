"""The site's identity: made once, sealed at rest; certificates that browsers and agents accept."""

import hashlib
import http.client
import http.server
import ipaddress
import socket
import ssl
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from flask.testing import FlaskClient

from server.db.people import SiteSecret
from server.errors import Refused
from server.host import Host, open_host
from server.services.site import ensure_site
from server.services.tls import TlsFiles, ensure_certificate, server_names
from server.settings import Settings
from tests.server.conftest import MASTER


@pytest.fixture
def secured(host: Host, settings: Settings, now: datetime) -> TlsFiles:
    return host.db.write(ensure_certificate, settings, now=now)


def names(files: TlsFiles) -> set[str]:
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in found}


@pytest.mark.both_stores
def test_identity_is_made_once(host: Host, settings: Settings) -> None:
    again = open_host(settings, MASTER)
    assert again.site.public_key == host.site.public_key
    assert again.site.ca_fingerprint == host.site.ca_fingerprint
    assert (again.site.token_key, again.site.session_key) == (host.site.token_key, host.site.session_key)
    assert host.site.token_key != host.site.session_key
    again.close()


def test_another_master_key_opens_nothing(host: Host, settings: Settings) -> None:
    with pytest.raises(Refused, match="keyfile_of_another"):
        open_host(settings, b"x" * 32)


def test_private_keys_are_sealed_at_rest(host: Host, settings: Settings) -> None:
    secret = host.site.signing_key.private_bytes_raw()
    with host.db.read() as session:
        rows = list(session.query(SiteSecret))
    assert {row.name for row in rows} == {"signing", "token", "session", "ca", "rescue", "letters"}
    host.close()
    stored = b"".join(path.read_bytes() for path in settings.data.glob("*.db*"))
    for key in (secret, host.site.rescue_key, host.site.token_key, host.site.session_key, b"PRIVATE KEY"):
        assert key not in stored


def test_fingerprint_is_of_the_ca_certificate(host: Host, client: FlaskClient) -> None:
    answer = client.get("/site-ca")
    assert answer.mimetype == "application/x-pem-file"
    der = x509.load_pem_x509_certificate(answer.data).public_bytes(Encoding.DER)
    assert hashlib.sha256(der).digest()[:10] == host.site.ca_fingerprint


def test_certificate_names_the_server(secured: TlsFiles, settings: Settings) -> None:
    assert {"127.0.0.1", "localhost", socket.gethostname()} <= names(secured)


def test_files_are_private(secured: TlsFiles) -> None:
    assert [path.stat().st_mode & 0o777 for path in (secured.certificate, secured.key)] == [0o600, 0o600]
    assert secured.key.parent.stat().st_mode & 0o777 == 0o700


def test_certificate_stays_while_it_is_good(
    host: Host, settings: Settings, secured: TlsFiles, now: datetime
) -> None:
    before = secured.certificate.read_bytes()
    host.db.write(ensure_certificate, settings, now=secured.expires_at - timedelta(days=30))
    assert secured.certificate.read_bytes() == before


@pytest.mark.parametrize(
    "change",
    [
        lambda files: files.key.unlink(),
        lambda files: files.certificate.write_text("not a certificate"),
        lambda files: files.certificate.write_bytes(b""),
    ],
)
def test_certificate_is_issued_again_when_spoilt(
    host: Host, settings: Settings, secured: TlsFiles, now: datetime, change
) -> None:
    before = secured.certificate.read_bytes()
    change(secured)
    host.db.write(ensure_certificate, settings, now=now)
    assert secured.certificate.read_bytes() not in {before, b""}
    assert secured.key.is_file()


def test_certificate_is_renewed_before_its_end(
    host: Host, settings: Settings, secured: TlsFiles, now: datetime
) -> None:
    late = secured.expires_at - timedelta(days=30) + timedelta(seconds=1)
    assert host.db.write(ensure_certificate, settings, now=late).expires_at > secured.expires_at


def test_certificate_follows_the_names(
    host: Host, settings: Settings, secured: TlsFiles, now: datetime
) -> None:
    wider = replace(settings, hosts=("exam.example", "10.1.2.3"))
    files = host.db.write(ensure_certificate, wider, now=now)
    assert {"exam.example", "10.1.2.3"} <= names(files)
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert ipaddress.ip_address("10.1.2.3") in found.get_values_for_type(x509.IPAddress)


def test_any_address_is_no_name(settings: Settings) -> None:
    assert "0.0.0.0" not in server_names(replace(settings, bind="0.0.0.0:8443"))
    assert server_names(replace(settings, bind="10.9.8.7:8443"))[-1] == "10.9.8.7"


def test_a_client_that_trusts_the_ca_connects_and_others_do_not(
    host: Host, settings: Settings, tmp_path: Path
) -> None:
    # Real clocks judge this certificate, so it is issued now and not at the tests' moment.
    from server.services.steady import read_clocks

    files = host.db.write(ensure_certificate, settings, now=read_clocks().wall)
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.handle_request, daemon=True)
    thread.start()
    trusting = ssl.create_default_context(cadata=_fresh_ca(host))
    connection = http.client.HTTPSConnection("127.0.0.1", server.server_port, context=trusting, timeout=30)
    connection.request("HEAD", "/")
    assert connection.getresponse().status in {200, 404}
    connection.close()
    thread.join(60)
    stranger = threading.Thread(target=server.handle_request, daemon=True)
    stranger.start()
    with pytest.raises(ssl.SSLCertVerificationError):
        http.client.HTTPSConnection(
            "127.0.0.1", server.server_port, context=ssl.create_default_context(), timeout=30
        ).request("HEAD", "/")
    stranger.join(60)
    server.server_close()


def _fresh_ca(host: Host) -> str:
    return host.site.ca_pem.decode()


@pytest.mark.both_stores
def test_concurrent_opening_finds_the_same_site(host: Host, now: datetime) -> None:
    sites = [host.db.write(ensure_site, now=now) for _ in range(3)]
    assert len({site.public_key for site in sites}) == 1
