"""``--explain``: one picture that shows each step from a photo to its result."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from bgblur.frame import Alpha, Image

_WIDTH = 600  # of a panel's picture, pixels
_TALLEST = 800
_GAP, _TITLE, _NOTE = 24, 38, 32
_PAPER, _INK, _FAINT = (250, 250, 250), (25, 25, 25), (95, 95, 95)  # RGB
_COLORS = cv2.COLORMAP_VIRIDIS  # perceptually uniform, and legible to the colour-blind
_COLUMNS = 3


def explain(picture: Image, probability: Alpha, alpha: Alpha, result: Image) -> Image:
    """Return five labelled panels and a legend, BGR ``uint8``.

    ``picture``, ``alpha`` and ``result`` have the photo's size; ``probability`` is the network's
    own output, in its own size (h, w).
    """
    rows, columns = picture.shape[:2]
    scale = min(_WIDTH / columns, _TALLEST / rows)
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    shrink = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    low = "x".join(map(str, probability.shape[::-1]))
    mask = np.where(probability > 0.5, 255, 0).astype(np.uint8)
    share = f"{100 * float(alpha.mean()):.0f} % of the photo"
    panels = [
        ("1  Input", f"{columns}x{rows} pixels", cv2.resize(picture, size, interpolation=shrink)),
        (
            "2  Hard mask (argmax)",
            f"white: a person is more likely than not, {low}",
            _gray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)),
        ),
        (
            "3  Probability of a person",
            f"the network's output, {low}",
            _colored(cv2.resize(probability, size, interpolation=cv2.INTER_NEAREST)),
        ),
        (
            "4  Alpha after edge refinement",
            f"fitted to the photo's edges; the person covers {share}",
            _gray(_bytes(cv2.resize(alpha, size, interpolation=shrink))),
        ),
        (
            "5  Result",
            "the person where alpha is white, the new background elsewhere",
            cv2.resize(result, size, interpolation=shrink),
        ),
    ]
    return _lay_out(panels, size)


def _lay_out(panels: list[tuple[str, str, Any]], size: tuple[int, int]) -> Image:
    from PIL import Image as Pillow
    from PIL import ImageDraw, ImageFont

    title, note = ImageFont.load_default(24), ImageFont.load_default(18)
    width, height = max(_WIDTH, size[0]), _TITLE + size[1] + _NOTE
    lines = -(-(len(panels) + 1) // _COLUMNS)
    sheet = Pillow.new(
        "RGB",
        (_GAP + _COLUMNS * (width + _GAP), _GAP + lines * (height + _GAP)),
        _PAPER,
    )
    draw = ImageDraw.Draw(sheet)

    def corner(index: int) -> tuple[int, int]:
        return (
            _GAP + index % _COLUMNS * (width + _GAP),
            _GAP + index // _COLUMNS * (height + _GAP),
        )

    for index, (name, remark, panel) in enumerate(panels):
        x, y = corner(index)
        draw.text((x, y), name, _INK, title)
        sheet.paste(Pillow.fromarray(cv2.cvtColor(panel, cv2.COLOR_BGR2RGB)), (x, y + _TITLE))
        outline = (x - 1, y + _TITLE - 1, x + size[0], y + _TITLE + size[1])
        draw.rectangle(outline, outline=(200, 200, 200))
        draw.text((x, y + _TITLE + size[1] + 6), remark, _FAINT, note)

    x, y = corner(len(panels))
    draw.text((x, y), "Legend of panel 3", _INK, title)
    bar = _colored(np.tile(np.linspace(0, 1, width, dtype=np.float32), (_TITLE, 1)))
    sheet.paste(Pillow.fromarray(cv2.cvtColor(bar, cv2.COLOR_BGR2RGB)), (x, y + _TITLE))
    for tick, anchor in ((0.0, "la"), (0.25, "ma"), (0.5, "ma"), (0.75, "ma"), (1.0, "ra")):
        below = (x + tick * (width - 1), y + 2 * _TITLE)
        draw.line((below, (below[0], below[1] + 6)), _INK)
        draw.text((below[0], below[1] + 10), f"{tick:g}", _INK, note, anchor)
    under = y + 2 * _TITLE + 34
    draw.text((x, under), "certainly background", _FAINT, note)
    draw.text((x + width / 2, under), "uncertain", _FAINT, note, "ma")
    draw.text((x + width, under), "certainly a person", _FAINT, note, "ra")
    return cv2.cvtColor(np.asarray(sheet), cv2.COLOR_RGB2BGR)


def _colored(probability: Any) -> Image:
    return cv2.applyColorMap(_bytes(probability), _COLORS)


def _bytes(plane: Any) -> Any:
    return cv2.convertScaleAbs(plane, alpha=255)


def _gray(plane: Any) -> Image:
    return cv2.cvtColor(plane, cv2.COLOR_GRAY2BGR)
