"""A batch whose results are folded and checked, with everybody who acts after the marks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from server.access import Actor
from server.host import Host
from server.rules.policy_components import Component
from server.rules.publicity import Stage as Where
from server.services import batch_results, objections, publicity, publishing
from server.services.filings import Filing, Said
from server.services.signed import Signed
from tests.server.results_kit import Stage, Terms, make_stage

SHANGHAI = ZoneInfo("Asia/Shanghai")
SCORES = {"甲": "85", "乙": "59.5", "丙": "60", "丁": None}
SAID = Said("李某", "13800000000", "该考生不符合申报条件")


@dataclass
class Office:
    """The stage and the people: `clerk` and `head` publish, `scorer` and `checker` look after marks."""

    stage: Stage
    clerk: Actor
    head: Actor
    deputy: Actor
    scorer: Actor
    checker: Actor

    @property
    def host(self) -> Host:
        return self.stage.host

    def write(self, act: Callable[..., Any], *args: object, **more: object) -> Any:
        return self.stage.write(act, *args, **more)

    def signed(self, reason: str = "原因") -> Signed:
        return Signed(self.clerk, reason, self.head)

    def fold(self) -> None:
        """Folds and checks what there is."""
        self.stage.fold(self.scorer)
        self.fold_check()

    def fold_check(self) -> None:
        """Somebody else checks what was folded."""
        self.write(batch_results.check, self.checker, self.stage.batch)

    def publish(self) -> int:
        return int(self.write(publishing.publish, self.signed(), self.stage.batch, SHANGHAI))

    def where(self, name: str) -> Where:
        with self.host.db.read() as session:
            person = self.stage.people[name]
            return publicity.stage(session, self.stage.batch, person, now=self.host.now())

    def filing(self, name: str) -> Filing:
        return Filing(self.stage.batch, self.stage.people[name], SAID)

    def object_to(self, name: str) -> int:
        return int(self.write(objections.receive, self.clerk, self.filing(name)))


def office(
    host: Host,
    person_as: Callable[..., Actor],
    scores: dict[str, str | None] = SCORES,
    required: tuple[Component, ...] = (Component.THEORY,),
) -> Office:
    """A batch with these marks in theory, folded and checked."""
    made = Office(
        make_stage(host, Terms(required=required)),
        person_as("administrator"),
        person_as("institution_head"),
        person_as("institution_head"),
        person_as("scorer"),
        person_as("mark_checker"),
    )
    made.stage.sitting("theory")
    for name, score in scores.items():
        made.stage.mark(name, "theory", score)
    if scores:
        made.fold()
    return made
