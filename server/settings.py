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
            hosts=tuple(part for part in environ.get("EXAMHALL_HOSTS", "").split(",") if part),
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
    return settings


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "")
    if not text:
        return default
    if not text.isdigit():
        raise SettingsError(f"{name}: {text!r} is not a whole number")
    return int(text)


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    text = environ.get(name, "")
    return Path(text).absolute() if text else None


def _driver(url: str) -> str:
    if not url:
        return ""
    scheme = urlsplit(url).scheme
    if scheme not in {"postgresql", "postgres", "postgresql+psycopg"}:
        raise SettingsError(f"DATABASE_URL: {scheme!r} is not supported; use postgresql://")
    return "postgresql+psycopg" + url[len(scheme) :]
