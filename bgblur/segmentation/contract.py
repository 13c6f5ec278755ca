"""The description in a model file: ``bgblur.json``, an extra file in the TorchScript archive; in
OpenVINO's IR the entry ``bgblur`` of the runtime information in the .xml.

Version 2 holds the network's shape and one object for each stage of its training. Version 1 has an
English paragraph, ``note``, instead; training/export/legacy.py reads that. The daemon needs the
version and ``cpu_precision`` only. This module imports no torch, so that a model can be described
without loading it.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from pydantic import (
    BaseModel,
    ConfigDict,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

from bgblur.errors import ModelError, UsageError

CONTRACT_FILE = "bgblur.json"
CONTRACT_KEY = "bgblur"
_LARGEST = 2**20  # bytes
_LARGEST_IR = 2**25  # bytes of an .xml, which describes every operation

Decoder = Literal["unet", "light"]
Precision = Literal["fp32", "bf16", "fp16", "int8"]
PREVIOUS = "previous"  # Stage.start: the averaged weights of the stage before, or --init's
SCRATCH = "scratch"  # Stage.start: random weights


class Section(BaseModel):
    """An object of the file. Unknown keys are ignored: later versions of bgblur may add some."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Architecture(Section):
    """The network's shape, as network.build_network takes it."""

    encoder: str
    decoder: Decoder = "unet"
    decoder_channels: tuple[PositiveInt, ...]
    decoder_blocks: tuple[NonNegativeInt, ...] = ()


class StagePhase(Section):
    """A part of a stage that ends after the share ``until`` of its steps.

    ``sizes`` are (height, width) in pixels; each batch of ``batch`` pictures has one of them.
    """

    until: float
    batch: PositiveInt
    sizes: tuple[tuple[PositiveInt, PositiveInt], ...]


class Stage(Section):
    """One stage of training, as it was run."""

    name: str = ""
    start: str = PREVIOUS  # or SCRATCH, or the data set of the encoder's weights ("imagenet")
    decoder_blocks: tuple[NonNegativeInt, ...] = ()  # in this stage; later ones may add some
    steps: NonNegativeInt  # steps taken
    planned_steps: PositiveInt  # length of the learning rate's schedule
    seed: int
    precision: str
    learning_rate: PositiveFloat
    weight_decay: NonNegativeFloat
    warmup_steps: NonNegativeInt
    ema_decay: NonNegativeFloat
    echo: PositiveInt = 1  # steps for which each batch is used
    losses: dict[str, float] = {}  # weights of the losses beside BCE and Dice
    teacher: str | None = None  # of losses["distillation"] and losses["similarity"]
    teach_from: float = 0.0  # share of the steps after which the teacher is used
    composited: NonNegativeFloat  # share of people that are composited over rooms
    empty: NonNegativeFloat  # share of rooms without people
    set_weights: dict[str, float] = {}  # shares of the photo sets; version 1 did not record them
    phases: tuple[StagePhase, ...]
    kept: NonNegativeFloat = 0.0  # share of the initial weights in the resulting weights
    note: str = ""


class Contract(Section):
    """The whole file. ``model`` is None for a network that training cannot build."""

    version: Literal[1, 2] = 2
    model: Architecture | None = None
    stages: tuple[Stage, ...] = ()
    note: str = ""
    cpu_precision: Precision | None = None  # in which the model is fastest on processors

    def dumps(self) -> str:
        """The file's text, without values equal to their default."""
        said = self.model_dump(mode="json", exclude_defaults=True)
        return json.dumps({"version": self.version, **said})


def parse_contract(text: str | bytes) -> Contract:
    """Raises ValueError if the text is not a contract of version 1 or 2."""
    contract = Contract.model_validate_json(text)
    if "version" not in contract.model_fields_set:
        raise ValueError("the contract has no version")
    return contract


def contract_of(model: Path) -> Contract:
    """The contract in a model's archive or .xml. Raises ModelError."""
    try:
        if model.suffix == ".xml":
            return parse_contract(_in_ir(model))
        with zipfile.ZipFile(model) as archive:
            names = archive.namelist()
            name = next(n for n in names if n.endswith(f"/extra/{CONTRACT_FILE}"))
            if archive.getinfo(name).file_size > _LARGEST:
                raise ValueError("the contract is too large")
            return parse_contract(archive.read(name))
    except FileNotFoundError as error:
        raise ModelError(f"there is no model file {model}: check the name") from error
    except (
        *(OSError, ValueError, StopIteration, NotImplementedError),
        *(zipfile.BadZipFile, ElementTree.ParseError),
    ) as error:
        raise ModelError(
            f"{model} is not a bgblur model, or it is damaged: make one with scripts/export.py"
        ) from error


def _in_ir(model: Path) -> str:
    """The contract's text in an .xml. Raises OSError, ValueError or ParseError."""
    if model.stat().st_size > _LARGEST_IR:
        raise ValueError("the file is too large")
    entry = ElementTree.parse(model).find(f"rt_info/{CONTRACT_KEY}")
    text = None if entry is None else entry.get("value")
    if text is None or len(text) > _LARGEST:
        raise ValueError("it has no contract")
    return text


def check_int8(path: Path, own: str | None, wanted: str) -> None:
    """Raises UsageError where the model's ``own`` precision and the one ``wanted`` by the settings
    disagree about int8."""
    if own == "int8" and wanted not in ("auto", "int8"):
        raise UsageError(f'the model {path} is int8: set engine.precision to "auto"')
    if own != "int8" and wanted == "int8":
        raise UsageError(
            f'the model {path} is not int8: set engine.precision to "auto", '
            "or make one with scripts/export.py --int8"
        )
