"""What the crew does at its screens in a sitting, as the forms of those screens send it."""

import re
import secrets
from collections.abc import Sequence

from server.access import Role
from server.cli.rehearse.crew import Crew, Member
from server.cli.rehearse.staff import Address, Desk

JSON = "application/json"
REASON = "演练"
_FINDING = re.compile(r'name="finding" value="([^"]+)"')
_MERGE = re.compile(r'action="(/monitor/\d+/merges/\d+)"')


class Shift:
    """The chief and an invigilator on duty in one room, each at a browser of their own."""

    def __init__(self, address: Address, crew: Crew, room_sitting: int) -> None:
        self._crew = crew
        self._room = room_sitting
        self.chief = Desk(address, crew.one(Role.CHIEF_INVIGILATOR))
        self.invigilator = Desk(address, crew.one(Role.INVIGILATOR))

    def sign_in(self) -> None:
        """Both sign in."""
        self.chief.sign_in()
        self.invigilator.sign_in()

    def release(self) -> None:
        """The chief and the custodian open the package, two persons of two roles."""
        first, second = self.chief.member, self._crew.one(Role.CUSTODIAN)
        fields = [
            ("first_passphrase", first.passphrase),
            ("second_username", second.username),
            ("second_password", second.password),
            ("second_passphrase", second.passphrase),
        ]
        self.chief.post(f"/sittings/{self._room}/release", fields)

    def admit(self, seat: int, *, unseen: bool = False) -> None:
        """The invigilator has looked at the person at a seat (its id); `unseen`: as `Desk.post` says."""
        self.invigilator.post(f"/monitor/{self._room}/seats/{seat}/admit", unseen=unseen)

    def move(self, seat: int, to: int) -> None:
        """The candidate of a seat goes on at another one."""
        self._on_seat(seat, "move", [("seat", str(to)), ("reason", REASON)])

    def add_time(self, minutes: str, *, seat: int | None = None) -> None:
        """More time for one seat, or for the whole room, with the chief's signature."""
        once = ("once", secrets.token_hex(16))
        fields = [("minutes", minutes), ("reason", REASON), once, *self._cosigned()]
        if seat is None:
            self.invigilator.post(f"/monitor/{self._room}/time", fields)
        else:
            self._on_seat(seat, "add_time", fields)

    def overrule_checks(self) -> None:
        """The chief lets the room start with seats that make no self-check: simulated ones."""
        page = self.chief.get(f"/monitor/{self._room}/checks").text
        findings = [("finding", value) for value in _FINDING.findall(page)]
        self.chief.post(f"/monitor/{self._room}/checks/overrule", [("reason", REASON), *findings])

    def look(self) -> None:
        """The invigilator opens the room's screen."""
        self.invigilator.get(f"/monitor/{self._room}")

    def start(self) -> None:
        """Everybody on duty is present; the clock starts."""
        present = [("present", str(member.user_id)) for member in self._crew.all(Role.INVIGILATOR)]
        self.invigilator.post(f"/monitor/{self._room}/start", present)

    def end(self) -> None:
        """The room is over; the chief signs, for time that is left and for losses that nobody decided on."""
        fields = [("reason", REASON), *self._cosigned()]
        self.invigilator.post(f"/monitor/{self._room}/end", fields)

    def settle_merges(self) -> None:
        """What two seats wrote of one attempt is confirmed by the rule, with the chief's signature."""
        page = self.invigilator.get(f"/monitor/{self._room}/rescue").text
        for place in dict.fromkeys(_MERGE.findall(page)):
            fields = [("outcome", "confirmed"), ("reason", REASON), *self._cosigned()]
            self.invigilator.post(place, fields)

    def mark(self) -> None:
        """The chief has the answers marked."""
        self.chief.post(f"/results/{self._room}/mark")

    def read_results(self) -> str:
        """The result list as the chief reads it."""
        return self.chief.get(f"/results/{self._room}").text

    def health(self) -> dict[str, object]:
        """How the server does."""
        found: dict[str, object] = self.chief.get("/health/detail", accept=JSON).json()
        return found

    def mark_health(self) -> None:
        """Begins a new measurement of the loop's lag."""
        self.chief.post("/health/mark", accept=JSON)

    def _on_seat(self, seat: int, act: str, fields: Sequence[tuple[str, str]] = ()) -> None:
        self.invigilator.post(f"/monitor/{self._room}/seats/{seat}/{act}", fields)

    def _cosigned(self) -> Sequence[tuple[str, str]]:
        chief: Member = self.chief.member
        return [("cosign_username", chief.username), ("cosign_password", chief.password)]
