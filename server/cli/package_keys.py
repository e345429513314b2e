"""Keys that come as files to the command line: a site's public key, a custodian's key file."""

import base64
import binascii
import json
from dataclasses import dataclass
from pathlib import Path

from server.errors import Refused

_KEY_BYTES = 32
_LONGEST = 1 << 16


@dataclass(frozen=True, slots=True)
class KeyFileOf:
    """A custodian's key file: id in packages, name, and the private key sealed under the passphrase."""

    id: str
    name: str
    sealed: bytes


def public_key(text: str) -> bytes:
    """A raw Ed25519 public key out of its base64, or out of a file that holds it. Raises `Refused`."""
    path = Path(text)
    held = text
    try:
        if path.is_file():
            held = path.read_text(encoding="ascii")[:_LONGEST]
        raw = base64.b64decode(held.strip(), validate=True)
    except (OSError, ValueError, binascii.Error) as fault:
        raise Refused("key_unreadable", file=text[:60]) from fault
    if len(raw) != _KEY_BYTES:
        raise Refused("key_unreadable", file=text[:60])
    return raw


def custodian_file(path: Path) -> KeyFileOf:
    """A custodian's key file as the register of the ceremony hands it out. Raises `Refused`."""
    try:
        document = json.loads(path.read_bytes()[:_LONGEST])
        if document["examhall"] != "custodian-key":
            raise ValueError("another kind of file")
        sealed = json.dumps(document["sealed"]).encode()
        return KeyFileOf(str(document["id"]), str(document["name"]), sealed)
    except (OSError, ValueError, LookupError, TypeError) as fault:
        raise Refused("keyfile_of_nobody", file=path.name) from fault
