from __future__ import annotations

from pathlib import Path

import pytest

from bgblur.training.data.sets import DataError
from bgblur.training.fit.recipe import Recipe
from bgblur.training.fit.stages import load_recipe, load_stages

SHIPPED = Path(__file__).resolve().parents[3] / "configs" / "training" / "unet-resnet18.toml"
GOOD = """
[run]
steps = 10
[[phase]]
until = 1.0
batch = 2
sizes = [[32, 64]]
"""


def load(folder: Path, text: str) -> Recipe:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return load_recipe(path)


RECIPES = [
    pytest.param(recipe, id=f"{path.stem}-{recipe.name}")
    for path in sorted(SHIPPED.parent.glob("*.toml"))
    if path.stem != "targets"
    for recipe in load_stages(path)
]


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_loads_and_survives_a_checkpoint(recipe: Recipe) -> None:
    assert recipe.phases[-1].until == 1
    assert sum(weight for _, weight in recipe.data.mix.set_weights) == pytest.approx(1)
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe


def test_defaults(tmp_path: Path) -> None:
    recipe = load(tmp_path, GOOD)
    assert (recipe.model.encoder, recipe.run.precision) == ("resnet18", "bf16-mixed")
    assert recipe.phases[0].sizes == ((32, 64),)


def test_the_record_says_how(tmp_path: Path) -> None:
    stage = load(tmp_path, GOOD).record(7)
    assert (stage.steps, stage.planned_steps, stage.seed) == (7, 10, 1)
    assert (stage.precision, stage.start, stage.teacher) == ("bf16-mixed", "scratch", None)
    assert [(phase.batch, phase.sizes) for phase in stage.phases] == [(2, ((32, 64),))]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("steps = 10", ""), r"run\.steps: Field required"),
        (("steps = 10", "steps = 0"), r"run\.steps: .*greater than 0"),
        (("steps = 10", "steps = 10\nspeed = 2"), r"run\.speed: Extra inputs"),
        (("steps = 10", 'steps = 10\nprecision = "fp8"'), r"run\.precision: .*32-true"),
        (("steps = 10", "steps = 10\ncheckpoint_every = 0"), r"run\.checkpoint_every"),
        (("[[32, 64]]", "[[33, 64]]"), r"phase\.0\.sizes\.0\.0: .*multiple of 32"),
        (("[[32, 64]]", "[]"), r"phase\.0\.sizes: .*at least 1"),
        (("until = 1.0", "until = 0.9"), r"phase: .*until.*final 1\.0"),
        (("[run]", "[data]\nset_weights = { voc = 1.0 }\n[run]"), r'no set "voc", only eg1800'),
        (("[run]", "[data]\ncomposited = 0.7\nempty = 0.5\n[run]"), r"data: .*together"),
        (("steps = 10", "steps = "), "not valid TOML"),
    ],
)
def test_a_wrong_recipe_is_one_line(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    with pytest.raises(DataError, match=says) as raised:
        load(tmp_path, GOOD.replace(*change))
    assert "\n" not in str(raised.value)
    assert "recipe.toml" in str(raised.value)


def test_phases_must_go_forward(tmp_path: Path) -> None:
    phase = GOOD[GOOD.index("[[phase]]") :]
    with pytest.raises(DataError, match="must be larger than the last"):
        load(tmp_path, GOOD + phase)


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        load_recipe(tmp_path / "none.toml")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not valid TOML"):
        load_recipe(binary)
