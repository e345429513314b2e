"""A line between server processes in memory, with a clock of its own."""

from dataclasses import dataclass, field

from server.bus.bus import Bus, ChannelDown, Worker
from server.events import Events


class Open:
    """Seals nothing: the tests read what is said."""

    def seal(self, data: bytes) -> bytes:
        return data

    def open(self, blob: bytes) -> bytes:
        return blob


@dataclass
class Wire:
    """A line in memory with a clock; `hangs`: seconds until a try to send fails."""

    now: float = 100.0
    hangs: float = 0.0
    kept: list[bytes] | None = None
    said: list[bytes] = field(default_factory=list)
    buses: dict[str, Bus] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)

    def publish(self, data: bytes) -> None:
        if self.hangs:
            self.now += self.hangs
            raise ChannelDown
        self.said.append(data)
        if self.kept is not None:
            self.kept.append(data)
            return
        for listener in self.buses.values():
            listener.receive(data)

    def add(self, name: str, events: Events | None = None) -> Bus:
        bus = Bus(Worker(name), Open(), now=lambda: 1_000.0 + self.now, clock=lambda: self.now)
        bus.on_lost(lambda: self.forgotten.append(name))
        bus.join(self, events or Events())
        self.buses[name] = bus
        return bus

    def second(self, *names: str) -> None:
        self.now += 1
        for name in names or tuple(self.buses):
            self.buses[name].beat()


def met() -> Wire:
    wire = Wire()
    wire.add("a")
    wire.add("b")
    wire.second()
    wire.second()
    wire.forgotten.clear()
    return wire
