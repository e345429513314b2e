"""Messages between the server and a child: one JSON line, then the raw bytes it announces.

Bytes values of the top level travel behind the line as they are: an upload is not inflated to base64.
"""

import json
from typing import IO, Any

BLOBS = "blobs"


def write_message(stream: IO[bytes], kind: str, body: dict[str, Any]) -> None:
    """Sends `body` under `kind`; values of type bytes only at the top level."""
    blobs = {name: value for name, value in body.items() if isinstance(value, bytes)}
    plain = {name: value for name, value in body.items() if name not in blobs}
    head = {kind: plain, BLOBS: {name: len(value) for name, value in blobs.items()}}
    stream.write(json.dumps(head, ensure_ascii=False).encode() + b"\n")
    for value in blobs.values():
        stream.write(value)
    stream.flush()


def read_message(stream: IO[bytes]) -> tuple[str, dict[str, Any]] | None:
    """The next message as (kind, body); None at the end or when the line is cut or not one of ours."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        return None
    try:
        head = json.loads(line)
        sizes = head.pop(BLOBS)
        ((kind, body),) = head.items()
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
    for name, size in sizes.items():
        body[name] = stream.read(size)
    return kind, body
