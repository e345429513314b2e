"""What an agent says after it met a server that took over from another one."""

from exam_rooms.standby_messages import Reign
from server.epoch import proven
from server.host import Host


def later(host: Host, number: int = 2, since: int = 1) -> Reign:
    """A later reign of this installation, as the server that began it says it."""
    return proven(host.site.token_key, Reign(number, since))
