"""The cache of the fitted background: made again only when what it is made of changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bgblur.compositing.backdrop import BackdropCache
from bgblur.compositing.look import Look

PICTURE = np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3)
LOOKS = [Look("image", picture=PICTURE), Look("color", color=(1, 2, 3))]


@pytest.mark.parametrize("look", LOOKS, ids=["image", "color"])
@pytest.mark.parametrize("values", [{}, {"strength": 7}, {"light_wrap": 0.9}])
def test_a_new_look_with_the_same_background_keeps_it(look: Look, values: dict[str, Any]) -> None:
    cache = BackdropCache()
    first = cache.backdrop(look, 32, 24, 0.0)
    assert first is not None
    assert cache.backdrop(replace(look, **values), 32, 24, 1.0) is first


@pytest.mark.parametrize(
    ("look", "values"),
    [
        (LOOKS[0], {"picture": PICTURE.copy()}),
        (LOOKS[0], {"mirror": True}),
        (LOOKS[0], {"mode": "color"}),
        (LOOKS[1], {"color": (3, 2, 1)}),
        (LOOKS[1], {"mode": "image", "picture": PICTURE}),
    ],
)
def test_another_background_is_fitted(look: Look, values: dict[str, Any]) -> None:
    cache = BackdropCache()
    first = cache.backdrop(look, 32, 24, 0.0)
    other = replace(look, **values)
    made = cache.backdrop(other, 32, 24, 0.0)
    fresh = BackdropCache().backdrop(other, 32, 24, 0.0)
    assert first is not None
    assert made is not None
    assert fresh is not None
    assert made is not first
    assert np.array_equal(made.picture, fresh.picture)


@pytest.mark.parametrize("look", LOOKS, ids=["image", "color"])
def test_another_size_is_fitted_again(look: Look) -> None:
    cache = BackdropCache()
    for width, height in ((32, 24), (24, 32), (32, 24)):
        made = cache.backdrop(look, width, height, 0.0)
        assert made is not None
        assert made.picture.shape == (height, width, 3)


def test_a_blurred_room_has_none() -> None:
    cache = BackdropCache()
    assert cache.backdrop(LOOKS[0], 32, 24, 0.0) is not None
    assert cache.backdrop(Look("blur", picture=PICTURE), 32, 24, 0.0) is None
    assert cache.backdrop(Look("image"), 32, 24, 0.0) is None
