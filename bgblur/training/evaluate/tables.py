"""Formats figures as Markdown tables."""

from __future__ import annotations

from collections.abc import Mapping

from bgblur.training.evaluate.evaluation import Figures, Rows

COUNTS = ("pictures", "clips", "frames", "samples", "refused", "changes")
_TITLES = {"sizes": "people by their share of the frame"}
BOUNDS = ("low", "high")  # of IoU
_HEADINGS = {
    "iou": "IoU",
    "boundary_f": "boundary F",
    "fine_f": "boundary F within 0.3 %",
    "mad": "MAD",
    "band_mad": "MAD in the unknown band",
    "band_gradient": "gradient error there",
    "dtssd": "dtSSD",
}


def table(title: str, rows: Mapping[str, Mapping[str, float | str]]) -> str:
    """A Markdown table. ``title`` heads the first column; missing figures stay blank."""
    columns = list(dict.fromkeys(key for row in rows.values() for key in row))
    headings = " | ".join(_HEADINGS.get(key, key) for key in columns)
    lines = [f"| {title} | {headings} |", f"|---|{'---|' * len(columns)}"]
    for name, row in rows.items():
        cells = (_cell(key, row[key]) if key in row else "" for key in columns)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(key: str, value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.0f}" if key in COUNTS else f"{value:.4f}"


def heights_tables(heights: Mapping[int, Figures]) -> str:
    """A table for each figure, with a column for each input height, without empty ones."""
    parts = []
    for kind in ("photos", "sizes", "clips", "rooms"):
        by_height = {height: getattr(figures, kind) for height, figures in heights.items()}
        first: Rows = next(iter(by_height.values()))
        title = _TITLES.get(kind, kind)
        for figure in dict.fromkeys(key for row in first.values() for key in row):
            if figure in (*COUNTS, *BOUNDS):
                continue
            rows: dict[str, dict[str, float | str]] = {}
            for name, row in first.items():
                rows[name] = {key: row[key] for key in COUNTS if key in row}
                for height, by_name in by_height.items():
                    rows[name][str(height)] = _bounded(figure, by_name[name])
            parts.append(table(f"{title}: {_HEADINGS.get(figure, figure)}", rows))
    return "\n\n".join(parts)


def _bounded(figure: str, row: Mapping[str, float]) -> float | str:
    """The figure; IoU with its bounds, where they are known."""
    if figure != "iou" or not set(BOUNDS) <= row.keys():
        return row[figure]
    return f"{row[figure]:.4f} ({row['low']:.3f} to {row['high']:.3f})"


def figures_tables(figures: Figures) -> str:
    """The tables of one input height, without empty ones."""
    parts = {
        "photos": figures.photos,
        _TITLES["sizes"]: figures.sizes,
        "clip": figures.clips,
        "rooms": figures.rooms,
    }
    return "\n\n".join(table(title, rows) for title, rows in parts.items() if rows)
