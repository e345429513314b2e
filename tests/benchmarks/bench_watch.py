"""What looking costs a seat: processor time by step and memory, over as many looks as a long sitting has.

Usage: bench_watch.py [LOOKS]. Plays the frames of three people, an empty chair and two persons, made of the
photos that set-up fetches, at full speed through files, watcher's fold, album, log and queue, as one attempt of
LOOKS (5,400) looks at one a second. Prints one JSON object: `ms`: median processor milliseconds of a look by
step, OpenCV on one core; `look_ms`: of a whole look; `model_share`: processor time inside the networks, of all;
`core_share` at one look a second; `unavailable`: checks without a model, which cost nothing; `rss_mb`: of the
process without a camera, with the libraries, with the nets, after the first looks and at the end; `growth_mb`:
between the last two.

`calm` and `doubtful`: a quarter of an hour at the policy's own pace, of a seat where nothing happens and of one
where something always does: looks and processor milliseconds a second, and how many such seats one core carries.
"""

import json
import resource
import subprocess
import sys
import tempfile
from collections import defaultdict
from importlib.resources import files
from pathlib import Path
from statistics import median
from typing import Any

from exam_rooms.wire import encode

LOOKS, FIRST = 5400, 600
PACED_SECONDS = 900.0
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
    """Frames of each scene as files, the template of the first, and the national rules."""
    from server.rules.policy import Profile, load_profile
    from tests.client.camera_kit import scene, template_of, write_scene

    profile = load_profile((files("server") / "policies/national.yaml").read_text(encoding="utf-8"))
    assert isinstance(profile, Profile)
    (folder / "rules").write_text(json.dumps(encode(profile.terms.watching)))
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
    from tests.benchmarks.watch_stand import CALM, DOUBTFUL, ROUND, Stand

    rss["libraries"] = resident()
    stand = Stand(folder, ROUND)
    rss["nets"] = resident()
    spent: dict[str, list[float]] = defaultdict(list)
    for number in range(looks):
        if number == FIRST:
            rss["first"] = resident()
        for step, ms in stand.look(10.0 + number).items():
            spent[step].append(ms)
    rss["end"] = resident()
    whole = sum(spent["look"])
    return {
        "looks": looks,
        "unavailable": list(stand.unavailable),
        "ms": {step: round(median(values), 2) for step, values in sorted(spent.items())},
        "look_ms": {
            "median": round(median(spent["look"]), 2),
            "mean": round(whole / looks, 2),
            "most": round(max(spent["look"]), 1),
        },
        "model_share": round(sum(spent["models"]) / whole, 3),
        "core_share": round(whole / looks / 1000, 4),
        "rss_mb": rss,
        "growth_mb": round(rss["end"] - rss.get("first", rss["end"]), 1),
        "alerts": stand.alerts,
        "log_bytes_a_minute": round(stand.logged / (looks / 60)),
        "calm": paced(Stand(folder, CALM), looks),
        "doubtful": paced(Stand(folder, DOUBTFUL), looks),
    }


def paced(stand: Any, looks: int) -> dict[str, float]:
    """One seat at its own pace."""
    until = min(PACED_SECONDS, float(looks))
    at, count, ms, models = 10.0, 0, 0.0, 0.0
    while at < 10.0 + until:
        took = stand.look(at)
        count, ms, models = count + 1, ms + took["look"], models + took["models"]
        at += stand.pause(at, took["look"] / 1000)
    return {
        "looks_a_second": round(count / until, 3),
        "ms_a_second": round(ms / until, 2),
        "model_share": round(models / ms, 3),
        "seats_a_core": round(1000 * until / ms),
    }


if __name__ == "__main__":
    main(sys.argv[1:])
