"""What Safe Exam Browser says at a page, compared with what it must say.

`X-SafeExamBrowser-ConfigKeyHash` and `SafeExamBrowser.security.configKey` are the hex SHA-256 of the
page's absolute address without fragment, followed by the Config Key; the request hash is the same with
the Browser Exam Key. Source: safeexambrowser.org/developer/seb-config-key.html and javascript-api.html.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from exam_rooms.kiosk_messages import SebProof, SebState


@dataclass(frozen=True, slots=True)
class Expected:
    """What a room's seats must prove. `exam_keys`: Browser Exam Keys of the versions in use; none: any."""

    start_url: str
    config_key: str
    exam_keys: tuple[str, ...] = ()


def header_hash(url: str, key: str) -> str:
    """What SEB says at an address for a key."""
    return hashlib.sha256((url.partition("#")[0] + key).encode()).hexdigest()


def says(url: str, said: str, keys: Iterable[str]) -> bool:
    """Whether one of the keys gives this hash; every key is tried, in constant time."""
    given = said.lower().encode()
    found = [hmac.compare_digest(given, header_hash(url, key).encode()) for key in keys]
    return any(found)


def judge(expected: Expected, proof: SebProof) -> SebState:
    """Whether a proof is good; without any hash it is still wanted."""
    if not proof.config_key_hash:
        return SebState.WANTED
    at_home = proof.url.partition("#")[0] == expected.start_url
    config = says(proof.url, proof.config_key_hash, [expected.config_key])
    exam = not expected.exam_keys or says(proof.url, proof.browser_exam_key_hash, expected.exam_keys)
    return SebState.GOOD if at_home and config and exam else SebState.WRONG
