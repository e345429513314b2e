"""Where the room server is and whom to trust there (design D20)."""

import http.client
import ipaddress
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

CONNECT_TIMEOUT = 5.0
REPLY_LIMIT = 256 * 1024 * 1024


class BadAddress(ValueError):
    """The server's address cannot be used; plain http is for this machine alone."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Scheme, host and port of a server."""

    secure: bool
    host: str
    port: int

    @property
    def url(self) -> str:
        """The address without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}"

    def connect(self, context: ssl.SSLContext | None) -> http.client.HTTPConnection:
        """A connection that is opened by its first request; `context` says whom TLS trusts."""
        if not self.secure:
            return http.client.HTTPConnection(self.host, self.port, timeout=CONNECT_TIMEOUT)
        return http.client.HTTPSConnection(self.host, self.port, timeout=CONNECT_TIMEOUT, context=context)


def parse_endpoint(url: str) -> Endpoint:
    """An endpoint of `http(s)://host[:port]`. Raises `BadAddress`."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as fault:
        raise BadAddress(url) from fault
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        raise BadAddress(url)
    secure = parts.scheme == "https"
    if not secure and not _is_loopback(parts.hostname):
        raise BadAddress("plain http is accepted for this machine only")
    return Endpoint(secure, parts.hostname, port or (443 if secure else 80))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def trusting(ca_pem: str) -> ssl.SSLContext:
    """A context that accepts certificates of one CA and no other.

    The name is not checked: a room server has whatever address the site's network gives it, and the site CA
    signs nothing but this site's server. Raises ssl.SSLError for a text that is no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=ca_pem)
    return context


def unverified() -> ssl.SSLContext:
    """A context that trusts anybody: only for fetching the CA whose fingerprint is checked at once."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
