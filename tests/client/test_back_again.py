"""A candidate who wrote elsewhere meanwhile: the machine that never heard of it opens a new journal."""

import pytest

from tests.client.fake_room import ATTEMPT, FakeRoom
from tests.client.test_agent_process import Start, answering, settled


@pytest.mark.dear
def test_a_machine_that_never_heard_of_the_move_does_not_go_on_in_its_old_journal(
    room: FakeRoom, start_agent: Start
) -> None:
    agent = answering(room, start_agent)
    assert agent.page.call("/api/answer", {"item": "q0", "response": ["A"]})[0] == 200
    agent.page.until(settled)
    room.down = True
    agent.page.until(lambda view: not view["link"]["up"])
    room._journal({"attempt": ATTEMPT})  # moved away: another machine opened number 2, and back here
    room.show(journal=2)
    room.down = False
    agent.page.until(lambda _view: (ATTEMPT, 3) in room.grants)
    agent.page.until(lambda _: agent.page.call("/api/answer", {"item": "q0", "response": ["B"]})[0] == 200)
    agent.page.until(settled)
    assert {record.journal for record in room.store.values()} == {1, 3}
    assert room.answers() == {"q0": ("B",)}
