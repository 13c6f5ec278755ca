"""Shows a sweep, speed against accuracy, as a table and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bgblur.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KINDS = ("photos", "clips")
SweepRows = Sequence[dict[str, Any]]


def table(rows: SweepRows) -> str:
    """Markdown, one row per cell."""
    judged = kinds(rows)
    headings = "".join(f" IoU {kind} |" for kind in judged)
    lines = [
        f"| model | device | input height | ms (least..p95) | fps | CPU ms |{headings}",
        f"|---|---|---|---|---|---|{'---|' * len(judged)}",
    ]
    for row in rows:
        ms = row["ms"]
        cells = [
            row["cell"]["model"],
            device_of(row),
            str(row["cell"]["height"]),
            f"{ms['p50']:.1f} ({ms['least']:.1f}..{ms['p95']:.1f})",
            f"{row['fps']:.1f}",
            f"{row['cpu_ms']:.1f}",
            *(f"{row['iou'][kind]:.3f}" if kind in row["iou"] else "" for kind in judged),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def kinds(rows: SweepRows) -> list[str]:
    """The kinds of pictures with an IoU: those of ``KINDS`` that occur in ``rows``."""
    return [kind for kind in KINDS if any(kind in row["iou"] for row in rows)]


def device_of(row: dict[str, Any]) -> str:
    """The device as text, such as "cpu fp32" or "cpu fp32, avx2 at most"."""
    cell = row["cell"]
    limited = "" if cell["isa"] == "native" else f", {cell['isa']} at most"
    return f"{cell['device']} {row['precision']}{limited}"


def draw(rows: SweepRows, title: str, path: Path) -> None:
    """Draw one line per model and device through its heights.

    It shows IoU over milliseconds or, without IoU, milliseconds over height. Raises UsageError if
    ``path`` cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    judged: list[str | None] = [*kinds(rows)]
    figure = Figure(figsize=(6.5 * max(1, len(judged)), 5.5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, max(1, len(judged)), squeeze=False)[0]
    for axes, kind in zip(panels, judged or [None], strict=True):
        _draw_lines(axes, rows, kind)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", frameon=False)
    figure.suptitle(title)
    try:
        figure.savefig(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; choose another --out") from error


def _draw_lines(axes: Axes, rows: SweepRows, kind: str | None) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    lines: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        lines.setdefault(f"{row['cell']['model']}, {device_of(row)}", []).append(row)
    for name, points in lines.items():
        points.sort(key=lambda row: row["cell"]["height"])
        heights = [row["cell"]["height"] for row in points]
        times = [row["ms"]["p50"] for row in points]
        if kind is None:
            axes.plot(heights, times, "o-", label=name)
            continue
        values = [row["iou"].get(kind, float("nan")) for row in points]
        spread = [
            [row["ms"]["p50"] - row["ms"]["least"] for row in points],
            [row["ms"]["p95"] - row["ms"]["p50"] for row in points],
        ]
        axes.errorbar(times, values, xerr=spread, fmt="o-", label=name, elinewidth=0.7, capsize=2)
        for place in zip(times, values, heights, strict=True):
            axes.annotate(
                str(place[2]), place[:2], textcoords="offset points", xytext=(0, 7), ha="center"
            )
    if kind is None:
        axes.set_xlabel("height of the network's input")
        axes.set_ylabel("milliseconds per inference")
        axes.set_ylim(0)
        return
    axes.axvline(1000 / 30, color="grey", linestyle="--", linewidth=1)
    axes.annotate(
        " 30 fps", (1000 / 30, 0.99), xycoords=("data", "axes fraction"), va="top", color="grey"
    )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("milliseconds per inference: median, least to p95 (numbers: input height)")
    axes.set_ylabel(f"mean IoU, {kind}")
