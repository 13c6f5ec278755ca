"""Judge a segmenter on held-out photos, on clips with true mattes and on empty rooms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from bgblur.segmentation.network import Segmenter
from bgblur.training.data import Collection, Image, Picture, Plane, read_photo
from bgblur.training.metrics import boundary_f, dtssd, iou, mad

Predictor = Callable[[Image], Plane]  # BGR uint8 (H, W, 3) -> alpha float32 (H, W)
ASPECT = 16 / 9  # pictures are letterboxed to a webcam's shape, as peers are measured


@dataclass(frozen=True)
class Scored:
    """One judged picture; ``iou`` orders the contact sheet."""

    picture: Picture
    iou: float
    boundary_f: float
    mad: float


def network_predictor(network: nn.Module, input_height: int) -> Predictor:
    """Run a network that is still in training as the exported one would run."""
    segmenter = Segmenter(network).eval()

    def predict(image: Image) -> Plane:
        with torch.inference_mode():
            alpha = segmenter(torch.from_numpy(image), input_height).numpy()
        return cv2.resize(alpha, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)

    return predict


def predict_letterboxed(predict: Predictor, image: Image) -> Plane:
    """Alpha of the picture after black bars have brought it to 16:9."""
    rows, columns = image.shape[:2]
    height, width = max(rows, round(columns / ASPECT)), max(columns, round(rows * ASPECT))
    y, x = (height - rows) // 2, (width - columns) // 2
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[y : y + rows, x : x + columns] = image
    return predict(canvas)[y : y + rows, x : x + columns]


def score_photos(
    predict: Predictor, pictures: Sequence[Picture], smallest_person: float = 0.0
) -> list[Scored]:
    """Scores of the pictures whose person covers more than ``smallest_person`` of the frame."""
    scored = []
    for picture in pictures:
        image, truth, weight = read_photo(picture)
        if (truth > 0.5).mean() <= smallest_person:
            continue
        valid = weight > 0
        alpha = predict_letterboxed(predict, image)
        scored.append(
            Scored(
                picture,
                iou(alpha, truth, valid),
                boundary_f(alpha, truth, valid),
                mad(alpha, truth, valid),
            )
        )
    return scored


def score_clip(alphas: Sequence[Plane], truths: Sequence[Plane]) -> dict[str, float]:
    """Mean IoU, boundary F and MAD over the frames, and dtSSD."""
    pairs = list(zip(alphas, truths, strict=True))
    return {
        "iou": float(np.mean([iou(a, t) for a, t in pairs])),
        "boundary_f": float(np.mean([boundary_f(a, t) for a, t in pairs])),
        "mad": float(np.mean([mad(a, t) for a, t in pairs])),
        "dtssd": dtssd(alphas, truths),
    }


def empty_room_leak(predict: Predictor, rooms: Sequence[Picture]) -> float:
    """Share of pixels with alpha > 0.1 in rooms where nobody is."""
    shares = [float((predict(read_photo(room)[0]) > 0.1).mean()) for room in rooms]
    return float(np.mean(shares)) if shares else 0.0


def evaluate_photos(predict: Predictor, held_out: Collection) -> dict[str, dict[str, float]]:
    """A row of figures a set; sets with small, hard people also by those past 12 % of the frame."""
    rows: dict[str, dict[str, float]] = {}
    for name, pictures in held_out.photos.items():
        rows[name] = _mean(score_photos(predict, pictures))
        if name in ("voc_person", "humanseg_web"):
            rows[f"{name} > 12 %"] = _mean(score_photos(predict, pictures, 0.12))
    return rows


def _mean(scored: Sequence[Scored]) -> dict[str, float]:
    return {
        "pictures": float(len(scored)),
        "iou": float(np.mean([s.iou for s in scored])) if scored else float("nan"),
        "boundary_f": float(np.mean([s.boundary_f for s in scored])) if scored else float("nan"),
        "mad": float(np.mean([s.mad for s in scored])) if scored else float("nan"),
    }


def composited_clips(folder: Path) -> Iterator[tuple[Path, Path]]:
    """(clip, its true matte) pairs: ``NAME.mp4`` beside ``NAME_alpha.mkv``."""
    for clip in sorted(folder.glob("*.mp4")):
        matte = clip.with_name(f"{clip.stem}_alpha.mkv")
        if matte.is_file():
            yield clip, matte


def worst_sheet(predict: Predictor, scored: Sequence[Scored], count: int = 24) -> Image:
    """The worst pictures, each as input, truth, prediction and error, for human eyes."""
    cells = []
    for score in sorted(scored, key=lambda s: s.iou)[:count]:
        image, truth, _ = read_photo(score.picture)
        alpha = predict_letterboxed(predict, image)
        panels = [image, *(_grey(plane) for plane in (truth, alpha, np.abs(alpha - truth)))]
        strip = np.hstack([cv2.resize(panel, (120, 150)) for panel in panels])
        label = f"{score.picture.image.parent.parent.name}/{score.picture.image.stem}"
        cv2.putText(
            strip, f"{label} {score.iou:.2f}", (4, 12), cv2.FONT_HERSHEY_PLAIN, 0.8, (0, 0, 255), 1
        )
        cells.append(strip)
    if not cells:
        return np.zeros((150, 480, 3), np.uint8)
    while len(cells) % 3:
        cells.append(np.zeros_like(cells[0]))
    return np.vstack([np.hstack(cells[i : i + 3]) for i in range(0, len(cells), 3)])


def _grey(plane: Plane) -> Image:
    return cv2.cvtColor((plane * 255).astype(np.uint8), cv2.COLOR_GRAY2BGR)


def table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """The rows as a Markdown table."""
    columns = list(dict.fromkeys(key for row in rows.values() for key in row))
    lines = [f"| set | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for name, row in rows.items():
        cells = [_cell(key, row[key]) if key in row else "" for key in columns]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(key: str, value: float) -> str:
    return f"{value:.0f}" if key == "pictures" else f"{value:.4f}"
