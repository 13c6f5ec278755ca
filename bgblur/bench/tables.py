"""The report of ``bgblur-cam bench`` as tables on a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from bgblur.bench.plot import stages_of


def print_report(report: dict[str, Any], out: Console) -> None:
    """The machine, the figures of each run, the times of each stage, the limits."""
    machine, runs = report["machine"], report["runs"]
    out.print(
        f"{machine['cpu']}, {machine['cores']} cores, {machine['gpu'] or 'no GPU'}", markup=False
    )
    for table in (_whole(runs), _stages(runs)):
        out.print()
        out.print(table)
    out.print("\nmilliseconds of stages: p50/p95; capture waits for the next frame", markup=False)
    for line in dict.fromkeys(limit_line(run) for run in runs):
        out.print(line, markup=False)


def _whole(runs: list[dict[str, Any]]) -> Table:
    """One column a run; after each figure its spread."""
    table = _table("", runs)
    table.add_row("network", *(_network(run) for run in runs))
    rows = {
        "frames a second": ("fps", ".1f"),
        "latency p50 ms": ("latency_ms.p50", ".0f"),
        "latency p95 ms": ("latency_ms.p95", ".0f"),
        "CPU cores": ("cpu_cores", ".2f"),
        "CPU ms a frame": ("cpu_ms", ".0f"),
        "memory MB": ("rss_mb", ".0f"),
        "GPU memory MB": ("gpu_mb", ".0f"),
        "first frame s": ("startup_s", ".1f"),
    }
    for title, (key, form) in rows.items():
        if key == "gpu_mb" and not any(run[key] for run in runs):
            continue
        table.add_row(title, *(_figure(run, key, form) for run in runs))
    alone = ("{p50:.1f}/{p95:.1f}".format(**run["frame_ms"]) for run in runs)
    table.add_row("a frame alone ms p50/p95", *alone)
    return table


def _stages(runs: list[dict[str, Any]]) -> Table:
    table = _table("stage", runs)
    for stage in stages_of(runs):
        found = (run["stages_ms"].get(stage) for run in runs)
        table.add_row(stage, *(f"{t['p50']:.1f}/{t['p95']:.1f}" if t else "" for t in found))
    return table


def _table(title: str, runs: list[dict[str, Any]]) -> Table:
    return Table(title, *(f"{run['width']}x{run['height']}" for run in runs), box=None)


def _network(run: dict[str, Any]) -> str:
    low, high = run["spread"]["input_height"]
    heights = f"{low:g}" if low == high else f"{low:g}..{high:g}"
    return f"{run['network']} {run['device']} {run['precision']} at {heights}"


def _figure(run: dict[str, Any], key: str, form: str) -> str:
    """The value under a dotted key, and its least and most in brackets."""
    value, ends = run, run["spread"]
    for name in key.split("."):
        value, ends = value[name], ends[name]
    return f"{value:{form}} ({ends[0]:{form}}..{ends[1]:{form}})"


def limit_line(run: dict[str, Any]) -> str:
    """The network's roofline beside what was measured, or why there is none."""
    limit = run["limit"]
    if not limit:
        return (
            f"the limit of {run['network']} on {run['device']} is not known: it is computed on "
            "processors and by torch, but not for an int8 model of your own that torch runs"
        )
    line = (
        f"the limit: a network of {limit['gflop']:.2f} GFLOP and {limit['mb']:.0f} MB "
        f"(input height {limit['input_height']}) takes {_ms(limit['ms'])} at best, set by its "
        f"{limit['bound']}, where {run['device']} does {limit['gflop_per_s']:.0f} GFLOP/s "
        f"and {limit['gb_per_s']:.0f} GB/s"
    )
    inference = run["stages_ms"].get("inference")
    if inference is None or limit["input_height"] != run["input_height"]:
        return line  # what was measured was another network
    return f"{line}; measured: {_ms(inference['p50'])}"


def _ms(value: float) -> str:
    return f"{value:.0f} ms" if value >= 10 else f"{value:.2g} ms"
