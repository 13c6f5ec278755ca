"""Corruptions of pictures grow with their severity, and their table shows what they cost."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.model_files import BRIGHT_AT_ITS_HEIGHT, write_model
from support.training.data import write_tree

from bgblur.errors import UsageError
from bgblur.training.commands.robustness import robustness
from bgblur.training.evaluate.corruptions import CORRUPTIONS, SEVERITIES, Sample, corrupted


def _sample() -> Sample:
    rng = np.random.default_rng(5)
    image = rng.integers(40, 200, (12, 16, 3), dtype=np.uint8).repeat(20, 0).repeat(20, 1)
    truth = np.zeros(image.shape[:2], np.float32)
    truth[60:, 100:220] = 1
    return Sample(image, truth, np.ones(truth.shape, np.bool_))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_higher_severity_changes_the_picture_more(name: str) -> None:
    sample = _sample()
    before = sample.image.astype(float)
    changed = [corrupted(sample, name, severity, 3).image for severity in SEVERITIES]
    changes = [float(np.abs(image - before).mean()) for image in changed]
    assert changes[0] > 1
    assert changes == sorted(changes)
    assert len(set(changes)) == len(changes)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_is_the_same_each_time(name: str) -> None:
    first, second = (corrupted(_sample(), name, 4, 9) for _ in range(2))
    np.testing.assert_array_equal(first.image, second.image)


def test_a_fisheye_bends_picture_and_truth_alike() -> None:
    sample = _sample()
    marked = Sample(np.uint8(200) * (sample.truth > 0.5)[..., None].repeat(3, 2), *_rest(sample))
    bent = corrupted(marked, "fisheye", 5, 0)
    assert not bent.valid[0, 0]
    assert bent.valid[120, 160]
    person = bent.image[..., 0] > 100
    assert np.count_nonzero(person != (bent.truth > 0.5)) <= 0.02 * np.count_nonzero(person)
    assert np.count_nonzero(person) < 0.9 * np.count_nonzero(marked.truth > 0.5)


def _rest(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    return sample.truth, sample.valid


def test_the_table_shows_what_the_darkness_costs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_tree(tmp_path / "data")
    bright = str(write_model(tmp_path / "bright.ts", BRIGHT_AT_ITS_HEIGHT))
    json_file = tmp_path / "robustness.json"
    robustness([bright], data, "eg1800", "report", 96, "cpu", 2, json_file)
    assert "| darkness and noise |" in capsys.readouterr().out
    rows = json.loads(json_file.read_text("utf-8"))[bright]
    assert rows["darkness and noise"]["5"] < rows["darkness and noise"]["clean"]
    assert set(rows) == set(CORRUPTIONS)


def test_an_unknown_set_is_one_line(tmp_path: Path) -> None:
    data = write_tree(tmp_path / "data")
    with pytest.raises(UsageError, match=r'no set "nobody" in .*, only eg1800'):
        robustness(["unet-lite"], data, "nobody")
