"""How often seats speak to the server, and how a server in trouble slows them down.

The server's hint goes from 0 (at ease) to 10. Seats stretch what can wait by 1 + hint; the server waits as
much longer before it takes a seat for silent. Both sides use the rules of this module.

A seat that is switched off or cut off is noticed by its socket, however rare its heartbeats are: both ends
have the operating system probe a line on which nothing is said.
"""

import socket

HINT_MOST = 10
HEARTBEAT = 3.0
"""Seconds between two heartbeats of a seat while the server is at ease."""
_MISSED, _MARGIN = 2, 2.0
"""A seat is silent after so many missed heartbeats and seconds more."""
SHORTEST_GAP = 5.0
"""A silence of more seconds may make answers late: the grace of the national policy (R45)."""
BATCH_PAUSE = 0.5
"""Seconds between two batches of answers for each point of the hint."""
RETURN_SPREAD = 2.0
"""Seconds over which returning seats spread what can wait, stretched by the hint."""
HURRY = 60.0
"""Seconds before a seat's deadline from which its answers are not held back by any hint."""
CALLERS_FOR_A_POINT = 50
"""Requests waiting for the answer store that make one point of the hint."""
WAIT_FOR_A_POINT = 0.025
"""Seconds a request waits for the event loop, on average, that make one point of the hint."""
SEATS_FOR_A_POINT = 1000
"""Seats at one server process that make one point of the hint even when it is at ease: up to 11,000 of them
send at most some 330 heartbeats a second, less than half a core. All else that waits by the hint waits, too:
answers of a seat leave some seconds apart, and those that return take longer turns.
"""
PROBE_AFTER, PROBE_EVERY, PROBES = 4, 2, 2
"""Seconds without a word after which a line is probed, seconds between two probes, and how many get no answer
before the line counts as cut: together as long as the shortest `silence`.
"""


def stretch(hint: int) -> int:
    """By how much what can wait is stretched: 1 to 11."""
    return 1 + min(HINT_MOST, max(0, hint))


def heartbeat(hint: int) -> float:
    """Seconds between two heartbeats."""
    return HEARTBEAT * stretch(hint)


def silence(hint: int) -> float:
    """Seconds without a word after which a seat that was last told this hint counts as without link."""
    return _MISSED * heartbeat(hint) + _MARGIN


def hint_of(callers: int, wait: float) -> int:
    """The server's hint: the worse of requests waiting for the store and seconds of waiting for the loop."""
    return min(HINT_MOST, max(callers // CALLERS_FOR_A_POINT, int(wait / WAIT_FOR_A_POINT)))


def hint_of_crowd(seats: int) -> int:
    """The hint that so many seats at one server process are told at least."""
    return min(HINT_MOST, max(0, seats) // SEATS_FOR_A_POINT)


def probing() -> tuple[tuple[int, int, int], ...]:
    """Options of a TCP socket (level, option, value) that this operating system has.

    A line that is cut ends by them 8 seconds after the last word or answered probe, or after what was sent to
    no answer.
    """
    milliseconds = 1000 * (PROBE_AFTER + PROBES * PROBE_EVERY)
    wanted = {
        "TCP_KEEPIDLE": PROBE_AFTER,
        "TCP_KEEPINTVL": PROBE_EVERY,
        "TCP_KEEPCNT": PROBES,
        "TCP_USER_TIMEOUT": milliseconds,
    }
    known = ((getattr(socket, name, None), value) for name, value in wanted.items())
    of_tcp = ((socket.IPPROTO_TCP, option, value) for option, value in known if option is not None)
    return ((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), *of_tcp)
