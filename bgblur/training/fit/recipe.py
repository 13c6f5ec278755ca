"""The training recipe: one TOML file, checked before anything is read or run."""

from __future__ import annotations

import tomllib
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)
from torch import nn

from bgblur.segmentation.network import STRIDE, build_network
from bgblur.training.augment.examples import Mix
from bgblur.training.data.sets import OWN, SETS, DataError
from bgblur.training.feed.loader import Phase

Share = Annotated[float, Field(ge=0, le=1)]
Side = Annotated[int, Field(ge=STRIDE, multiple_of=STRIDE)]  # pixels


class Part(BaseModel):
    """A section of a TOML file: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSettings(Part):
    encoder: str = "resnet18"
    decoder_channels: tuple[PositiveInt, ...] = (128, 64, 32, 16, 16)
    encoder_weights: str | None = None
    decoder: Literal["unet", "light"] = "unet"  # see network.build_network
    decoder_blocks: tuple[NonNegativeInt, ...] = ()
    folded: bool = False  # batch norms are part of the convolutions: for fine-tuning

    @model_validator(mode="after")
    def _blocks(self) -> ModelSettings:
        if self.decoder_blocks and self.decoder != "light":
            raise ValueError('decoder_blocks are of a "light" decoder')
        if len(self.decoder_blocks) not in (0, len(self.decoder_channels)):
            raise ValueError("decoder_blocks are as many numbers as decoder_channels")
        return self

    def build(self, encoder_weights: str | None = None) -> nn.Module:
        """With its batch norms."""
        return build_network(
            self.encoder, self.decoder_channels, encoder_weights, self.decoder, self.decoder_blocks
        )

    def grows_from(self, other: ModelSettings) -> bool:
        """Is ``other`` of the same shape, or the same with fewer blocks? Batch norms and first
        weights aside."""
        parts = {"encoder", "decoder_channels", "decoder"}
        return self.model_dump(include=parts) == other.model_dump(include=parts) and all(
            ours >= theirs
            for ours, theirs in zip_longest(self.decoder_blocks, other.decoder_blocks, fillvalue=0)
        )


class RunSettings(Part):
    steps: PositiveInt
    seed: NonNegativeInt = 1
    learning_rate: PositiveFloat = 1e-3
    weight_decay: NonNegativeFloat = 1e-2
    warmup_steps: NonNegativeInt = 100
    ema_decay: Share = 0.998
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "bf16-mixed"
    workers: NonNegativeInt = 1
    augment: Literal["auto", "workers", "device"] = "auto"  # "device" where that is a GPU
    checkpoint_every: PositiveInt = 200
    validate_every: PositiveInt = 500
    distillation: NonNegativeFloat = 0.0  # weight of the teacher's answers in the loss
    teacher: str | None = None  # "auto", a model.ts or a last.ckpt; None: the initial model
    teach_from: Share = 0.0  # of the steps: a teacher costs time, and truth alone teaches the start
    echo: PositiveInt = 1  # times that a batch is taken: see echo.py
    laplacian: NonNegativeFloat = 0.0  # weight of loss.laplacian_loss
    consistency: NonNegativeFloat = 0.0  # weight of consistency.consistency_loss
    keep: Share = 0.0  # share of the initial weights in those that result


class DataSettings(Part):
    composited: Share = 0.3
    empty: Share = 0.04
    set_weights: dict[str, PositiveFloat] = dict(Mix().set_weights)

    @field_validator("set_weights")
    @classmethod
    def _known_sets(cls, weights: dict[str, float]) -> dict[str, float]:
        for name in weights:
            if name not in (*SETS, OWN):
                raise ValueError(f'there is no set "{name}", only {", ".join((*SETS, OWN))}')
        return weights

    @model_validator(mode="after")
    def _shares(self) -> DataSettings:
        if self.composited + self.empty > 1:
            raise ValueError("composited and empty are shares: together they are 1 at most")
        return self

    @property
    def mix(self) -> Mix:
        return Mix(self.composited, self.empty, tuple(self.set_weights.items()))


class PhaseSettings(Part):
    until: Share
    batch: PositiveInt
    sizes: Annotated[tuple[tuple[Side, Side], ...], Field(min_length=1)]


class Recipe(Part):
    """Sections ``[model] [run] [data]`` and one ``[[phase]]`` for each stretch of the run."""

    model: ModelSettings = ModelSettings()
    run: RunSettings
    data: DataSettings = DataSettings()
    phase: tuple[PhaseSettings, ...]

    @field_validator("phase")
    @classmethod
    def _to_the_end(cls, phases: tuple[PhaseSettings, ...]) -> tuple[PhaseSettings, ...]:
        ends = [phase.until for phase in phases]
        if not ends or ends != sorted(set(ends)) or ends[-1] != 1:
            raise ValueError(
                'each phase\'s "until" must be larger than the last, and the final 1.0'
            )
        return phases

    @property
    def phases(self) -> tuple[Phase, ...]:
        return tuple(Phase(p.until, p.batch, p.sizes) for p in self.phase)

    def summary(self, step: int) -> str:
        """One line for the model card: how the weights after ``step`` steps came about."""
        model, run = self.model, self.run
        channels = "-".join(map(str, model.decoder_channels))
        if any(model.decoder_blocks):
            channels += " with blocks " + "-".join(map(str, model.decoder_blocks))
        start = f" ({model.encoder_weights} weights)" if model.encoder_weights else ""
        light = "light " if model.decoder == "light" else ""
        teacher = f"{run.teacher} model" if run.teacher else "initial model"
        since = f" from {run.teach_from:.0%} on" if run.teach_from else ""
        held = f", distilled from the {teacher} at {run.distillation:g}{since}"
        kept = (held if run.distillation else "") + (
            f", {run.keep:.0%} of the initial weights kept" if run.keep else ""
        )
        kept += f", Laplacian loss at {run.laplacian:g}" if run.laplacian else ""
        kept += f", batches taken {run.echo} times" if run.echo > 1 else ""
        kept += f", consistency loss at {run.consistency:g}" if run.consistency else ""
        phases = "; ".join(
            f"until {p.until:.0%} batches of {p.batch} at "
            + ", ".join(f"{width}x{height}" for height, width in p.sizes)
            for p in self.phase
        )
        return (
            f"U-Net, encoder {model.encoder}{start}, {light}decoder {channels}; "
            f"{step} of {run.steps} steps, seed {run.seed}, {run.precision}; "
            f"AdamW {run.learning_rate:g}, weight decay {run.weight_decay:g}, cosine after "
            f"{run.warmup_steps} warm-up steps, weights averaged at {run.ema_decay:g}{kept}; "
            f"{phases}; {self.data.composited:.0%} people laid over rooms, "
            f"{self.data.empty:.0%} empty rooms"
        )


AnyPart = TypeVar("AnyPart", bound=Part)


def load_toml(path: Path, kind: type[AnyPart], what: str) -> AnyPart:
    """Raises DataError, in one line, on a file that is missing, not TOML, or not ``what``."""
    try:
        return kind.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise DataError(f"cannot read {what} {path}: {error.strerror}; check the name") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{part}: " for part in [".".join(map(str, first["loc"]))] if part)
        raise DataError(f"{path}: {where}{first['msg']}") from error
    except ValueError as error:  # TOML's or the encoding's
        raise DataError(f"{path} is not valid TOML: {error}") from error


def load_recipe(path: Path) -> Recipe:
    """Raises DataError, in one line, on a file that is missing, not TOML, or not a recipe."""
    return load_toml(path, Recipe, "the recipe")
