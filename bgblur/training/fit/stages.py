"""Recipe files: one TOML file for a network, with a ``[[stage]]`` for each stage of its training.

``[model]``, ``[run]`` and ``[data]`` hold for every stage; ``[stage.model]``, ``[stage.run]`` and
``[stage.data]`` name what differs in one. A file without ``[[stage]]`` is one stage.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from bgblur.training.data.sets import DataError
from bgblur.training.fit.recipe import Recipe, Section, load_toml

LAST = "last"  # the file's last stage, whatever its name
_SHARED = ("model", "run", "data")


class RecipeFile(Section):
    """All stages of a file, each with the shared sections merged into its own."""

    stage: Annotated[tuple[Recipe, ...], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _merged(cls, file: dict[str, Any]) -> dict[str, Any]:
        file = dict(file)
        shared = {key: file.pop(key) for key in _SHARED if key in file}
        stages = file.get("stage")
        if stages is None:  # one stage, whose keys stand at the top
            return {"stage": [{**shared, **file}]}
        if isinstance(stages, list):
            file["stage"] = [_with(shared, stage) for stage in stages]
        return file

    @field_validator("stage")
    @classmethod
    def _named(cls, stages: tuple[Recipe, ...]) -> tuple[Recipe, ...]:
        names = [stage.name for stage in stages]
        if len(stages) > 1 and ("" in names or LAST in names or len(set(names)) < len(names)):
            raise ValueError(f'each stage has a name of its own, and none is called "{LAST}"')
        return stages


def _with(shared: dict[str, Any], stage: object) -> object:
    """``stage`` with the shared sections under its own; pydantic refuses what is not a table."""
    if not isinstance(stage, dict):
        return stage
    merged = dict(stage)
    for key, section in shared.items():
        own = stage.get(key, {})
        if isinstance(section, dict) and isinstance(own, dict):
            merged[key] = {**section, **own}
        elif key not in stage:
            merged[key] = section
    return merged


def load_stages(path: Path) -> tuple[Recipe, ...]:
    """Raises DataError, in one line, on a file that is missing, not TOML, or not a recipe."""
    return load_toml(path, RecipeFile, "the recipe").stage


def load_recipe(path: Path, stage: str | None = None) -> Recipe:
    """The stage of that name, the last one for "last", the first one for None. Raises DataError."""
    stages = load_stages(path)
    return stages[index_of(stages, stage, path)]


def index_of(stages: tuple[Recipe, ...], wanted: str | None, path: Path) -> int:
    """The place of the stage ``wanted``, see ``load_recipe``. Raises DataError."""
    if wanted is None:
        return 0
    if wanted == LAST:
        return len(stages) - 1
    names = [stage.name for stage in stages]
    if wanted not in names:
        known = ", ".join([*filter(None, names), LAST])
        raise DataError(f'{path} has no stage "{wanted}": choose one of {known} with --stage')
    return names.index(wanted)
