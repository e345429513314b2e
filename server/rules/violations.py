"""The procedure of a case: its states, its acts, and the one table that joins them; no step can be skipped.

A case is about what a person saw and wrote down. The steps follow the pattern of Order 31 (2017), articles 16
to 19: stop it and secure evidence, write it down, tell the candidate, signature or refusal, the site head, a
notice with the right to be heard, the decision, its service, the recheck.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum
from types import MappingProxyType

from server.rules.policy_violations import Article, ViolationRules


class CaseState(StrEnum):
    """How far a case has come."""

    OPENED = "opened"  # facts are still to be written down
    STATED = "stated"  # facts, evidence and article stand
    TOLD = "told"  # the candidate was told on the spot
    SIGNED = "signed"  # the candidate signed, or two members of staff signed for the refusal
    CONFIRMED = "confirmed"  # the site head signed
    NOTIFIED = "notified"  # the notice is out; the term of the statement runs
    HEARD = "heard"  # a statement came, was waived, or the term is over
    DECIDED = "decided"
    SERVED = "served"  # the decision reached the candidate; the term of the recheck runs
    RECHECK = "recheck"  # a recheck was asked for
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"  # by those who led it, before the decision
    DROPPED = "dropped"  # by the institution, before the decision


class CaseAct(StrEnum):
    """What moves a case on."""

    STATE = "state"
    TELL = "tell"
    SIGN = "sign"
    REFUSE = "refuse"
    CONFIRM = "confirm"
    NOTIFY = "notify"
    HEAR = "hear"
    WAIVE = "waive"
    LAPSE = "lapse"
    DECIDE = "decide"
    SERVE = "serve"
    ASK_RECHECK = "ask_recheck"
    UPHOLD = "uphold"
    OVERTURN = "overturn"
    CLOSE = "close"
    WITHDRAW = "withdraw"
    DROP = "drop"


_S = CaseState
_A = CaseAct
BEFORE_DECISION = (_S.OPENED, _S.STATED, _S.TOLD, _S.SIGNED, _S.CONFIRMED, _S.NOTIFIED, _S.HEARD)
"""While nothing is decided a case may be given up, with a reason."""
OVER = frozenset({_S.CLOSED, _S.WITHDRAWN, _S.DROPPED})
_GIVE_UP = {_A.WITHDRAW: _S.WITHDRAWN, _A.DROP: _S.DROPPED}

_FORWARD: Mapping[CaseState, Mapping[CaseAct, CaseState]] = {
    _S.OPENED: {_A.STATE: _S.STATED},
    _S.STATED: {_A.TELL: _S.TOLD, _A.STATE: _S.STATED},
    _S.TOLD: {_A.SIGN: _S.SIGNED, _A.REFUSE: _S.SIGNED},
    _S.SIGNED: {_A.CONFIRM: _S.CONFIRMED},
    _S.CONFIRMED: {_A.NOTIFY: _S.NOTIFIED},
    _S.NOTIFIED: {_A.HEAR: _S.HEARD, _A.WAIVE: _S.HEARD, _A.LAPSE: _S.HEARD},
    _S.HEARD: {_A.DECIDE: _S.DECIDED, _A.HEAR: _S.HEARD},
    _S.DECIDED: {_A.SERVE: _S.SERVED},
    _S.SERVED: {_A.ASK_RECHECK: _S.RECHECK, _A.CLOSE: _S.CLOSED},
    _S.RECHECK: {_A.UPHOLD: _S.CLOSED, _A.OVERTURN: _S.CLOSED},
    _S.CLOSED: {},
    _S.WITHDRAWN: {},
    _S.DROPPED: {},
}
MOVES: Mapping[CaseState, Mapping[CaseAct, CaseState]] = MappingProxyType(
    {state: {**acts, **(_GIVE_UP if state in BEFORE_DECISION else {})} for state, acts in _FORWARD.items()}
)
"""State -> act -> next state; what is not here is not done. Statements are taken until the decision."""
STEPS: tuple[tuple[CaseState, tuple[CaseAct, ...]], ...] = (
    (_S.STATED, (_A.STATE,)),
    (_S.TOLD, (_A.TELL,)),
    (_S.SIGNED, (_A.SIGN, _A.REFUSE)),
    (_S.CONFIRMED, (_A.CONFIRM,)),
    (_S.NOTIFIED, (_A.NOTIFY,)),
    (_S.HEARD, (_A.HEAR, _A.WAIVE, _A.LAPSE)),
    (_S.DECIDED, (_A.DECIDE,)),
    (_S.SERVED, (_A.SERVE,)),
)
"""The steps that every decided and served case went through, in their order, and the acts that do each."""
TAKES_PART = frozenset({_A.STATE, _A.TELL, _A.SIGN, _A.REFUSE, _A.CONFIRM})
"""Who did one of these reported or signed, and decides nothing in the case."""


class IllegalStep(ValueError):
    """A case was asked for a step that its state does not allow."""

    def __init__(self, state: CaseState, act: CaseAct) -> None:
        super().__init__(f"{state} -> {act}")
        self.state = state
        self.act = act


def step(state: CaseState, act: CaseAct) -> CaseState:
    """The state after an act. Raises `IllegalStep`."""
    try:
        return MOVES[state][act]
    except KeyError:
        raise IllegalStep(state, act) from None


def offered(
    rules: ViolationRules, allowed: Collection[str], warned_at: Iterable[datetime], happened_at: datetime
) -> tuple[Article, ...]:
    """The articles that may be chosen for something that happened at a moment.

    `allowed`: numbers that the catalogue gives for its incidents; where the institution's list has none of
    them, or nothing is given, its whole list stands. R27: an article that needs a warning is offered only
    when a logged warning came before.
    """
    fitting = [article for article in rules.articles if article.number in allowed]
    warned = any(given < happened_at for given in warned_at)
    return tuple(a for a in (fitting or rules.articles) if warned or not a.needs_warning)


def term_ends(since: datetime, days: int, zone: tzinfo) -> datetime:
    """When a term of so many days is over: with the last day there, the day of the notice not counted."""
    last = since.astimezone(zone).date() + timedelta(days=days + 1)
    return datetime.combine(last, time(), zone).astimezone(since.tzinfo)


def registered_until(article: Article, decided_at: datetime) -> datetime | None:
    """How long a decision under the article stands against the person; None for ever.

    ValueError for an article that is not registered.
    """
    if article.permanent:
        return None
    if not article.record_years:
        raise ValueError(f"{article.number} is not registered")
    try:
        return decided_at.replace(year=decided_at.year + article.record_years)
    except ValueError:  # 29 February
        return decided_at.replace(year=decided_at.year + article.record_years, month=3, day=1)


def is_registered(article: Article) -> bool:
    """Whether a decision under the article goes into the register of persons."""
    return article.permanent or article.record_years > 0
