"""A camera's formats as lines of text."""

from __future__ import annotations

from bgblur.devices.v4l2 import Format, Size


def format_lines(formats: list[Format]) -> list[str]:
    """Each format with its sizes below it; those with the same sizes together."""
    by_sizes: dict[tuple[str, ...], list[Format]] = {}
    for shape in formats:
        by_sizes.setdefault(tuple(_size_lines(shape)), []).append(shape)
    lines = []
    for sizes, shapes in by_sizes.items():
        described = shapes[0].description if len(shapes) == 1 else ""
        lines.append(f"{', '.join(shape.fourcc for shape in shapes)} {described}".strip())
        lines += [f"    {size}" for size in sizes]
    return lines


def _size_lines(shape: Format) -> list[str]:
    """Its sizes, those of the same rates in one line, the largest first."""
    by_rates: dict[str, list[Size]] = {}
    for size in sorted(shape.sizes, key=lambda size: size.width * size.height, reverse=True):
        by_rates.setdefault(_rates(size), []).append(size)
    return [f"{', '.join(map(_pixels, sizes))}{rates}" for rates, sizes in by_rates.items()]


def _rates(size: Size) -> str:
    if not size.rates:
        return ""
    separator = " to " if size.any_rate else ", "
    return f" at {separator.join(f'{rate:g}' for rate in size.rates)} fps"


def _pixels(size: Size) -> str:
    largest = f"{size.width}x{size.height}"
    if size.steps is None:
        return largest
    steps = size.steps
    by = (steps.step_width, steps.step_height)
    in_steps = "" if by == (1, 1) else f" in steps of {by[0]}x{by[1]}"
    return f"{steps.min_width}x{steps.min_height} to {largest}{in_steps}"
