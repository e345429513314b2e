"""What an institution's own settings and pasted keys must be, so that seats can be told apart by them."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from server.errors import Refused
from server.rules.seb.config import Settings, refused, write_plist
from server.rules.seb.safe_settings import HOST, LEAST_PORT, MOST_PORT, start_url
from server.rules.seb.seb_json import config_key, doubts

KEYS_MOST = 20
_KEY = re.compile(r"[0-9a-f]{64}")
_BETWEEN = re.compile(r"[\s,;]+")


@dataclass(frozen=True, slots=True)
class Uploaded:
    """Settings as they will be expected. `doubts`: keys at which versions of SEB disagree about the hash."""

    plist: bytes
    port: int
    config_key: str
    doubts: tuple[str, ...]


def uploaded(settings: Settings, shown_key: str = "") -> Uploaded:
    """Checks settings that open a page of ours. Raises `Refused`.

    `shown_key`: the Config Key as SEB itself shows it; it stands instead of the computed one.
    """
    if shown_key and not _KEY.fullmatch(shown_key.lower()):
        raise refused("seb_key_malformed", "config_key", value=shown_key[:70])
    port = _port(settings.get("startURL"))
    if settings.get("sendBrowserExamKey") is not True:
        raise refused("seb_sends_no_key")
    key = shown_key.lower() or config_key(settings)
    return Uploaded(write_plist(settings), port, key, doubts(settings))


def exam_keys(text: str) -> tuple[str, ...]:
    """Pasted Browser Exam Keys, one for each version and platform in use. Raises `Refused`."""
    keys = tuple(dict.fromkeys(part.lower() for part in _BETWEEN.split(text) if part))
    for key in keys:
        if not _KEY.fullmatch(key):
            raise Refused("seb_key_malformed", 422, field="exam_keys", value=key[:70])
    if len(keys) > KEYS_MOST:
        raise Refused("seb_keys_many", 422, field="exam_keys", most=KEYS_MOST)
    return keys


def _port(url: object) -> int:
    """The port of a start address that is exactly a seat's page."""
    wrong = refused("seb_start_url", expected=start_url(18080), found=str(url)[:120])
    if not isinstance(url, str):
        raise wrong
    port = _port_of(url, wrong)
    if port is None or not LEAST_PORT <= port <= MOST_PORT or url != start_url(port):
        raise wrong
    return port


def _port_of(url: str, wrong: Refused) -> int | None:
    try:
        parts = urlsplit(url)
        return parts.port if parts.hostname == HOST else None
    except ValueError as fault:
        raise wrong from fault
