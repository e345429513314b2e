"""`python -m server.jobs.tied LOCK PROGRAM WORDS...`: becomes a program that ends with its parent.

It holds the lock as long as it lives, so that two never work in one folder. Nothing heavy is imported here.
"""

import ctypes
import fcntl
import os
import signal
import sys

ALREADY_RUNS = 3
_PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> int:
    """Does not return when it succeeds; `ALREADY_RUNS` when somebody else holds the lock."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before it was asked to tell us
        return ALREADY_RUNS
    os.umask(0o077)
    handle = os.open(argv[1], os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return ALREADY_RUNS
    os.set_inheritable(handle, True)  # the lock is the program's from here on
    os.execv(argv[2], argv[2:])  # noqa: S606 - no shell


if __name__ == "__main__":
    sys.exit(main(sys.argv))
