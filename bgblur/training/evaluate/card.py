"""The model card: what the model is, how and on what it was trained, its figures, its limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bgblur.segmentation.contract import Contract
from bgblur.training.data.split import Half
from bgblur.training.evaluate.evaluation import LARGE, LEAK, MEAN, ROOMS, Figures, Rows, large_row
from bgblur.training.evaluate.origins import TEACHERS, origins_table
from bgblur.training.evaluate.tables import heights_tables, table
from bgblur.training.evaluate.targets import Verdict, verdict_table
from bgblur.training.evaluate.training_table import training_section
from bgblur.training.evaluate.worst import worst_section


@dataclass(frozen=True)
class Evaluation:
    """What one run of scripts/evaluate.py measured; ``heights`` by input height."""

    model: str
    sha256: str
    size: int  # bytes
    history: Contract  # of its training
    device: str
    precision: str
    half: Half
    heights: dict[int, Figures]
    verdicts: list[Verdict]
    other: str = ""  # the file of a second model
    beside: dict[int, Rows] = field(default_factory=dict)  # of ``compare``, by input height
    seen: str = ""  # on the sheet of the worst photos

    def as_json(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "sha256": self.sha256,
            "size": self.size,
            "training": self.history.model_dump(mode="json", include={"model", "stages", "note"}),
            "device": self.device,
            "precision": self.precision,
            "half": self.half,
            "heights": {
                str(height): {
                    "photos": f.photos,
                    "sizes": f.sizes,
                    "clips": f.clips,
                    "rooms": f.rooms,
                }
                for height, f in self.heights.items()
            },
            "targets": [
                {**v.target.model_dump(exclude_none=True), "value": v.value, "met": v.met}
                for v in self.verdicts
            ],
            "other": self.other,
            "beside": {str(height): rows for height, rows in self.beside.items()},
        }


_QUANTIZED = """\
in int8 (post-training static quantization, weights by channel; ranges
from training pictures)"""

_FLOAT = """\
A TorchScript file: U-Net with half-precision weights, resizing, normalisation and sigmoid inside.
It needs torch and nothing else, and may be cast to fp16, bf16 or fp32."""

_INT8 = f"""\
A TorchScript file: U-Net {_QUANTIZED}, resizing, normalisation and sigmoid inside.
It needs torch and nothing else, and runs on x86 processors only."""

_IR = """\
OpenVINO's IR, for processors: U-Net {weights}, normalisation and sigmoid
inside. It is two files, an .xml and a .bin, and needs openvino and nothing else.

- Input: `float32` (1, 3, h, w), BGR, 0..255; h and w are multiples of 32.
- Output: alpha, `float32` (1, 1, h, w) in 0..1, 1 = person.
- The .xml's runtime information `bgblur` holds the version of this contract, the network's shape
  and every stage of its training."""

_CONTRACT = """\
- Call: `module(image, input_height)`.
- `image`: `uint8` tensor (H, W, 3), BGR, any size. `input_height`: int; the network sees the
  picture this high and as wide as its shape asks, both rounded to multiples of 32.
- Returns alpha: `float32` (h, w) in 0..1 at the network's resolution, 1 = person.
- The archive's extra file `bgblur.json` holds the version of this contract, the network's shape and
  every stage of its training."""

_KNOWN_LIMITS = """\
- The photos are mostly portraits and fashion pictures. Skin tone, age, headwear and wheelchairs
  were neither balanced nor measured: expect bias.
- The masks limit what can be learnt and measured: outlines in EG1800 and CCP are soft from scaling,
  web and shop masks were made by tools, VOC leaves outlines out; of masks by teachers, what both
  teachers miss is not counted. Sets of few pictures say little. Hair is coarse: the model does no
  hair matting.
- The sets do not agree about things that people carry (CCP counts bags as the person, others do
  not), so a held object may stay sharp, blur, or change.
- The clips with true mattes are composites of seated speakers; their mattes are slightly loose at
  hair. No test used a green screen, or a real room with a known matte.
- The model can mistake pictures of people (posters, screens), mannequins and people behind the user
  for the person."""


_HALVES: dict[Half, str] = {
    "report": """\
The pictures are those of the half "report" of what was held out (bgblur/training/data/split.py),
and the data's folder report/. No near-duplicate of theirs is trained on, and nothing is chosen on
them since 29 November 2026. Earlier, the smoothing, the thresholds of certainty, the second
look and the averages of weights were chosen on both halves of eg1800, voc_person, ccp,
humanseg_web, face_synthetics, the rooms and the clips; the other sets served for no choice.""",
    "tune": """\
The pictures are those of the half "tune" of what was held out, on which settings are chosen:
expect a little less elsewhere.""",
}

_RUNGS = """\
"auto" moves between these heights by the load."""

_BESIDE = """\
IoU of the other model on the same pictures and clips, and the difference: IoU of this model minus
that of the other. Low and high bound the difference with 90 % certainty (bootstrap over pairs), as
far as so few pictures are representative."""


def model_card(evaluation: Evaluation) -> str:
    """Markdown."""
    sections = {
        f"Model card: {evaluation.model}": f"{_kind(evaluation)}\n\n"
        f"{evaluation.size / 1e6:.1f} MB, SHA-256 `{evaluation.sha256}`.",
        "Training": f"{training_section(evaluation.history)}\n\n"
        "People are cut out, rotated, relit and composited over rooms at random. A tenth of every "
        "set was held out by a fixed seed.",
        "Data": "None of these pictures is in the repository. The terms are as far as they are "
        f"known; check them before you use the model.\n\n{origins_table()}\n\n{TEACHERS}",
        "Figures": _figures(evaluation),
        "The worst photos": _worst(evaluation),
        "Known limits": "\n".join([*_measured_limits(evaluation), _KNOWN_LIMITS]),
    }
    parts = [
        f"{'##' if number else '#'} {title}\n\n{text}"
        for number, (title, text) in enumerate(sections.items())
    ]
    return "\n\n".join(parts) + "\n"


def _kind(evaluation: Evaluation) -> str:
    int8 = evaluation.precision == "int8"
    if evaluation.model.endswith(".xml"):
        return _IR.format(weights=_QUANTIZED if int8 else "with half-precision weights")
    return f"{_INT8 if int8 else _FLOAT}\n\n{_CONTRACT}"


def _figures(evaluation: Evaluation) -> str:
    parts = [
        f"Measured on {evaluation.device} in {evaluation.precision}, as the daemon runs it: edges "
        "refined, clips smoothed. Photos are letterboxed to 16:9. IoU at 0.5, with 90 % "
        "bounds by bootstrap over the pictures; boundary F within 0.6 % of the diagonal; MAD: mean "
        "absolute difference, also in the band where the true alpha is soft or an outline is near; "
        "people by their share of the frame: of VOC, COCO and web photos; dtSSD: flicker, times "
        f"100; leak: share of pixels of an empty room with alpha above {LEAK:g}. "
        f"{_HALVES[evaluation.half]}",
        f"### By input height\n\n{_RUNGS}\n\n{heights_tables(evaluation.heights)}",
    ]
    if evaluation.beside:
        parts.append(f"### Beside {evaluation.other}\n\n{_BESIDE}")
    for height, rows in evaluation.beside.items():
        parts.append(table(f"input height {height}", rows))
    if evaluation.verdicts:
        parts.append(f"### What it must reach\n\n{verdict_table(evaluation.verdicts)}")
    return "\n\n".join(parts)


def _worst(evaluation: Evaluation) -> str:
    height = max(evaluation.heights)
    return worst_section(evaluation.heights[height].scored, height, evaluation.seen)


def _measured_limits(evaluation: Evaluation) -> list[str]:
    """The limits that the figures show, at the largest input height."""
    height = max(evaluation.heights)
    figures = evaluation.heights[height]
    lines = [
        f"- Not reached: {_missed(verdict)}." for verdict in evaluation.verdicts if not verdict.met
    ]
    lines += _hard_photos(figures.photos, height)
    clips = {name: row["iou"] for name, row in figures.clips.items() if name != MEAN}
    if clips:
        worst = min(clips, key=lambda name: clips[name])
        lines.append(
            f"- In clips IoU falls to {clips[worst]:.3f} ({worst}, input height {height})."
        )
    if ROOMS in figures.rooms:
        lines.append(
            f"- {figures.rooms[ROOMS]['leak']:.1%} of an empty room is mistaken for a person and "
            "may stay sharp."
        )
    return lines


def _missed(verdict: Verdict) -> str:
    target = verdict.target
    bound = f"at least {target.least:g}" if target.least is not None else f"at most {target.most:g}"
    return (
        f"{target.figure} of {target.row} at input height {target.input_height} is "
        f"{verdict.value:.4f}, and must be {bound}"
    )


def _hard_photos(photos: Rows, height: int) -> list[str]:
    lines = []
    gaps = [
        f"{row['iou']:.3f} against {large['iou']:.3f} on {name}"
        for name, row in photos.items()
        if (large := photos.get(large_row(name))) and large["iou"] > row["iou"]
    ]
    if gaps:
        lines.append(
            f"- Small or distant people are missed more often: IoU of all against those who cover "
            f"more than {LARGE:.0%} of the frame is {'; '.join(gaps)} (input height {height})."
        )
    if photos:
        worst = min(photos, key=lambda name: photos[name]["iou"])
        lines.append(f"- The hardest set is {worst}, with IoU {photos[worst]['iou']:.3f}.")
    return lines


def write_card(evaluation: Evaluation, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(model_card(evaluation), encoding="utf-8")
