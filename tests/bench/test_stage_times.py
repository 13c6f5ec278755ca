from __future__ import annotations

import cv2

from bgblur.bench.stages import stage_times


def test_each_size_has_the_times_of_its_stages() -> None:
    threads = cv2.getNumThreads()
    found = stage_times([(320, 180), (640, 360)], None, 96, strength=60, frames=16)
    assert len(found) == 2
    for times in found:
        assert times.keys() >= {"motion", "smoothing", "edges", "blur"}
        assert "inference" not in times
        parts = sum(took for stage, took in times.items() if stage not in ("least", "median"))
        assert 0 < times["least"] <= times["median"]
        assert parts < 3 * times["median"]
    assert found[0]["least"] < found[1]["least"]
    assert cv2.getNumThreads() == threads
