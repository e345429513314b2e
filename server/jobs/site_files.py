"""The child's part of taking in files between authority and site: opened, chains and receipts checked.

Bytes travel at the top level of payload and result alone, so what belongs to a file has its number there.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from itembank.problems import Problem
from server.errors import Refused
from server.rules.site_file import FileBroken, joined, read_file
from server.rules.site_results import Opened, Sealed, opened_all

Answer = Opened | FileBroken | Refused


def payload_of(files: Sequence[Sealed]) -> dict[str, Any]:
    """What `open_site_files` is asked; the receiver's key is the same for all."""
    payload: dict[str, Any] = {"secret": files[0].secret, "sent": [dict(one.sent) for one in files]}
    for number, one in enumerate(files):
        payload |= {f"file{number}": joined(one.head, one.parts), f"key{number}": one.key}
    return payload


def open_site_files(payload: dict[str, Any], _report: Callable[..., None]) -> dict[str, Any]:
    """`secret` (X25519), `sent`, and of each file `file`, `key` (Ed25519, empty for what is not results) ->
    `answers`, and of each file that opened `content`, `streams`, `document`.
    """
    result: dict[str, Any] = {}
    answers: list[dict[str, Any]] = []
    for number, found in enumerate(opened_all(_sealed(payload))):
        if isinstance(found, FileBroken):
            answers.append({"broken": found.code, "part": found.part})
            continue
        answers.append({"wrong": [problem.to_json() for problem in found.wrong]})
        result[f"content{number}"] = _bytes(found.content)
        result[f"streams{number}"] = _bytes(found.streams)
        result[f"document{number}"] = found.document
    return result | {"answers": answers}


def answers_of(result: dict[str, Any]) -> Iterator[Answer]:
    """What the child found of each file, read when its turn comes."""
    for number, told in enumerate(result["answers"]):
        if "broken" in told:
            yield FileBroken(told["broken"], told["part"])
            continue
        yield Opened(
            json.loads(result.pop(f"content{number}")),
            [Problem.from_json(one) for one in told["wrong"]],
            result.pop(f"document{number}"),
            json.loads(result.pop(f"streams{number}")),
        )


def _sealed(payload: dict[str, Any]) -> Iterator[Sealed]:
    for number, sent in enumerate(payload["sent"]):
        head, parts = read_file(payload.pop(f"file{number}"))
        yield Sealed(head, list(parts.values()), payload["secret"], payload[f"key{number}"], sent)


def _bytes(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
