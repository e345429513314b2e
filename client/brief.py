"""What the camera of a seat has to know, and how its report reads to the candidate. No pixels here."""

from dataclasses import dataclass

from exam_rooms.watch_messages import CameraReport, CameraState, WatchPlan


@dataclass(frozen=True, slots=True)
class Brief:
    """The seat's affairs at one moment, copied so that nobody looks at pictures under the agent's lock.

    `known`: the server's word on this seat is here; `linked`: the server can be reached. `photo`: the
    registration photo as a file, empty until it was fetched. `since_start`: seconds of server time since
    the attempt began, None before that or while the server's time is not known.
    """

    known: bool = False
    attempt: int | None = None
    plan: WatchPlan | None = None
    has_photo: bool = False
    photo: bytes = b""
    since_start: float | None = None
    linked: bool = True

    @property
    def looks(self) -> bool:
        """Whether pixels may be looked at: somebody who agreed to it sits here, and the plan asks for it."""
        plan = self.plan
        return (
            self.attempt is not None and plan is not None and not plan.manual and (plan.enrol or plan.watch)
        )


def camera_word(report: CameraReport, plan: WatchPlan | None) -> str:
    """What the candidate is told of the camera: `client.seat.Surroundings.camera`.

    A camera that is being opened is given the benefit of its first seconds.
    """
    if plan is None or (report.state is CameraState.NONE and not plan.manual):
        return ""
    if plan.manual:
        return "manual"
    missing = {"detect", "verify"} if plan.enrol else {"detect"}
    if report.state is CameraState.UNAVAILABLE or missing & set(report.unavailable):
        return "unavailable"
    if report.state in (CameraState.LOST, CameraState.STALLED):
        return "lost"
    return "enrolling" if plan.enrol else "live"
