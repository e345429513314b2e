"""What the server makes of a seat's self-check: it looks again at all that it knows better than the seat."""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from exam_rooms.kiosk_messages import CheckName, CheckReport, CheckResult, Verdict
from exam_rooms.protocol import ZERO_HEAD, Record, RecordKind, record_aad
from exam_rooms.wire import WireError, decode
from itembank.canary import Canary, judge
from itembank.canary_answers import Response, answer_key
from itembank.sealing import SealBroken, open_sealed
from itembank.version import older

ANSWERS_MOST = 100
"""Records of a canary paper: far more than it has questions."""
FOUND_MOST = 60
"""Characters of a found value that are kept."""
SHOWN_HASH = 12
MISSING = "missing"
FOLLOW = frozenset({MISSING, "package_needs_newer"})
"""Found with an agent that is too old: they say nothing that its version does not say."""
_OF_CAMERAS = frozenset({CheckName.CAMERA, CheckName.LIGHT})
_RANK = {Verdict.GOOD: 0, Verdict.LOOK: 1, Verdict.BAD: 2}


class CanaryBroken(Exception):
    """The records of a canary paper are no journal; `code` says what of it does not hold."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Expected:
    """What a report is compared with: the canary paper and its key, package and version in force, the seat's
    own number, and whether cameras belong to the room.
    """

    canary: Canary
    paper_key: bytes
    package_sha256: str
    version: str
    seat: str
    camera: bool


def settled(report: CheckReport, expected: Expected) -> tuple[CheckResult, ...]:
    """One result for each check, in the order of `CheckName`: the worse of the seat's word and the server's.

    A check that the seat says nothing of is bad: an older agent does not know it.
    """
    said = {result.name: _bounded(result) for result in reversed(report.results)}
    own = {
        CheckName.PACKAGE: _same(said, CheckName.PACKAGE, expected.package_sha256[:SHOWN_HASH]),
        CheckName.VERSION: _version(said, expected.version),
        CheckName.LABEL: _same(said, CheckName.LABEL, expected.seat),
        CheckName.CANARY: _canary(report, expected),
    }
    names = [name for name in CheckName if expected.camera or name not in _OF_CAMERAS]
    return tuple(_worse(said.get(name, _missing(name)), own.get(name)) for name in names)


def worst(results: Iterable[CheckResult]) -> Verdict:
    """The worst verdict of all."""
    return max((result.verdict for result in results), key=_RANK.__getitem__, default=Verdict.GOOD)


def canary_responses(answers: Sequence[str], key: bytes) -> dict[str, Response]:
    """Item -> response out of the records of a seat's canary journal, which must be whole and handed in.

    Raises `CanaryBroken` (unreadable, chain, not_opened).
    """
    records = _records(answers)
    _check_chain(records)
    return {record.item: _opened(record, key) for record in records if record.kind is RecordKind.ANSWER}


def _records(answers: Sequence[str]) -> list[Record]:
    if len(answers) > ANSWERS_MOST:
        raise CanaryBroken("unreadable")
    try:
        return [decode(Record, json.loads(base64.b64decode(text, validate=True))) for text in answers]
    except (WireError, ValueError, RecursionError) as fault:
        raise CanaryBroken("unreadable") from fault


def _check_chain(records: Sequence[Record]) -> None:
    head = ZERO_HEAD
    for seq, record in enumerate(records, 1):
        if (record.seq, record.prev) != (seq, head) or record.digest() != record.hash:
            raise CanaryBroken("chain")
        head = record.hash
    kinds = [record.kind for record in records]
    if kinds[:1] != [RecordKind.OPEN] or kinds[-1:] != [RecordKind.SUBMIT]:
        raise CanaryBroken("chain")


def _opened(record: Record, key: bytes) -> Response:
    aad = record_aad(record.attempt, record.journal, record.seq)
    try:
        body = json.loads(open_sealed(key, base64.b64decode(record.body, validate=True), aad))
        return tuple(str(part) for part in body["response"])
    except (SealBroken, ValueError, KeyError, TypeError) as fault:
        raise CanaryBroken("not_opened") from fault


def _canary(report: CheckReport, expected: Expected) -> CheckResult:
    if not report.canary_answers:
        return _missing(CheckName.CANARY)  # a paper that was not sat is no broken journal
    try:
        responses = canary_responses(report.canary_answers, answer_key(expected.paper_key))
    except CanaryBroken as broken:
        return CheckResult(CheckName.CANARY, Verdict.BAD, broken.code)
    finding = judge(expected.canary, report.ref, responses, report.canary_map)
    points = f"{finding.total.normalize():f}/{finding.expected.normalize():f}"
    if finding.good:
        return CheckResult(CheckName.CANARY, Verdict.GOOD, points)
    differs = [*(["map"] if not finding.same_map else []), *finding.differing]
    return CheckResult(CheckName.CANARY, Verdict.BAD, f"{points} {','.join(differs)}"[:FOUND_MOST].strip())


def _same(said: Mapping[str, CheckResult], name: CheckName, wanted: str) -> CheckResult:
    found = said.get(name, _missing(name)).found
    return CheckResult(name, Verdict.GOOD if found == wanted else Verdict.BAD, found)


def _version(said: Mapping[str, CheckResult], wanted: str) -> CheckResult:
    found = said.get(CheckName.VERSION, _missing(CheckName.VERSION)).found
    return CheckResult(CheckName.VERSION, version_verdict(found, wanted), found)


def version_verdict(found: str, wanted: str) -> Verdict:
    """An agent older than the server, or of no known version, is bad; a newer one is worth a look."""
    if found == wanted:
        return Verdict.GOOD
    try:
        return Verdict.BAD if older(found, wanted) else Verdict.LOOK
    except ValueError:
        return Verdict.BAD


def _missing(name: CheckName) -> CheckResult:
    return CheckResult(name, Verdict.BAD, MISSING)


def _worse(said: CheckResult, own: CheckResult | None) -> CheckResult:
    if own is None or _RANK[said.verdict] > _RANK[own.verdict]:
        return said
    return said if said.verdict is own.verdict and own.found == MISSING else own  # the seat may say why


def _bounded(result: CheckResult) -> CheckResult:
    return CheckResult(result.name, result.verdict, result.found[:FOUND_MOST])
