"""Loading an engine: what a quality loads, and how many threads it gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.model_files import BRIGHT_AT_ITS_HEIGHT, write_model
from support.scenes import portrait

from bgblur.config.settings import EngineSettings
from bgblur.pipeline import engines
from bgblur.pipeline.engines import load_engine
from bgblur.segmentation import engine_openvino
from bgblur.segmentation.engine import Engine
from bgblur.segmentation.engine_mirrored import MirroredEngine
from bgblur.segmentation.quality import Quality, planned


def test_openvino_in_each_quality() -> None:
    settings = EngineSettings(device="cpu", model="unet-lite")
    image = portrait(320, 180)
    fast, balanced, best = (
        load_engine(settings, quality=quality) for quality in ("fast", "balanced", "best")
    )
    loaded: list[tuple[Engine, Quality]] = [(balanced, "balanced"), (best, "best")]
    for engine, quality in loaded:
        assert engine.input_height == planned(settings, quality, "cpu")[0].input_height
        assert engine.infer(image).shape[0] == engine.input_height
    assert fast.input_height == 160
    assert [isinstance(e, MirroredEngine) for e in (fast, balanced, best)] == [False, False, True]
    assert best.precision == "fp32"
    mirrored = best.infer(np.ascontiguousarray(image[:, ::-1]))
    np.testing.assert_allclose(mirrored[:, ::-1], best.infer(image), atol=1e-3)
    assert np.abs(fast.infer(image) - fast.infer(image[:, ::-1].copy())[:, ::-1]).max() > 1e-2


def test_torchscript_in_each_quality(tmp_path: Path) -> None:
    model = str(write_model(tmp_path / "own.ts", BRIGHT_AT_ITS_HEIGHT))
    settings = EngineSettings(device="cpu", model=model)
    wanted: tuple[Quality, ...] = ("balanced", "best")
    for quality in wanted:
        engine = load_engine(settings, quality=quality)
        assert engine.input_height == planned(settings, quality, "cpu")[0].input_height
        assert engine.infer(portrait(320, 180)).shape[0] == engine.input_height
        assert isinstance(engine, MirroredEngine) == (quality == "best")
    assert engine.precision == "fp32"


@pytest.mark.parametrize(
    ("arguments", "threads"),
    [
        ({"live": True, "spare_core": True}, 1),
        ({"spare_core": True}, 6),
        ({"spare_core": True, "share": 4}, 4),
        ({"spare_core": True, "share": 1}, 1),
        ({}, 6),
        ({"share": 2}, 2),
    ],
)
def test_threads(monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], threads: int) -> None:
    """Workers that took every core each would get in each other's way."""
    given = []
    monkeypatch.setattr(engines, "cores", lambda: 6)
    monkeypatch.setattr(engine_openvino, "OpenVinoEngine", lambda *all_of: given.append(all_of[3]))
    load_engine(EngineSettings(device="cpu"), **arguments)
    assert given == [threads]
