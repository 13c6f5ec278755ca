"""Where the data sets of the shipped models come from, for the model card."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """A data set; ``terms`` as far as they are known."""

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


def origins_table() -> str:
    """Markdown."""
    lines = ["| set | what | origin | terms |", "|---|---|---|---|"]
    lines += [f"| {o.folder} | {o.what} | {o.source} | {o.terms} |" for o in ORIGINS]
    return "\n".join(lines)
