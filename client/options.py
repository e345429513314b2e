"""The agent's command line."""

import argparse
from pathlib import Path

from client.camera_given import add_options
from client.lockdown_policy import PAGE_PORT
from client.lockdown_system import KIOSK_USER
from exam_rooms.kiosk_messages import SEB_PORT
from itembank.version import VERSION


def make_parser() -> argparse.ArgumentParser:
    """What `python -m client` understands."""
    parser = argparse.ArgumentParser(
        prog="python -m client",
        description="Seat agent of one workstation.",
        epilog="--rescue TARGET --data DIR writes what lies in the journals to TARGET and ends.",
    )
    parser.add_argument("--data", type=Path, required=True, help="folder for keys, journals and packages")
    parser.add_argument(
        "--server",
        required=True,
        action="append",
        help="address of the room server; again for its standby (docs/standby.md)",
    )
    parser.add_argument("--pair", metavar="CODE", help="pairing code shown at the monitor")
    parser.add_argument(
        "--port", type=int, help=f"port of the page on 127.0.0.1: a free one, {PAGE_PORT} with --kiosk"
    )
    parser.add_argument("--software-version", default=VERSION, help="version told to the server")
    add_options(parser)
    parser.add_argument(
        "--shared-machine",
        action="store_true",
        help="several agents on this machine: its devices and programs are no sign of any of them",
    )
    parser.add_argument(
        "--models", metavar="DIR", default="", help="folder of installed camera models (docs/models.md)"
    )
    parser.add_argument("--kiosk", action="store_true", help="lock the screen to the page (docs/kiosk.md)")
    parser.add_argument("--kiosk-user", default=KIOSK_USER, help="who runs the browser when this is root")
    parser.add_argument(
        "--seb",
        action="store_true",
        help=f"Safe Exam Browser opens the page, on port {SEB_PORT} (docs/seb.md)",
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open the page")
    parser.add_argument("--log-level", default="info", choices=["debug", "info", "warning", "error"])
    return parser
