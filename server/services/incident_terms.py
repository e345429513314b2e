"""What a batch's frozen policy says of incidents: how urgent a kind is, how long a cause must hold."""

from sqlalchemy.orm import Session

from exam_rooms.incidents import IncidentKind, severity
from server.db.sittings import Batch, RoomSitting, Sitting
from server.rules.policy_violations import IncidentRules, incidents_of


def incident_rules(session: Session, room_sitting_id: int) -> IncidentRules:
    """The incident part of the batch's frozen policy."""
    sitting = session.get_one(Sitting, session.get_one(RoomSitting, room_sitting_id).sitting_id)
    return incidents_of(session.get_one(Batch, sitting.batch_id).policy)


def severity_of(session: Session, room_sitting_id: int, kind: IncidentKind) -> int:
    """How urgent a kind is under the batch's frozen policy."""
    return incident_rules(session, room_sitting_id).severity_of(str(kind), int(severity(kind)))
