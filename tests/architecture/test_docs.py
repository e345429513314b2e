"""Documents that cannot rot: settings, protocol, links of the README."""

import re
from pathlib import Path

from exam_rooms import protocol, room_camera_messages, standby_messages, watch_messages
from server import settings

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"\b(EXAMHALL_[A-Z_]+|DATABASE_URL)\b")


def test_every_setting_is_documented_and_nothing_else() -> None:
    read = set(re.findall(r'"(EXAMHALL_[A-Z_]+|DATABASE_URL)"', (ROOT / "server/settings.py").read_text()))
    told = set(re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE))
    assert read == told
    assert settings.Settings.load({}).port == 8443


def test_every_route_and_message_of_the_protocol_is_documented() -> None:
    text = (ROOT / "docs/protocol.md").read_text()
    routes = [value for name, value in vars(protocol.Route).items() if name.isupper()]
    messages = [
        name
        for module in (protocol, watch_messages, room_camera_messages, standby_messages)
        for name, value in vars(module).items()
        if getattr(value, "__module__", "") == module.__name__
    ]
    classes = [name for name in messages if name[0].isupper() and name != "Route"]
    assert [route for route in routes if route not in text] == []
    assert [name for name in classes if name not in text] == []


def test_links_of_the_readme_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text()
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_project_names_no_machine_and_no_registry() -> None:
    banned = re.compile(r"/(work|root)/|pypi\.org|registry\.npmjs|deb\.debian\.org")
    found = []
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "Makefile", ROOT / "setup.cfg"]:
        found += [f"{path.name}: {line}" for line in path.read_text().splitlines() if banned.search(line)]
    assert found == []
