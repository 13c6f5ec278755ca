"""Runs two programs on the same frames in turn, so that other load on the machine affects both."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import cv2
import numpy as np

from bgblur.errors import BgblurError
from bgblur.media.reader import VideoReader
from bgblur.training.evaluate.evaluation import read_matte, score_clip

FIGURES = ("iou", "boundary_f", "mad", "dtssd")
ClipSize = tuple[int, int] | None  # (width, height); None: the clip's own size


class ComparedSide(Protocol):
    """A compared program. ``ask`` runs a job of ``side.serve``; ``about`` describes the program."""

    about: str

    def ask(self, job: Mapping[str, str]) -> dict[str, Any]: ...


class SideProcess:
    """A side in its own process. Raises BgblurError if the process ends too early."""

    def __init__(self, command: Sequence[str]) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by close()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            bufsize=1,
        )
        self.about = str(self._answer()["about"])

    def ask(self, job: Mapping[str, str]) -> dict[str, Any]:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # _answer raises the error with its reason
            self._process.stdin.write(json.dumps(job) + "\n")
        return self._answer()

    def close(self) -> None:
        """End the process by closing its input."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._errors.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            said = [line for line in self._errors.read().splitlines() if line.strip()]
            raise BgblurError(f"the comparison stopped: {said[-1] if said else 'no reason given'}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def compare(
    sides: Mapping[str, ComparedSide],
    clips: Sequence[tuple[Path, Path]],
    sizes: Sequence[ClipSize],
    frames: int | None = None,
    rounds: int = 2,
    report: Callable[[str], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Return one entry per size: ``{"size", "speed": {side: ...}, "accuracy": {kind: ...}}``.

    ``clips``: pairs (clip, true matte); the first ``frames`` of each are used. The first pass of a
    side over a clip warms it up and writes its alphas. Then ``rounds`` passes of each side are
    timed, in turn.
    """
    found = []
    with tempfile.TemporaryDirectory(prefix="bgblur-peer-") as name:
        folder = Path(name)
        for size in sizes:
            timed: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
            scores: dict[str, list[dict[str, float]]] = {}
            for clip, matte in clips:
                report(f"{clip.name} {_named(size)}")
                truths = _truths(matte, size, frames)
                count = _write_frames(clip, size, frames, folder / "frames.npy")
                for side in sides.values():
                    side.ask({"frames": str(folder / "frames.npy"), "alphas": str(folder / "of")})
                for path in sorted(folder.glob("of_*.npy"), key=lambda path: path.stem):
                    alphas = [np.divide(plane, 255, dtype=np.float32) for plane in np.load(path)]
                    kind = path.stem.removeprefix("of_")
                    scores.setdefault(kind, []).append(score_clip(alphas, truths))
                    path.unlink()
                for _ in range(rounds):
                    for kind, side in sides.items():
                        took = side.ask({"frames": str(folder / "frames.npy")})
                        timed[kind].append((took["seconds"] / count, took["cpu_seconds"] / count))
            found.append(
                {
                    "size": _named(size),
                    "speed": {kind: _speed(passes) for kind, passes in timed.items()},
                    "accuracy": {
                        kind: {figure: _mean(rows, figure) for figure in FIGURES}
                        for kind, rows in scores.items()
                    },
                }
            )
    return found


def _speed(passes: Sequence[tuple[float, float]]) -> dict[str, list[float]]:
    """[median, least, most] of all passes: frames per second, and CPU milliseconds per frame."""
    rates = [1 / seconds for seconds, _ in passes]
    cpu = [1000 * seconds for _, seconds in passes]
    return {
        "fps": [median(rates), min(rates), max(rates)],
        "cpu_ms": [median(cpu), min(cpu), max(cpu)],
    }


def _mean(rows: Sequence[Mapping[str, float]], figure: str) -> float:
    return float(np.mean([row[figure] for row in rows]))


def _named(size: ClipSize) -> str:
    return "{}x{}".format(*size) if size else "own size"


def _scaled(image: Any, size: ClipSize) -> Any:
    if size is None or image.shape[1::-1] == size:
        return image
    return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)


def _write_frames(clip: Path, size: ClipSize, frames: int | None, path: Path) -> int:
    pictures = [_scaled(image, size) for image, _ in islice(VideoReader(clip), frames)]
    np.save(path, np.stack(pictures))
    return len(pictures)


def _truths(matte: Path, size: ClipSize, frames: int | None) -> list[Any]:
    return [_scaled(read_matte(image), size) for image, _ in islice(VideoReader(matte), frames)]


# ---------------------------------------------------------------- for people


def table(found: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table, one row per kind of alpha; an intermediate alpha has no speed."""
    lines = [
        "| size | | frames a second | CPU ms a frame | IoU | boundary F | MAD | dtSSD |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for entry in found:
        for kind, figures in entry["accuracy"].items():
            speed = entry["speed"].get(kind)
            times = [_range(speed["fps"]), _range(speed["cpu_ms"])] if speed else ["", ""]
            judged = [f"{figures[figure]:.3f}" for figure in FIGURES]
            lines.append(f"| {' | '.join([entry['size'], kind, *times, *judged])} |")
    return "\n".join(lines)


def verdict(found: Sequence[Mapping[str, Any]], us: str, peer: str) -> list[str]:
    """One line per size: which program is ahead in each figure, and by how much."""
    lines = []
    for entry in found:
        ours, theirs = entry["accuracy"][us], entry["accuracy"][peer]
        rates = [(kind, entry["speed"][kind]["fps"][0]) for kind in (us, peer)]
        thrift = [(kind, 1000 / entry["speed"][kind]["cpu_ms"][0]) for kind in (us, peer)]
        said = [
            _times(rates, "frames a second"),
            _times(thrift, "frames a second of processor time"),
            _ahead(us, peer, ours["iou"] - theirs["iou"], "IoU"),
            _ahead(us, peer, theirs["dtssd"] - ours["dtssd"], "dtSSD (less flicker)"),
        ]
        lines.append(f"{entry['size']}: {'; '.join(said)}")
    return lines


def _times(values: Sequence[tuple[str, float]], what: str) -> str:
    (_, less), (better, more) = sorted(values, key=lambda pair: pair[1])
    return f"{better} does {more / less:.1f} x the {what}"


def _ahead(us: str, peer: str, lead: float, what: str) -> str:
    return f"{us if lead >= 0 else peer} ahead by {abs(lead):.3f} in {what}"


def _range(figures: Sequence[float]) -> str:
    middle, least, most = figures
    return f"{middle:.1f} ({least:.1f}..{most:.1f})"
