"""As whom a database of a private server runs: PostgreSQL refuses to be started by root."""

import os
import pwd

NOBODY = "nobody"


def user_and_prefix(user: str = NOBODY) -> tuple[str, list[str]]:
    """Who runs it, and the command that becomes that user; nothing to become when we are not root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name, []
    entry = pwd.getpwnam(user)
    return user, ["setpriv", "--reuid", user, "--regid", str(entry.pw_gid), "--clear-groups", "--"]
