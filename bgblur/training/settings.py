"""The training recipe: one TOML file, checked before anything is read or run."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from bgblur.training.augment import Mix
from bgblur.training.data import DataError
from bgblur.training.loader import Phase


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSettings(_Part):
    encoder: str = "resnet18"
    decoder_channels: tuple[int, ...] = (128, 64, 32, 16, 16)
    encoder_weights: str | None = None


class RunSettings(_Part):
    steps: int
    seed: int = 1
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    warmup_steps: int = 100
    ema_decay: float = 0.998
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "bf16-mixed"
    workers: int = 1
    checkpoint_every: int = 200
    validate_every: int = 500


class DataSettings(_Part):
    composited: float = 0.3
    empty: float = 0.04
    set_weights: dict[str, float] = dict(Mix().set_weights)

    @property
    def mix(self) -> Mix:
        return Mix(self.composited, self.empty, tuple(self.set_weights.items()))


class PhaseSettings(_Part):
    until: float
    batch: int
    sizes: tuple[tuple[int, int], ...]


class Recipe(_Part):
    """Sections ``[model] [run] [data]`` and one ``[[phase]]`` for each stretch of the run."""

    model: ModelSettings = ModelSettings()
    run: RunSettings
    data: DataSettings = DataSettings()
    phase: tuple[PhaseSettings, ...]

    @property
    def phases(self) -> tuple[Phase, ...]:
        return tuple(Phase(p.until, p.batch, p.sizes) for p in self.phase)


def load_recipe(path: Path) -> Recipe:
    """Raises DataError, in one line, on a file that is missing, not TOML, or not a recipe."""
    try:
        return Recipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise DataError(f"cannot read the recipe {path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path} is not valid TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(f"{path}: {where}: {first['msg']}") from error
