from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgblur.compositing.blur import plan_blur


@given(st.integers(1, 4000), st.integers(1, 4000), st.floats(0, 250))
def test_any_frame_has_a_plan(width: int, height: int, sigma: float) -> None:
    plan = plan_blur(width, height, sigma)
    assert 1 <= plan.width <= width
    assert 1 <= plan.height <= height
    assert len(plan.kernel) % 2 == 1
    assert plan.kernel.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(plan.kernel, plan.kernel[::-1], atol=1e-7)


@pytest.mark.parametrize("sigma", [4, 11.4, 34.2, 57])
def test_wide_blurs_are_computed_small(sigma: float) -> None:
    plan = plan_blur(1920, 1080, sigma)
    assert len(plan.kernel) <= 23
    taps = np.arange(len(plan.kernel)) - len(plan.kernel) // 2
    low_sigma = float(np.sqrt((plan.kernel * taps**2).sum()))
    assert low_sigma * 1080 / plan.height == pytest.approx(sigma, rel=0.05)
