"""All settings of the server in one frozen object; the only reader of the environment.

docs/settings.md lists each variable; a test holds both lists together.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

SUITES = ("intl", "gm")
"""The suites of `itembank.sealing`: AES-256-GCM with SHA-256, SM4-GCM with SM3."""
ROLES = ("all", "authority", "site")
"""What an installation is: both at once, where papers come from, or where exams are held."""
TAKEOVERS = ("person", "seats")
"""Who may promote a standby: a person, or also half of the seats that report their server gone."""
LOG_FORMATS = ("text", "json")
WORKERS_MOST = 64


MODELS = "/var/lib/examhall/models"
"""The same folder as `proctoring.models.STANDARD`, which is not loaded here: it needs OpenCV."""


class SettingsError(ValueError):
    """A setting that cannot be used; the text names the variable."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What one server process needs to know about its place in the world."""

    data: Path
    """EXAMHALL_DATA: the folder of databases and TLS files."""
    database_url: str
    """DATABASE_URL: PostgreSQL instead of the SQLite files in the data folder."""
    keyfile: Path
    """EXAMHALL_KEYFILE: the sealed master key; never inside the data folder."""
    unlocked: Path
    """EXAMHALL_UNLOCKED: where the unwrapped key lies while the machine is up; a folder on tmpfs."""
    passphrase_file: Path | None
    """EXAMHALL_PASSPHRASE_FILE: a file whose first line is the passphrase; without it, it is asked for."""
    bind: str
    """EXAMHALL_BIND: host:port to listen on."""
    hosts: tuple[str, ...]
    """EXAMHALL_HOSTS: further names and addresses in the server certificate, comma separated."""
    timezone: str
    """EXAMHALL_TIMEZONE: in which times are shown; stored in UTC."""
    plain_http: bool
    """EXAMHALL_PLAIN_HTTP: 1 serves without TLS; refused for any address but loopback."""
    upload_limit: int
    """EXAMHALL_UPLOAD_LIMIT: bytes of the largest upload."""
    job_memory: int
    """EXAMHALL_JOB_MEMORY: bytes of address space of a child process."""
    job_cpu: int
    """EXAMHALL_JOB_CPU: seconds of CPU of a child process."""
    models: Path
    """EXAMHALL_MODELS: where `examhall models install` puts networks, and where they are found."""
    argon_memory: int
    """EXAMHALL_ARGON_MEMORY: KiB Argon2id uses for passphrases."""
    suite: str
    """EXAMHALL_SUITE: the cipher suite of whatever is sealed from now on: intl or gm (design D7)."""
    purge_hour: int = 3
    """EXAMHALL_PURGE_HOUR: in which hour of the day (0-23) data past its time is deleted."""
    institution: str = ""
    """EXAMHALL_INSTITUTION: the assessment institution, as documents name it."""
    site: str = ""
    """EXAMHALL_SITE: the name of the exam site, as documents name it."""
    site_address: str = ""
    """EXAMHALL_SITE_ADDRESS: where candidates have to go."""
    role: str = "all"
    """EXAMHALL_ROLE: all, authority or site."""
    workers: int = 1
    """EXAMHALL_WORKERS: server processes on this machine; more than one needs PostgreSQL and Redis."""
    redis: str = ""
    """EXAMHALL_REDIS: redis:// URL by which several workers tell each other what has changed."""
    evidence_folder: Path | None = None
    """EXAMHALL_EVIDENCE: the folder of sealed pictures; a shared one when there are several machines."""
    proxies: tuple[str, ...] = ()
    """EXAMHALL_PROXIES: addresses of proxies whose word on the caller's address is taken."""
    peers: tuple[str, ...] = ()
    """EXAMHALL_PEERS: addresses of the other servers of this installation, told to the seats."""
    takeover: str = "person"
    """EXAMHALL_TAKEOVER: person or seats, who may promote a standby."""
    standby_wait: int = 5
    """EXAMHALL_STANDBY_WAIT: seconds that saves wait for a PostgreSQL standby that is gone."""
    authority: str = ""
    """EXAMHALL_AUTHORITY: the https:// address of the authority that a site takes dispatches from."""
    log_format: str = "text"
    """EXAMHALL_LOG: text or json, one object a line."""
    metrics_token: str = ""
    """The first line of EXAMHALL_METRICS_TOKEN_FILE: what a watching program shows at `/metrics`."""

    @property
    def host(self) -> str:
        """The address part of `bind`."""
        return self.bind.rsplit(":", 1)[0].strip("[]")

    @property
    def port(self) -> int:
        """The port part of `bind`."""
        return int(self.bind.rsplit(":", 1)[1])

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return self.host in {"127.0.0.1", "localhost", "::1"}

    @property
    def evidence(self) -> Path:
        """Where sealed pictures lie."""
        return self.evidence_folder or self.data / "evidence"

    @property
    def dossiers(self) -> Path:
        """Where finished dossiers lie until they are taken: with several machines all of them reach it."""
        return (self.evidence_folder or self.data) / "dossiers"

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return "http" if self.plain_http else "https"

    @property
    def main_url(self) -> str:
        """SQLAlchemy URL of everything but answers."""
        return _driver(self.database_url) or f"sqlite:///{self.data / 'examhall.db'}"

    @property
    def answers_url(self) -> str:
        """SQLAlchemy URL of the answer stream: its own file with SQLite (design D5)."""
        return _driver(self.database_url) or f"sqlite:///{self.data / 'answers.db'}"

    @classmethod
    def of_process(cls) -> "Settings":
        """The settings of this process's own environment."""
        return cls.load(os.environ)  # noqa: TID251 - the one reader

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> "Settings":
        """Reads and checks the variables. Raises `SettingsError`."""
        data = Path(environ.get("EXAMHALL_DATA", "var/data")).absolute()
        keyfile = Path(environ.get("EXAMHALL_KEYFILE", str(data.parent / "keys" / "master.json"))).absolute()
        settings = cls(
            data=data,
            database_url=environ.get("DATABASE_URL", ""),
            keyfile=keyfile,
            unlocked=Path(environ.get("EXAMHALL_UNLOCKED", "/dev/shm/examhall")).absolute(),  # noqa: S108 - tmpfs
            passphrase_file=_path(environ, "EXAMHALL_PASSPHRASE_FILE"),
            bind=environ.get("EXAMHALL_BIND", "127.0.0.1:8443"),
            hosts=_list(environ, "EXAMHALL_HOSTS"),
            timezone=environ.get("EXAMHALL_TIMEZONE", "Asia/Shanghai"),
            plain_http=environ.get("EXAMHALL_PLAIN_HTTP", "") == "1",
            upload_limit=_number(environ, "EXAMHALL_UPLOAD_LIMIT", 32 << 20),
            job_memory=_number(environ, "EXAMHALL_JOB_MEMORY", 700 << 20),
            job_cpu=_number(environ, "EXAMHALL_JOB_CPU", 60),
            models=Path(environ.get("EXAMHALL_MODELS", "") or MODELS).absolute(),
            argon_memory=_number(environ, "EXAMHALL_ARGON_MEMORY", 65536),
            suite=environ.get("EXAMHALL_SUITE", "") or "intl",
            purge_hour=_number(environ, "EXAMHALL_PURGE_HOUR", 3),
            institution=environ.get("EXAMHALL_INSTITUTION", "").strip(),
            site=environ.get("EXAMHALL_SITE", "").strip(),
            site_address=environ.get("EXAMHALL_SITE_ADDRESS", "").strip(),
            role=environ.get("EXAMHALL_ROLE", "") or "all",
            workers=_number(environ, "EXAMHALL_WORKERS", 1),
            redis=environ.get("EXAMHALL_REDIS", ""),
            evidence_folder=_path(environ, "EXAMHALL_EVIDENCE"),
            proxies=_list(environ, "EXAMHALL_PROXIES"),
            peers=_list(environ, "EXAMHALL_PEERS"),
            takeover=environ.get("EXAMHALL_TAKEOVER", "") or "person",
            standby_wait=_number(environ, "EXAMHALL_STANDBY_WAIT", 5),
            authority=environ.get("EXAMHALL_AUTHORITY", "").rstrip("/"),
            log_format=environ.get("EXAMHALL_LOG", "") or "text",
            metrics_token=_first_line(environ, "EXAMHALL_METRICS_TOKEN_FILE"),
        )
        return _checked(settings)


def _checked(settings: Settings) -> Settings:
    if settings.keyfile.is_relative_to(settings.data):
        raise SettingsError("EXAMHALL_KEYFILE lies inside EXAMHALL_DATA: a stolen copy would carry its key")
    if settings.plain_http and not settings.on_loopback:
        raise SettingsError("EXAMHALL_PLAIN_HTTP is for 127.0.0.1 only; any other address needs TLS")
    if settings.purge_hour > 23:
        raise SettingsError("EXAMHALL_PURGE_HOUR: an hour of the day, 0 to 23")
    if settings.suite not in SUITES:
        raise SettingsError(f"EXAMHALL_SUITE: {settings.suite!r} is none of {', '.join(SUITES)}")
    if settings.role not in ROLES:
        raise SettingsError(f"EXAMHALL_ROLE: {settings.role!r} is none of {', '.join(ROLES)}")
    if settings.log_format not in LOG_FORMATS:
        raise SettingsError(f"EXAMHALL_LOG: {settings.log_format!r} is none of {', '.join(LOG_FORMATS)}")
    if settings.takeover not in TAKEOVERS:
        raise SettingsError(f"EXAMHALL_TAKEOVER: {settings.takeover!r} is none of {', '.join(TAKEOVERS)}")
    _check_peers(settings)
    _check_workers(settings)
    _check_authority(settings)
    return settings


def _check_peers(settings: Settings) -> None:
    """Seats speak one scheme with all of them."""
    for address in settings.peers:
        parts = urlsplit(address)
        if parts.scheme != settings.scheme or not parts.hostname or parts.path not in {"", "/"}:
            wanted = f"{settings.scheme}://host:8443"
            raise SettingsError(f"EXAMHALL_PEERS: {address!r} is no address like {wanted}")


def _check_authority(settings: Settings) -> None:
    if settings.authority and urlsplit(settings.authority).scheme not in {"http", "https"}:
        raise SettingsError("EXAMHALL_AUTHORITY: an https:// address")


def _check_workers(settings: Settings) -> None:
    if not 1 <= settings.workers <= WORKERS_MOST:
        raise SettingsError(f"EXAMHALL_WORKERS: 1 to {WORKERS_MOST}")
    if settings.workers > 1 and not (settings.database_url and settings.redis):
        raise SettingsError("EXAMHALL_WORKERS: more than one needs DATABASE_URL and EXAMHALL_REDIS")
    if settings.redis and urlsplit(settings.redis).scheme not in {"redis", "rediss", "unix"}:
        raise SettingsError("EXAMHALL_REDIS: a redis://, rediss:// or unix:// URL")


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "")
    if not text:
        return default
    if not text.isdigit():
        raise SettingsError(f"{name}: {text!r} is not a whole number")
    return int(text)


def _list(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in environ.get(name, "").split(",") if part.strip())


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    text = environ.get(name, "")
    return Path(text).absolute() if text else None


def _first_line(environ: Mapping[str, str], name: str) -> str:
    path = _path(environ, name)
    if path is None:
        return ""
    try:
        return path.read_text("utf-8").partition("\n")[0].strip()
    except OSError as fault:
        raise SettingsError(f"{name}: {path} cannot be read ({fault.strerror})") from fault


def _driver(url: str) -> str:
    if not url:
        return ""
    scheme = urlsplit(url).scheme
    if scheme not in {"postgresql", "postgres", "postgresql+psycopg"}:
        raise SettingsError(f"DATABASE_URL: {scheme!r} is not supported; use postgresql://")
    return "postgresql+psycopg" + url[len(scheme) :]
