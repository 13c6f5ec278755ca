"""The model card: what the model is, what it was made from, how good it is and where it fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bgblur.training.evaluate.evaluation import LARGE, LEAK, MEAN, ROOMS, Figures, Rows, large_row
from bgblur.training.evaluate.tables import figures_tables, table
from bgblur.training.evaluate.targets import Verdict, verdict_table


@dataclass(frozen=True)
class Report:
    """One evaluation; ``training`` is the recipe's summary, ``heights`` by input height."""

    model: str
    sha256: str
    size: int  # bytes
    training: str
    device: str
    precision: str
    heights: dict[int, Figures]
    verdicts: list[Verdict]
    other: str = ""  # the file of a second model
    beside: dict[int, Rows] = field(default_factory=dict)  # of ``compare``, by input height

    def as_json(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "sha256": self.sha256,
            "size": self.size,
            "training": self.training,
            "device": self.device,
            "precision": self.precision,
            "heights": {
                str(height): {"photos": f.photos, "clips": f.clips, "rooms": f.rooms}
                for height, f in self.heights.items()
            },
            "targets": [
                {**v.target.model_dump(exclude_none=True), "value": v.value, "met": v.met}
                for v in self.verdicts
            ],
            "other": self.other,
            "beside": {str(height): rows for height, rows in self.beside.items()},
        }


@dataclass(frozen=True)
class Origin:
    folder: str
    what: str
    source: str
    terms: str


ORIGINS = (
    Origin(
        "train/eg1800",
        "1341 portraits, 448 px",
        'EG1800: Shen et al., "Automatic Portrait Segmentation for Image Stylization", '
        "Eurographics 2016; from Flickr",
        "research",
    ),
    Origin(
        "train/voc_person",
        "592 photos with people, outlines ignored",
        "PASCAL VOC: Everingham et al., segmentation labels",
        "Flickr's terms, research",
    ),
    Origin(
        "train/ccp",
        "1004 full-body street photos; bags and accessories count as the person",
        "Clothing Co-Parsing: Yang, Luo, Lin, CVPR 2014",
        "research",
    ),
    Origin(
        "train/humanseg_web",
        "176 web and GRAZ-01 photos, masks made by a commercial tool",
        "Human Segmentation Dataset: V. Shenoy 2019",
        "not stated",
    ),
    Origin(
        "train/face_synthetics",
        "66 rendered heads",
        'FaceSynthetics: Wood et al., "Fake It Till You Make It", ICCV 2021',
        "research, non-commercial",
    ),
    Origin(
        "train/viton_cutouts",
        "2000 half-body cut-outs from shop photos, masks repaired by backdrop colour",
        "VITON: Han et al., CVPR 2018",
        "research",
    ),
    Origin(
        "backgrounds/rooms_small",
        "1500 rooms, 224 px, those with people dropped automatically",
        "SUN RGB-D: Song et al., CVPR 2015",
        "research",
    ),
    Origin(
        "backgrounds/rooms_large",
        "500 interiors",
        "Houses dataset: Ahmed and Moustafa 2016",
        "not stated",
    ),
    Origin(
        "video/composited (evaluation only)",
        "5 speakers keyed from a blue wall and laid over rooms, mattes automatic",
        "GRID corpus: Cooke et al. 2006",
        "CC-BY 4.0",
    ),
)

_FLOAT = """\
A TorchScript file: U-Net with half-precision weights, resizing, normalisation and sigmoid inside.
It needs torch and nothing else, and may be cast to fp16, bf16 or fp32."""

_INT8 = """\
A TorchScript file: U-Net in int8 (post-training static quantization, weights by channel; ranges
from training pictures), resizing, normalisation and sigmoid inside. It needs torch and nothing
else, and runs on x86 processors alone."""

_CONTRACT = """\
- Call: `module(image, input_height)`.
- `image`: `uint8` tensor (H, W, 3), BGR, any size. `input_height`: int; the network sees the
  picture this high and as wide as its shape asks, both rounded to multiples of 32.
- Returns alpha: `float32` (h, w) in 0..1 at the network's resolution, 1 = person.
- The archive's extra file `bgblur.json` names this contract's version and how it was trained."""

_KNOWN_LIMITS = """\
- The photos are mostly portraits and fashion pictures. Skin tone, age, headwear and wheelchairs
  were neither balanced nor measured: expect bias.
- The truth is no better than its masks: outlines in EG1800 and CCP are soft from scaling, web and
  shop masks were made by tools, VOC leaves outlines out. Hair is coarse; this is no hair matting.
- What people carry is not consistent between the sets (CCP counts bags as the person, others do
  not), so a held object may stay sharp, blur, or change.
- The clips with true mattes are composites of seated speakers; their mattes are slightly loose at
  hair. There was no test with a green screen or in a real room with known truth.
- Pictures of people (posters, screens), mannequins and people behind the user can be taken for the
  person."""


_BESIDE = """\
The other model's IoU on the same pictures and clips, and this one's less the other's; that lies
between low and high with 90 % certainty, as far as so few pictures stand for all (bootstrap over
pairs)."""


def model_card(report: Report) -> str:
    """Markdown."""
    sections = {
        f"Model card: {report.model}": f"{_INT8 if report.precision == 'int8' else _FLOAT}\n\n"
        f"{_CONTRACT}\n\n"
        f"{report.size / 1e6:.1f} MB, SHA-256 `{report.sha256}`.",
        "Training": f"{report.training or 'Not noted in the file.'}\n\n"
        "People are cut, turned, relit and laid over rooms at random. A tenth of every set was "
        "held out by a fixed seed; the figures below are on that tenth.",
        "Data": "None of these pictures is in the repository. Terms are as far as they are "
        f"known; who uses the model should weigh them.\n\n{_origins()}",
        "Figures": _figures(report),
        "Known limits": "\n".join([*_measured_limits(report), _KNOWN_LIMITS]),
    }
    parts = [
        f"{'##' if number else '#'} {title}\n\n{text}"
        for number, (title, text) in enumerate(sections.items())
    ]
    return "\n\n".join(parts) + "\n"


def _origins() -> str:
    lines = ["| set | what | origin | terms |", "|---|---|---|---|"]
    lines += [f"| {o.folder} | {o.what} | {o.source} | {o.terms} |" for o in ORIGINS]
    return "\n".join(lines)


def _figures(report: Report) -> str:
    parts = [
        f"Measured on {report.device} in {report.precision}, as the daemon runs it: edges refined, "
        "clips smoothed. Photos are letterboxed to 16:9. IoU at 0.5; boundary F within 0.6 % of "
        "the diagonal; MAD: mean absolute difference; dtSSD: flicker, times 100; leak: share of "
        f"pixels of an empty room with alpha above {LEAK:g}. The thresholds of certainty, "
        "the smoothing and the second look were chosen on these same pictures and clips."
    ]
    for height, figures in report.heights.items():
        parts.append(f"### Input height {height}\n\n{figures_tables(figures)}")
    if report.beside:
        parts.append(f"### Beside {report.other}\n\n{_BESIDE}")
    for height, rows in report.beside.items():
        parts.append(table(f"input height {height}", rows))
    if report.verdicts:
        parts.append(f"### What it must reach\n\n{verdict_table(report.verdicts)}")
    return "\n\n".join(parts)


def _measured_limits(report: Report) -> list[str]:
    """What the figures themselves say, at the largest input height."""
    height = max(report.heights)
    figures = report.heights[height]
    lines = [
        f"- Not reached: {_missed(verdict)}." for verdict in report.verdicts if not verdict.met
    ]
    lines += _hard_photos(figures.photos, height)
    clips = {name: row["iou"] for name, row in figures.clips.items() if name != MEAN}
    if clips:
        worst = min(clips, key=lambda name: clips[name])
        lines.append(
            f"- In clips IoU falls to {clips[worst]:.3f} ({worst}, input height {height})."
        )
    if figures.rooms:
        lines.append(
            f"- {figures.rooms[ROOMS]['leak']:.1%} of an empty room is taken for a person and "
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


def write_card(report: Report, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(model_card(report), encoding="utf-8")
