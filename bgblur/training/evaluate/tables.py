"""Formats figures as Markdown tables."""

from __future__ import annotations

from collections.abc import Mapping

from bgblur.training.evaluate.evaluation import Figures, Rows

COUNTS = ("pictures", "clips", "frames", "samples", "refused", "changes")
_HEADINGS = {"iou": "IoU", "boundary_f": "boundary F", "mad": "MAD", "dtssd": "dtSSD"}


def table(title: str, rows: Mapping[str, Mapping[str, float]]) -> str:
    """A Markdown table. ``title`` heads the first column; missing figures stay blank."""
    columns = list(dict.fromkeys(key for row in rows.values() for key in row))
    headings = " | ".join(_HEADINGS.get(key, key) for key in columns)
    lines = [f"| {title} | {headings} |", f"|---|{'---|' * len(columns)}"]
    for name, row in rows.items():
        cells = (_cell(key, row[key]) if key in row else "" for key in columns)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(key: str, value: float) -> str:
    return f"{value:.0f}" if key in COUNTS else f"{value:.4f}"


def heights_tables(heights: Mapping[int, Figures]) -> str:
    """A table for each figure, with a column for each input height, without empty ones."""
    parts = []
    for kind in ("photos", "clips", "rooms"):
        by_height = {height: getattr(figures, kind) for height, figures in heights.items()}
        first: Rows = next(iter(by_height.values()))
        for figure in dict.fromkeys(key for row in first.values() for key in row):
            if figure in COUNTS:
                continue
            rows = {
                name: {key: row[key] for key in COUNTS if key in row}
                | {str(height): others[name][figure] for height, others in by_height.items()}
                for name, row in first.items()
            }
            parts.append(table(f"{kind}: {_HEADINGS.get(figure, figure)}", rows))
    return "\n\n".join(parts)


def figures_tables(figures: Figures) -> str:
    """The tables of one input height, without empty ones."""
    parts = {"photos": figures.photos, "clip": figures.clips, "rooms": figures.rooms}
    return "\n\n".join(table(title, rows) for title, rows in parts.items() if rows)
