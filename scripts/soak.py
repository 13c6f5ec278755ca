#!/usr/bin/env python3
"""Runs the daemon for long and measures its resources: scripts/soak.py --minutes 10.

The source is the demo at 1280x720, the output a counter; everything else is the real daemon. Plots
soak.png, prints figures, and exits with 1 if a resource grew.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import psutil

from bgblur.environment import prepare_process
from bgblur.frame import Image
from bgblur.sinks.null import NullSink

if TYPE_CHECKING:
    from bgblur.daemon.daemon import Daemon

EVERY = 1.0  # seconds between samples
LIMIT = 0.02  # growth of memory that is accepted, as a fraction


@dataclass(frozen=True)
class Sample:
    """The daemon's figures at ``seconds`` since the start."""

    seconds: float
    rss_mb: float
    threads: int
    descriptors: int
    fps: float  # of frames with an alpha of their own
    pictures: float  # of any kind, per second
    latency_p95_ms: float


class CountingSink(NullSink):
    def __init__(self) -> None:
        self.pictures = 0

    def publish(self, picture: Image) -> None:
        self.pictures += 1


def soak(minutes: float, width: int, height: int) -> list[Sample]:
    from bgblur.config.settings import Settings
    from bgblur.daemon import daemon

    sink = CountingSink()
    setattr(daemon, "open_sink", lambda *_: sink)  # noqa: B010 - not part of its interface
    options = {"camera.device": "demo", "camera.width": width, "camera.height": height}
    # "auto" may load another network at any time, which takes memory once.
    options |= {"engine.model": "unet-lite", "engine.input_height": 160}
    stop = threading.Event()
    samples: list[Sample] = []
    with TemporaryDirectory() as folder:
        running = daemon.Daemon(Settings(), Path(folder) / "config.toml", options, _say)
        watcher = threading.Thread(target=_watch, args=(running, sink, stop, samples), daemon=True)
        watcher.start()
        try:
            running.run(stop, minutes * 60)
        finally:
            stop.set()
            watcher.join()
    return samples


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _watch(
    running: Daemon, sink: CountingSink, stop: threading.Event, samples: list[Sample]
) -> None:
    process, began = psutil.Process(), time.monotonic()
    count, at = 0, began
    while not stop.wait(EVERY):
        report, now, pictures = running.status(), time.monotonic(), sink.pictures
        samples.append(
            Sample(
                round(now - began, 1),
                round(process.memory_info().rss / 2**20, 1),
                process.num_threads(),
                process.num_fds() if hasattr(process, "num_fds") else process.num_handles(),
                report["fps"],
                round((pictures - count) / (now - at), 1),
                report["latency_ms"]["p95"],
            )
        )
        count, at = pictures, now


def figures(samples: Sequence[Sample]) -> dict[str, object]:
    """Medians of the first and the last fifth after the warm-up (a third of the run, but at most
    a minute)."""
    warm = [s for s in samples if s.seconds > min(60.0, samples[-1].seconds / 3)]
    fifth = max(1, len(warm) // 5)
    compared: dict[str, object] = {}
    for name in (field.name for field in fields(Sample) if field.name != "seconds"):
        early, late = (
            float(np.median([getattr(s, name) for s in part]))
            for part in (warm[:fifth], warm[-fifth:])
        )
        compared[name] = {"early": round(early, 1), "late": round(late, 1)}
    compared["fewest_pictures"] = min(s.pictures for s in warm)
    compared["grew"] = grew(warm[:fifth], warm[-fifth:])
    return compared


def grew(early: Sequence[Sample], late: Sequence[Sample]) -> list[str]:
    """The resources that grew: memory by more than LIMIT, threads or descriptors at all. A run
    without frames is reported, too."""
    found = [] if np.median([s.fps for s in late]) > 0 else ["nothing: there were no frames"]
    before, after = (np.median([s.rss_mb for s in part]) for part in (early, late))
    if after > before * (1 + LIMIT):
        found.append(f"resident memory, from {before:.0f} to {after:.0f} MB")
    for name in ("threads", "descriptors"):
        if (least := min(getattr(s, name) for s in late)) > max(getattr(s, name) for s in early):
            found.append(f"{name}, to {least}")
    return found


def plot(samples: Sequence[Sample], target: Path) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        _say(f"{target} was not plotted: pip install matplotlib")
        return
    rows = {
        "resident memory, MB": ["rss_mb"],
        "threads, descriptors": ["threads", "descriptors"],
        "a second: own frames, pictures": ["fps", "pictures"],
        "latency p95, ms": ["latency_p95_ms"],
    }
    figure = Figure(figsize=(9, 10), layout="constrained")
    minutes = [s.seconds / 60 for s in samples]
    for axes, (title, names) in zip(
        figure.subplots(len(rows), sharex=True), rows.items(), strict=True
    ):
        for name in names:
            axes.plot(minutes, [getattr(s, name) for s in samples], label=name)
        axes.set_title(title, loc="left", fontsize="medium")
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        if len(names) > 1:
            axes.legend(loc="lower right")
    axes.set_xlabel("minutes")
    figure.savefig(target)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--plot", type=Path, default=Path("soak.png"))
    parser.add_argument("--json", action="store_true", help="every sample, too")
    chosen = parser.parse_args()
    width, height = map(int, chosen.size.split("x"))
    prepare_process()
    samples = soak(chosen.minutes, width, height)
    plot(samples, chosen.plot)
    found = figures(samples)
    if chosen.json:
        found["samples"] = [asdict(sample) for sample in samples]
    print(json.dumps(found, indent=None if chosen.json else 2))
    return 1 if found["grew"] else 0


if __name__ == "__main__":
    sys.exit(main())
