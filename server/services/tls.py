"""The server certificate's files in the data folder: made at start, renewed when names or time ask for it."""

import os
import socket
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from server.access import SYSTEM
from server.services import audit
from server.services.certificates import Authority, issue, still_good
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
    files, made = keep_certificate(settings, authority(session, now=now), now)
    if made:
        names = server_names(settings)
        audit.record(session, audit.SYSTEM_STREAM, SYSTEM, "certificate_issued", "tls", now=now, names=names)
    return files


def keep_certificate(settings: Settings, ca: Authority, now: datetime) -> tuple[TlsFiles, bool]:
    """The same for who has the authority already and no store to write to; whether one was issued."""
    folder = settings.data / "tls"
    certificate, key = folder / "server.pem", folder / "server-key.pem"
    names = server_names(settings)
    last = still_good(certificate.read_bytes(), ca, names, now) if _both(certificate, key) else None
    if last is not None:
        return TlsFiles(certificate, key, last), False
    fresh = issue(ca, names, now)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_private(key, fresh.key)
    _write_private(certificate, fresh.certificate)
    return TlsFiles(certificate, key, fresh.expires_at), True


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
