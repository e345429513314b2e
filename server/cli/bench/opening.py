"""What opening one package costs a seat: the agents' own code, in a process of its own."""

import base64
import json
import subprocess
import sys

from itembank.package import section_key
from server.cli.rehearse.fleet import CLEAN
from server.cli.rehearse.stage import Stage
from server.host import Host
from server.services import packages

SCRIPT = """
import base64, json, sys, tempfile, time
from pathlib import Path
from client.paper import Shelf
from exam_rooms.protocol import PaperView
plan = json.load(sys.stdin)
data = base64.b64decode(plan["package"])
view = PaperView(plan["uid"], plan["sha256"], len(data), plan["form"], plan["key"])
with tempfile.TemporaryDirectory() as folder:
    shelf = Shelf(Path(folder), base64.b64decode(plan["site_key"]))
    shelf.store(data, view.sha256)
    shelf.open(view, "1")
    began = time.process_time()
    for number in range(int(plan["times"])):
        shelf.open(view, str(number))
    print((time.process_time() - began) / int(plan["times"]) * 1000)
"""
TIMES = 20


def opening_ms(host: Host, staged: Stage) -> tuple[int, float]:
    """Size of the released package in bytes, and milliseconds of processor time for one opening."""
    with host.db.read() as session:
        package = packages.needed(session, staged.room_sitting)
        form = next(iter(packages.seat_forms(session, staged.room_sitting).values()))
        key = section_key(packages.content_key(session, package), f"paper/{form}")
        data, plan = package.data, {"uid": package.uid, "sha256": package.sha256, "form": form}
    plan |= {
        "package": base64.b64encode(data).decode(),
        "key": base64.b64encode(key).decode(),
        "site_key": base64.b64encode(host.site.public_key).decode(),
        "times": str(TIMES),
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps(plan).encode(),
        stdout=subprocess.PIPE,
        env=CLEAN,
        check=True,
    )
    return len(data), round(float(done.stdout), 3)
