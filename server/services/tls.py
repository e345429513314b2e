"""The server certificate's files in the data folder: made at start, renewed when names or time ask for it."""

import os
import socket
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from server.access import SYSTEM
from server.services import audit
from server.services.certificates import issue, still_good
from server.services.site import authority
from server.settings import Settings


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The PEM files that the server speaks TLS with, and the certificate's last moment."""

    certificate: Path
    key: Path
    expires_at: datetime


def ensure_certificate(session: Session, settings: Settings, *, now: datetime) -> TlsFiles:
    """Issues a certificate into the data folder (0600) unless a good one lies there."""
    folder = settings.data / "tls"
    certificate, key = folder / "server.pem", folder / "server-key.pem"
    names = server_names(settings)
    ca = authority(session, now=now)
    last = still_good(certificate.read_bytes(), ca, names, now) if _both(certificate, key) else None
    if last is None:
        fresh = issue(ca, names, now)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_private(key, fresh.key)
        _write_private(certificate, fresh.certificate)
        last = fresh.expires_at
        audit.record(session, audit.SYSTEM_STREAM, SYSTEM, "certificate_issued", "tls", now=now, names=names)
    return TlsFiles(certificate, key, last)


def server_names(settings: Settings) -> tuple[str, ...]:
    """Every name and address that the certificate must carry, without repeats."""
    names = ["127.0.0.1", "localhost", socket.gethostname(), *settings.hosts]
    if settings.host not in {"0.0.0.0", "::", ""}:  # noqa: S104 - compared, not bound
        names.append(settings.host)
    return tuple(dict.fromkeys(name for name in names if name))


def _both(certificate: Path, key: Path) -> bool:
    return certificate.is_file() and key.is_file()


def _write_private(path: Path, data: bytes) -> None:
    draft = path.with_suffix(".new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
