"""Recipe files with several stages."""

from __future__ import annotations

from pathlib import Path

import pytest

from bgblur.training.data.sets import DataError
from bgblur.training.fit.recipe import Recipe
from bgblur.training.fit.stages import load_recipe, load_stages

FILE = """
[model]
decoder = "light"
decoder_channels = [32, 16, 16, 8, 8]
decoder_blocks = [1, 0, 0, 0, 0]
[run]
weight_decay = 0.05
workers = 0
[data]
composited = 0.4
[[stage]]
name = "first"
note = "Begun at night."
model.decoder_blocks = []
run = { steps = 10, weight_decay = 0.01 }
phase = [{ until = 1.0, batch = 2, sizes = [[32, 64]] }]
[[stage]]
name = "second"
run.steps = 20
data.empty = 0.2
phase = [{ until = 1.0, batch = 4, sizes = [[64, 64]] }]
"""
PLAIN = """
[run]
steps = 10
[[phase]]
until = 1.0
batch = 2
sizes = [[32, 64]]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_shared_sections_hold_where_a_stage_says_nothing_else(tmp_path: Path) -> None:
    first, second = load_stages(written(tmp_path, FILE))
    assert (first.run.steps, first.run.weight_decay, first.run.workers) == (10, 0.01, 0)
    assert (second.run.steps, second.run.weight_decay, second.run.workers) == (20, 0.05, 0)
    assert (first.model.decoder_blocks, second.model.decoder_blocks) == ((), (1, 0, 0, 0, 0))
    assert second.model.grows_from(first.model)
    assert (first.data.composited, first.data.empty) == (0.4, 0.04)
    assert (second.data.composited, second.data.empty) == (0.4, 0.2)
    record = first.record(3)
    assert (record.name, record.note, record.steps) == ("first", "Begun at night.", 3)


def test_a_stage_is_chosen_by_name_or_as_the_last(tmp_path: Path) -> None:
    path = written(tmp_path, FILE)
    names = [load_recipe(path, wanted).name for wanted in (None, "first", "second", "last")]
    assert names == ["first", "first", "second", "second"]
    with pytest.raises(DataError, match='no stage "third": choose one of first, second, last'):
        load_recipe(path, "third")


def test_a_file_without_stages_is_one(tmp_path: Path) -> None:
    (recipe,) = load_stages(written(tmp_path, PLAIN))
    assert recipe == Recipe.model_validate(recipe.model_dump())
    assert load_recipe(written(tmp_path, PLAIN), "last") == recipe


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('name = "second"', 'name = "first"'), "a name of its own"),
        (('name = "second"', 'name = "last"'), "a name of its own"),
        (('name = "second"', ""), "a name of its own"),
        (('name = "second"', 'name = "../run"'), r"stage\.1\.name: .*pattern"),
        (("run.steps = 20", ""), r"stage\.1\.run\.steps: Field required"),
        (("run.steps = 20", "run = 20"), r"stage\.1\.run: "),
        (("[model]", "[modle]"), r"modle: Extra inputs"),
        (("workers = 0", "worker = 0"), r"run\.worker: Extra inputs"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    text = FILE.replace(*change)
    assert text != FILE
    with pytest.raises(DataError, match=says) as raised:
        load_stages(written(tmp_path, text))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["stage = []", 'stage = "first"', "stage = [1]"])
def test_no_stage_at_all(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"recipe\.toml: stage"):
        load_stages(written(tmp_path, text))
