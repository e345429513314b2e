"""The unprivileged user that runs browser and database in the tests: neither is ever started as root."""

import os
import pwd
import subprocess

from server.cli.rehearse import unprivileged

TEST_USER = "examhall-test"


def user_and_prefix() -> tuple[str, list[str]]:
    """Who runs it, and the command that becomes that user (none needed when not root)."""
    if os.geteuid() == 0:
        try:
            pwd.getpwnam(TEST_USER)
        except KeyError:
            make = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", TEST_USER]
            subprocess.run(make, check=False, capture_output=True)  # another worker may be first
    return unprivileged.user_and_prefix(TEST_USER)
