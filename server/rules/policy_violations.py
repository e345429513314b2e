"""Reading the `incidents` and `violations` parts of a policy: how urgent, which articles, which terms."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from exam_rooms.incidents import HELD, IncidentKind, Severity
from exam_rooms.incidents import INCIDENTS as USUAL
from exam_rooms.watching import WatchRules
from exam_rooms.wire import decode
from itembank.blueprint_reading import Reader
from server.rules.policy_watching import number

INCIDENTS, PATH = "incidents", "violations"
PHOTOS, DAYS, YEARS = (0, 20), (1, 90), (0, 100)
HOLD = ("0", "60")  # seconds; a lost line that is told later than in a minute helps nobody
MOST_ARTICLES = 60
WORDS: Mapping[str, Severity] = {"info": Severity.INFO, "warning": Severity.WARNING, "alert": Severity.ALERT}
SCOPES = ("none", "subject", "all")
"""What a decision takes away, the least first: nothing, this subject's result, all results of the batch."""


@dataclass(frozen=True, slots=True)
class SeverityRule:
    """How urgent a kind is under this policy."""

    kind: str
    severity: int


@dataclass(frozen=True, slots=True)
class HoldRule:
    """How many seconds the cause of a kind must last under this policy before people are told."""

    kind: str
    seconds: float


@dataclass(frozen=True, slots=True)
class IncidentRules:
    """`photos_most`: pictures with one report of a person; kinds without a rule keep their usual severity
    and their usual time.
    """

    photos_most: int = 6
    severities: tuple[SeverityRule, ...] = ()
    holds: tuple[HoldRule, ...] = ()

    def severity_of(self, kind: str, usual: int) -> int:
        """How urgent a kind is: as the policy says, else as usual."""
        return next((rule.severity for rule in self.severities if rule.kind == kind), usual)

    def hold_of(self, kind: IncidentKind) -> float:
        """How many seconds the cause of a kind must last: as the policy says, else as usual."""
        usual = USUAL[kind].hold_seconds
        return next((rule.seconds for rule in self.holds if rule.kind == kind), usual)


def incidents_of(policy: Mapping[str, Any]) -> IncidentRules:
    """The incident rules of a frozen policy (JSON values): its own severities first, then those that the
    episodes of its cameras name. Raises `WireError` for another shape.
    """
    rules = decode(IncidentRules, policy.get("incidents", {}))
    seen = decode(WatchRules, policy.get("watching") or {}).episodes
    named = [SeverityRule(each.kind, int(WORDS[each.severity])) for each in seen if each.severity]
    return replace(rules, severities=(*rules.severities, *named))


@dataclass(frozen=True, slots=True)
class Article:
    """One rule that a case may rest on. `number` is class and item ("6-1"), `text` its fact in short.

    `scope` is the most a decision under it may take away; `record_years`: how long it stands against the
    person, 0 for not at all; `permanent`: for ever; `bars_certificate`: no certificate as long as it stands.
    """

    number: str
    text: str
    scope: str
    needs_warning: bool = False
    record_years: int = 0
    permanent: bool = False
    bars_certificate: bool = False

    @property
    def outcomes(self) -> tuple[str, ...]:
        """What may be decided under it, the least first."""
        return SCOPES[: SCOPES.index(self.scope) + 1]


@dataclass(frozen=True, slots=True)
class ViolationRules:
    """`basis` names the text that the articles stand in; the terms are days from a notice or a service."""

    basis: str = ""
    statement_days: int = 0
    recheck_days: int = 0
    articles: tuple[Article, ...] = ()

    def article(self, number: str) -> Article | None:
        """An article by its number."""
        return next((article for article in self.articles if article.number == number), None)


def read_incidents(read: Reader, data: object) -> IncidentRules:
    """The rules of the `incidents` mapping; faults are added to the reader with their paths."""
    if data is None:
        return IncidentRules()
    fields = read.mapping(data, INCIDENTS, ("photos_most", "severities", "hold_seconds"))
    kinds = tuple(str(kind) for kind in IncidentKind)
    given = read.mapping(fields.get("severities", {}), f"{INCIDENTS}.severities", kinds)
    rules = []
    for kind, word in given.items():
        if str(word) not in WORDS:
            allowed = "、".join(WORDS)
            read.add("not_allowed", f"{INCIDENTS}.severities.{kind}", value=str(word)[:40], allowed=allowed)
        elif kind in kinds:
            rules.append(SeverityRule(kind, int(WORDS[str(word)])))
    photos = read.whole(fields, "photos_most", INCIDENTS, bounds=PHOTOS)
    return IncidentRules(photos, tuple(rules), _holds(read, fields.get("hold_seconds", {})))


def _holds(read: Reader, data: object) -> tuple[HoldRule, ...]:
    """Only of kinds that the server itself times; those of cameras stand in `watching`."""
    path = f"{INCIDENTS}.hold_seconds"
    fields = read.mapping(data, path, tuple(str(kind) for kind in HELD))
    named = [kind for kind in HELD if kind in fields]
    return tuple(HoldRule(str(kind), number(read, fields, str(kind), HOLD, path)) for kind in named)


def read_violations(read: Reader, data: object) -> ViolationRules:
    """The rules of the `violations` mapping; a profile without them leaves cases to the national one."""
    if data is None:
        return ViolationRules()
    fields = read.mapping(data, PATH, ("basis", "statement_days", "recheck_days", "articles"))
    if not isinstance(data, Mapping):
        return ViolationRules()
    entries = read.entries(fields.get("articles"), f"{PATH}.articles", required=True)
    if len(entries) > MOST_ARTICLES:
        read.add("too_many_articles", f"{PATH}.articles", limit=str(MOST_ARTICLES))
    articles = tuple(_article(read, entry, f"{PATH}.articles[{n}]") for n, entry in enumerate(entries))
    numbers = [article.number for article in articles]
    for each in sorted({each for each in numbers if numbers.count(each) > 1 and each}):
        read.add("article_twice", f"{PATH}.articles", number=each)
    return ViolationRules(
        basis=read.text(fields, "basis", PATH),
        statement_days=read.whole(fields, "statement_days", PATH, bounds=DAYS),
        recheck_days=read.whole(fields, "recheck_days", PATH, bounds=DAYS),
        articles=articles,
    )


_FLAGS = ("needs_warning", "permanent", "bars_certificate")


def _article(read: Reader, data: object, path: str) -> Article:
    fields = read.mapping(data, path, ("number", "text", "scope", "record_years", *_FLAGS))
    scope = str(fields.get("scope"))
    if scope not in SCOPES:
        read.add("not_allowed", f"{path}.scope", value=scope[:40], allowed="、".join(SCOPES))
        scope = SCOPES[0]
    for flag in _FLAGS:
        if not isinstance(fields.get(flag, False), bool):
            read.add("not_yes_or_no", f"{path}.{flag}", value=str(fields[flag])[:40])
    years = read.whole(fields, "record_years", path, bounds=YEARS) if "record_years" in fields else 0
    flags = {flag: fields.get(flag) is True for flag in _FLAGS}
    return Article(
        read.code(fields, "number", path), read.text(fields, "text", path), scope, record_years=years, **flags
    )
