"""Posters with people in held-out rooms: evaluate/posters.py."""

from __future__ import annotations

import numpy as np

from bgblur.frame import Alpha, Image
from bgblur.training.data.sets import Collection
from bgblur.training.evaluate.evaluation import POSTERS, room_rows
from bgblur.training.evaluate.posters import scenes, shown

pytest_plugins = ["support.training.evaluation"]


def no_person(image: Image) -> Alpha:
    return np.zeros(image.shape[:2], np.float32)


def test_a_person_on_a_poster_is_not_to_be_found(held_out: Collection) -> None:
    """Each predictor is judged on the same scenes, by the posters' pictures alone."""
    first, second = (list(scenes(held_out, 6)) for _ in range(2))
    assert len(first) == 6
    for (scene, seen), (again, where) in zip(first, second, strict=True):
        assert np.array_equal(scene, again)
        assert np.array_equal(seen, where)
        assert 0.005 < seen.mean() < 0.6

    def everything(image: Image) -> Alpha:
        return np.ones(image.shape[:2], np.float32)

    assert shown(no_person, held_out, 0.1, 6) == [0.0] * 6
    assert shown(everything, held_out, 0.1, 6) == [1.0] * 6
    assert room_rows(everything, held_out)[POSTERS]["leak"] == 1
