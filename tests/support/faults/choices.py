"""What the random faults choose from."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from bgblur.compositing.look import Look
from bgblur.imaging.canvas import Canvas
from bgblur.imaging.geometry import Geometry
from bgblur.segmentation.options import MaskOptions
from support.faults.model import RUNGS, Pace
from support.pipeline_parts import SHARP

GREY = np.full((90, 160, 3), 90, np.uint8)
HIDING = st.one_of(
    st.builds(Look, strength=st.integers(1, 100), mirror=st.booleans()),
    st.just(Look(mode="color", color=(90, 90, 90))),
    st.just(Look(mode="image", picture=GREY, light_wrap=0.5)),
)
RAW = [Look(strength=0), Look(mode="none"), Look(mode="none", mirror=True)]
MASKS = [SHARP, MaskOptions(), MaskOptions(feather=0.5)]

# Seconds of an inference at 160 rows: from 300 a second to fewer than four at the highest rung.
SECONDS = [0.0, 0.003, 0.02, 0.05, 0.08]
RESTS = [1, 4, 8, 25, 25]  # frames for which the person stays in one place
PACES = st.builds(
    Pace, st.sampled_from(RUNGS), st.booleans(), st.sampled_from(SECONDS), st.booleans()
)

# (geometry, canvas, whether it follows). Each order of another mask, model
# or output takes the next, so that what hypothesis draws stays the same.
FRAMINGS = [
    (Geometry(zoom=2.0, center=(0.3, 0.4)), Canvas(), True),
    (Geometry(90), Canvas(180, 320), False),
    (Geometry(270, "vertical", 1.3), Canvas(320, 180), True),
    (Geometry(180, "horizontal", 4.0, (1.0, 0.0)), Canvas(402, 180, "cover", (10, 10, 10)), False),
    (Geometry(), Canvas(), False),
    (Geometry(90), Canvas(320, fit="cover"), True),
]
