"""Plots the results of ``bench``: ``bgblur-cam bench --plot out.png``."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bgblur.errors import UsageError
from bgblur.files import refuse_existing, replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STAGES = (  # in a frame's order
    *("capture", "upload", "motion", "inference", "smoothing", "edges"),
    *("blur", "download", "colour", "publish"),
)
_WAITING = "capture"  # mostly the wait for the camera's next frame
_COLOURS = (  # Okabe and Ito's palette, safe for colour-blind readers, and two more
    *("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999"),
    *("#882255", "#44aa99"),
)


def check_plot(path: Path, overwrite: bool) -> None:
    """Raises UsageError if ``path`` cannot be plotted to; call it before the measurement. An
    existing file is replaced only with ``overwrite``."""
    if find_spec("matplotlib") is None:
        raise UsageError('--plot needs matplotlib: pip install "bgblur[plot]"')
    if path.suffix.lower() != ".png":
        raise UsageError(f"--plot writes PNG: call it {path.with_suffix('.png').name}")
    if not path.parent.is_dir():
        raise UsageError(f"--plot: there is no folder {path.parent}: make it first")
    refuse_existing(path, overwrite=overwrite)


def draw(report: dict[str, Any], path: Path, overwrite: bool) -> None:
    """Plot the object of ``bench --json`` as a PNG: stages by size on the left, latency and rate on
    the right. Raises UsageError if ``path`` cannot be written, as ``check_plot`` does."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    runs, machine = report["runs"], report["machine"]
    figure = Figure(figsize=(12, 5.5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    places = range(len(runs))
    names = [
        f"{run['width']}x{run['height']}\n{run['network']}\n{run['input_height']} rows"
        for run in runs
    ]
    for axes in (left, right):
        axes.set_xticks(places, names)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylabel("milliseconds")
    _draw_stages(left, runs)
    _draw_latency(right, runs)
    device = machine["gpu"] if machine["gpu"] and runs[0]["device"] != "cpu" else machine["cpu"]
    figure.suptitle(
        f"bgblur on {device}, {machine['cores']} cores: {runs[0]['source']}, "
        f"{runs[0]['device']} {runs[0]['precision']}"
    )
    try:
        with replacing(path, overwrite=overwrite) as unfinished:
            figure.savefig(unfinished, format="png")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; choose another --plot") from error


def stages_of(runs: list[dict[str, Any]]) -> list[str]:
    """The names of all stages in ``runs``, in a frame's order."""
    found = {stage for run in runs for stage in run["stages_ms"]}
    return [stage for stage in STAGES if stage in found] + sorted(found - {*STAGES})


def _draw_stages(axes: Axes, runs: list[dict[str, Any]]) -> None:
    bottoms = [0.0] * len(runs)
    for index, stage in enumerate(name for name in stages_of(runs) if name != _WAITING):
        heights = [run["stages_ms"].get(stage, {"p50": 0.0})["p50"] for run in runs]
        colour = _COLOURS[index % len(_COLOURS)]
        axes.bar(range(len(runs)), heights, 0.55, bottoms, label=stage, color=colour)
        for place, (height, bottom) in enumerate(zip(heights, bottoms, strict=True)):
            if height > 0.04 * max(sum_of(run) for run in runs):
                axes.text(place, bottom + height / 2, f"{height:.1f}", ha="center", va="center")
        bottoms = [a + b for a, b in zip(bottoms, heights, strict=True)]
    axes.set_title(
        "Median time of each stage (without the wait for the camera)",
        size=10,
    )
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


def sum_of(run: dict[str, Any]) -> float:
    """Milliseconds of all stages except waiting for the camera."""
    stages = run["stages_ms"].items()
    return float(sum(times["p50"] for name, times in stages if name != _WAITING))


def _draw_latency(axes: Axes, runs: list[dict[str, Any]]) -> None:
    for offset, key, colour in ((-0.2, "p50", _COLOURS[0]), (0.2, "p95", _COLOURS[1])):
        values = [run["latency_ms"][key] for run in runs]
        ends = [run["spread"]["latency_ms"][key] for run in runs]
        errors = [
            [value - low for value, (low, _) in zip(values, ends, strict=True)],
            [high - value for value, (_, high) in zip(values, ends, strict=True)],
        ]
        places = [place + offset for place in range(len(runs))]
        axes.bar(places, values, 0.36, color=colour, label=key, yerr=errors, capsize=4)
    top = max(run["spread"]["latency_ms"]["p95"][1] for run in runs)
    for place, run in enumerate(runs):
        axes.text(place, top * 1.04, f"{run['fps']:.1f} fps", ha="center", weight="bold")
    axes.set_ylim(0, top * 1.25)
    axes.set_title("Latency from capture to publish, with its spread", size=10)
    axes.legend(frameon=False, loc="upper left", ncols=2)
