"""Which routes an installation of one role has: what is the other side's work is not found there."""

from flask import request

from server.errors import NotFound
from server.web.guard import current_host

AUTHORITY_ONLY = frozenset(
    {
        *(
            "banks",
            "imports",
            "items",
            "item_acts",
            "item_editor",
            "item_words",
            "coverage",
            "exports",
            "bodies",
        ),
        *("blueprints", "papers", "assembly", "preview", "site_link"),
    }
)
"""Blueprints that a site does not have: items and papers are made at the authority, and it takes results."""
SITE_ONLY = frozenset(
    {
        *("agent", "agent_lane", "agent_watch", "agent_calls", "agent_checks", "agent_seb", "agent_kiosk"),
        *("agent_entry", "agent_room", "kiosk"),
    }
)
"""Blueprints that an authority does not have: no workstation is paired there."""
_AT_AUTHORITY = frozenset({"sites.register", "sites.rooms", "sites.close", "sites.dispatch"})
_AT_SITE = frozenset({"sites.accept", "sites.results"})


def check_role() -> None:
    """Raises `NotFound` for what is not this installation's work; everything is there with the role `all`."""
    role = current_host().settings.role
    closed, ends = {
        "site": (AUTHORITY_ONLY, _AT_AUTHORITY),
        "authority": (SITE_ONLY, _AT_SITE),
    }.get(role, (frozenset[str](), frozenset[str]()))
    if request.blueprint in closed or request.endpoint in ends:
        raise NotFound("page")


def here(path: str) -> bool:
    """Whether an entry of the navigation leads to what this installation has."""
    closed = ("/banks", "/items", "/blueprints", "/papers") if current_host().settings.role == "site" else ()
    return path not in closed
