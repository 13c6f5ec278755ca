"""The settings of one training stage, checked before anything is read or run."""

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

from bgblur.segmentation.contract import SCRATCH, Architecture, Decoder, Stage, StagePhase
from bgblur.segmentation.network import STRIDE, build_network
from bgblur.training.augment.examples import Mix
from bgblur.training.data.sets import OWN, SETS, DataError
from bgblur.training.feed.loader import Phase
from bgblur.training.fit.packaged_weights import PACKAGES, load_packaged

Share = Annotated[float, Field(ge=0, le=1)]
InputSide = Annotated[int, Field(ge=STRIDE, multiple_of=STRIDE)]  # pixels
INITIAL = "initial"  # Stage.teacher: the model that the stage began with


class Section(BaseModel):
    """A section of a TOML file: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSettings(Section):
    encoder: str = "resnet18"
    decoder_channels: tuple[PositiveInt, ...] = (128, 64, 32, 16, 16)
    encoder_weights: str | None = None
    decoder: Decoder = "unet"  # see network.build_network
    decoder_blocks: tuple[NonNegativeInt, ...] = ()
    folded: bool = False  # batch norms are part of the convolutions: for fine-tuning

    @model_validator(mode="after")
    def _blocks(self) -> ModelSettings:
        if self.decoder_blocks and self.decoder != "light":
            raise ValueError('decoder_blocks are of a "light" decoder')
        if len(self.decoder_blocks) not in (0, len(self.decoder_channels)):
            raise ValueError("decoder_blocks are as many numbers as decoder_channels")
        return self

    @property
    def architecture(self) -> Architecture:
        """The network's shape, for the model file."""
        return Architecture.model_validate(self.model_dump(include=set(Architecture.model_fields)))

    def build(self, encoder_weights: str | None = None) -> nn.Module:
        """The network, with its batch norms."""
        packaged = encoder_weights == "imagenet" and self.encoder in PACKAGES
        network = build_network(
            self.encoder,
            self.decoder_channels,
            None if packaged else encoder_weights,
            self.decoder,
            self.decoder_blocks,
        )
        if packaged:
            load_packaged(network.get_submodule("encoder"), self.encoder)
        return network

    def grows_from(self, other: ModelSettings) -> bool:
        """True where ``other`` has the same shape, or the same with fewer residual blocks.

        Batch norms and the encoder's first weights do not count.
        """
        parts = {"encoder", "decoder_channels", "decoder"}
        return self.model_dump(include=parts) == other.model_dump(include=parts) and all(
            ours >= theirs
            for ours, theirs in zip_longest(self.decoder_blocks, other.decoder_blocks, fillvalue=0)
        )


class RunSettings(Section):
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
    distillation: NonNegativeFloat = 0.0  # weight of finetune.distillation_loss
    similarity: NonNegativeFloat = 0.0  # weight of features.similarity_loss, to the first teacher
    # "auto", a shipped model's name, a model.ts or a last.ckpt, or several, whose mean answer
    # counts; None: the initial model
    teacher: str | tuple[str, ...] | None = None
    teach_from: Share = 0.0  # share of the steps before the teacher is asked, which takes time
    echo: PositiveInt = 1  # steps that each batch is used for: see echo.py
    laplacian: NonNegativeFloat = 0.0  # weight of loss.laplacian_loss
    consistency: NonNegativeFloat = 0.0  # weight of consistency.consistency_loss
    keep: Share = 0.0  # share of the initial weights in the final ones

    @property
    def teachers(self) -> tuple[str, ...]:
        """Their names; empty for the initial model."""
        return (self.teacher,) if isinstance(self.teacher, str) else self.teacher or ()

    @property
    def taught(self) -> bool:
        return bool(self.distillation or self.similarity)


class DataSettings(Section):
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


class PhaseSettings(Section):
    """A stretch of the stage; ``sizes`` are (height, width) of its batches."""

    until: Share  # of the steps
    batch: PositiveInt
    sizes: Annotated[tuple[tuple[InputSide, InputSide], ...], Field(min_length=1)]


class Recipe(Section):
    """One stage of training: ``model``, ``run``, ``data`` and a ``phase`` for each stretch of it.

    stages.py reads it from a recipe file. ``name`` and ``note`` go into the model file.
    """

    name: Annotated[str, Field(pattern=r"^[\w.-]*$")] = ""  # names a folder, too
    note: str = ""
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

    def record(self, step: int, start: str | None = None) -> Stage:
        """What the model file says of this stage after ``step`` steps.

        ``start`` is PREVIOUS where the stage began with trained weights.
        """
        model, run, data = self.model, self.run, self.data
        weighted = {
            "laplacian": run.laplacian,
            "consistency": run.consistency,
            "distillation": run.distillation,
            "similarity": run.similarity,
        }
        return Stage(
            name=self.name,
            start=start or model.encoder_weights or SCRATCH,
            decoder_blocks=model.decoder_blocks,
            steps=step,
            planned_steps=run.steps,
            seed=run.seed,
            precision=run.precision,
            learning_rate=run.learning_rate,
            weight_decay=run.weight_decay,
            warmup_steps=run.warmup_steps,
            ema_decay=run.ema_decay,
            echo=run.echo,
            losses={name: weight for name, weight in weighted.items() if weight},
            teacher=(" and ".join(run.teachers) or INITIAL) if run.taught else None,
            teach_from=run.teach_from if run.taught else 0.0,
            composited=data.composited,
            empty=data.empty,
            set_weights=data.set_weights,
            phases=tuple(
                StagePhase(until=p.until, batch=p.batch, sizes=p.sizes) for p in self.phase
            ),
            kept=run.keep if step >= run.steps else 0.0,
            note=self.note,
        )


AnySection = TypeVar("AnySection", bound=Section)


def load_toml(path: Path, kind: type[AnySection], what: str) -> AnySection:
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
