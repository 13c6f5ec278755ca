"""The worst photos in the model card: which sets they are of, and how they fail."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from bgblur.frame import Alpha, Image
from bgblur.training.data.sets import Picture
from bgblur.training.evaluate.evaluation import Scored, score_photos
from bgblur.training.evaluate.worst import worst, worst_section


def one(name: str, iou: float, share: float, missed: float, added: float) -> Scored:
    picture = Picture(Path("train") / name / "images" / "1.jpg")
    return Scored(picture, share, iou, 0, 0, 0, 0, 0, missed, added)


SCORED = [
    one("ccp", 0.9, 0.3, 0.1, 0.0),
    one("voc_person", 0.2, 0.05, 0.8, 0.0),
    one("voc_person", 0.4, 0.3, 0.2, 0.6),
    one("eg1800", 0.5, 0.1, 0.5, 0.3),
]


def test_the_worst_are_counted_by_set_and_by_the_way_they_fail() -> None:
    assert [s.iou for s in worst(SCORED, 3)] == [0.2, 0.4, 0.5]
    assert worst_section(SCORED[1:], 288, "Riders.") == (
        "At input height 288, IoU 0.20 to 0.50: voc_person 2, eg1800 1. In 1 of them people cover "
        "less than 12% of the frame. 2 miss more of the person than they add, 1 the other way "
        "round. In the mean 50% of the person is missed, and 30% of the person's area is added."
        "\n\nRiders."
    )
    assert worst_section([], 288, "") == ""


@pytest.mark.parametrize(
    ("columns", "missed", "added"), [(0, 1, 0), (4, 0, 0), (2, 0.5, 0), (8, 0, 1)]
)
def test_what_is_missed_and_what_is_added(
    tmp_path: Path, columns: int, missed: float, added: float
) -> None:
    folder = tmp_path / "train" / "eg1800"
    truth = np.zeros((8, 8), np.uint8)
    truth[:, :4] = 255
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    picture = Picture(folder / "images" / "1.png", folder / "masks" / "1.png")
    cv2.imwrite(str(picture.image), np.full((8, 8, 3), 9, np.uint8))
    cv2.imwrite(str(picture.mask), truth)

    def predict(image: Image) -> Alpha:
        alpha = np.zeros(image.shape[:2], np.float32)
        alpha[:, :columns] = 1
        return alpha

    (scored,) = score_photos(predict, [picture], shown=lambda predict, image: predict(image))
    assert (scored.missed, scored.added) == (missed, added)
    assert scored.set_name == "eg1800"
