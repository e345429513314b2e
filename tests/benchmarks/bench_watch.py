"""What looking costs a seat: processor time by step and memory, over as many looks as a long sitting has.

Usage: bench_watch.py [LOOKS]. Plays the frames of three people, an empty chair and two persons, made of the
photos that set-up fetches, at full speed through files, watcher's fold, album and queue, as one attempt of
LOOKS (5,400) looks at one a second. Prints one JSON object: `ms`: median processor milliseconds of a look by
step, OpenCV on one core; `look_ms`: of a whole look; `core_share` at the policy's pace; `rss_mb`: of the
process without a camera, with the libraries, with the nets, after the first looks and at the end;
`growth_mb`: between the last two.
"""

import json
import resource
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

LOOKS, FIRST = 5400, 600
SCENES: tuple[tuple[str, ...], ...] = (("obama.jpg",), (), ("biden.jpg",), ("obama.jpg", "biden.jpg"))


def main(arguments: list[str]) -> None:
    """Makes the frames in a process of their own, then measures in this one."""
    if arguments[:1] == ["--compose"]:
        compose(Path(arguments[1]))
        return
    looks = int(arguments[0]) if arguments else LOOKS
    with tempfile.TemporaryDirectory() as name:
        maker = [sys.executable, "-m", "tests.benchmarks.bench_watch", "--compose", name]
        subprocess.run(maker, check=True)
        sys.stdout.write(json.dumps(measure(Path(name), looks)) + "\n")


def compose(folder: Path) -> None:
    """Frames of each scene as files, and the template of the first."""
    from tests.client.camera_kit import scene, template_of, write_scene

    for number, names in enumerate(SCENES):
        frames = scene(*names, seed=number, count=12)
        write_scene(folder / str(number), frames)
        if not number:
            (folder / "template").write_text(template_of(*frames[:3]))


def resident() -> float:
    """Megabytes of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * resource.getpagesize() / 2**20, 1)


def measure(folder: Path, looks: int) -> dict[str, Any]:
    """All figures; imports stand where the memory they take is to be seen."""
    import client.__main__  # noqa: F401 - what a seat without a camera loads

    rss = {"without": resident()}
    from tests.benchmarks.watch_stand import Stand

    rss["libraries"] = resident()
    stand = Stand(folder)
    rss["nets"] = resident()
    spent: dict[str, list[float]] = defaultdict(list)
    for number in range(looks):
        if number == FIRST:
            rss["first"] = resident()
        for step, ms in stand.look(number).items():
            spent[step].append(ms)
    rss["end"] = resident()
    ms = {step: round(median(values), 2) for step, values in sorted(spent.items())}
    mean = sum(spent["look"]) / len(spent["look"])
    return {
        "looks": looks,
        "ms": ms,
        "look_ms": {"median": ms["look"], "mean": round(mean, 2), "most": round(max(spent["look"]), 1)},
        "core_share": round(mean / 1000, 4),
        "rss_mb": rss,
        "growth_mb": round(rss["end"] - rss.get("first", rss["end"]), 1),
        "alerts": stand.alerts,
    }


if __name__ == "__main__":
    main(sys.argv[1:])
