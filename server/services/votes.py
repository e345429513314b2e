"""What one person, signed in alone, says to somebody else's proposal; two who agree put it in force."""

from collections.abc import Collection
from dataclasses import dataclass

from server.access import Actor, Permission
from server.errors import Refused
from server.services.signed import MOST_REASON, need

APPROVALS = 2
"""People besides the proposer who must agree."""


@dataclass(frozen=True, slots=True)
class Vote:
    """For or against, and why; a rejection needs a reason."""

    approved: bool
    note: str = ""

    @property
    def text(self) -> str:
        """The note as it is kept."""
        return self.note.strip()[:MOST_REASON]


def check(actor: Actor, vote: Vote, proposed_by: int | None, voted: Collection[int]) -> None:
    """Refused: vote_own (nobody approves what they proposed), vote_twice, reason_missing, forbidden."""
    need(actor, Permission.APPROVE_CORRECTION)
    if actor.user_id is None or actor.user_id == proposed_by:
        raise Refused("vote_own", 403)
    if actor.user_id in voted:
        raise Refused("vote_twice")
    if not vote.approved and not vote.text:
        raise Refused("reason_missing", 422, field="note")
