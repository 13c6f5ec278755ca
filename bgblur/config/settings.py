"""The settings: one frozen model per area of ``config.toml``, with defaults and bounds."""

from __future__ import annotations

import contextlib
import os
import re
import tomllib
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from bgblur.config import keys


def _matches(pattern: str, meant: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"it must be {meant}")
        return text

    return check


def _index_as_text(value: object) -> object:
    """People write ``device = 0``."""
    return str(value) if type(value) is int and value >= 0 else value


def _input_height(value: object) -> object:
    """The network halves its input five times, hence the multiples of 32."""
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    fits = type(value) is int and value % 32 == 0 and 96 <= value <= 1024
    if not fits and value != "auto":
        raise ValueError('it must be "auto" or a multiple of 32 from 96 to 1024')
    return value


def _output_side(value: object) -> object:
    """Even, as the colours of virtual cameras and recordings need it."""
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    fits = type(value) is int and value % 2 == 0 and 16 <= value <= 7680
    if not fits and value != "auto":
        raise ValueError('it must be "auto" or an even number from 16 to 7680')
    return value


def _rotation(value: object) -> object:
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if type(value) is not int or value not in (0, 90, 180, 270):
        raise ValueError("it must be 0, 90, 180 or 270")
    return value


def _center(value: object) -> list[float]:
    """Text, as a command line gives it, may be "0.3, 0.5"."""
    parts = list(value) if isinstance(value, list | tuple) else []
    with contextlib.suppress(ValueError):
        if isinstance(value, str):
            parts = [float(part) for part in re.split(r"[\s,]+", value.strip(" []"))]
    if len(parts) != 2 or not all(type(part) in (int, float) and 0 <= part <= 1 for part in parts):
        raise ValueError("it must be two numbers from 0 to 1: [across, down]")
    return [float(part) for part in parts]


def _control_value(value: object) -> object:
    """From a command line all is text."""
    if isinstance(value, str):
        if value in ("true", "false"):
            return value == "true"
        if re.fullmatch("-?[0-9]{1,19}", value, re.ASCII):
            return int(value)
    if type(value) not in (bool, int, str) or value == "":
        raise ValueError("it must be a whole number, true, false, or an entry's name in quotes")
    return value


def _several(value: object) -> object:
    """Text, as a command line gives it, has commas, or is a list as in the file."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):  # TOML's
            if isinstance(listed := tomllib.loads(f"value = {value}")["value"], list):
                return listed
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _different(outputs: list[str]) -> list[str]:
    places = [os.path.normpath(os.path.expanduser(output)) for output in outputs]  # noqa: PTH111
    for place, output in zip(places, outputs, strict=True):
        if places.count(place) > 1:
            raise ValueError(f'"{output}" stands in it twice: keep one')
    cameras = [output for output in outputs if output == "pipewire" or output.startswith("/dev/")]
    if cameras and "auto" in outputs:
        raise ValueError(
            f'"auto" may be the same as "{cameras[0]}": write the device that you mean for "auto"'
        )
    return outputs


def _fourcc(text: str) -> str:
    return "auto" if text.lower() == "auto" else text.upper()


ControlValue = Annotated[bool | int | str, BeforeValidator(_control_value)]
Name = Annotated[str, Field(min_length=1)]
Strength = Annotated[int, Field(ge=0, le=100)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Side = Annotated[int, Field(ge=16, le=7680)]
FourCC = Annotated[
    str,
    AfterValidator(_matches("[A-Za-z0-9]{4}", '"auto" or four letters such as "MJPG" or "YUYV"')),
    AfterValidator(_fourcc),
]
Color = Annotated[
    str, AfterValidator(_matches("#[0-9A-Fa-f]{6}", 'a colour in the form "#rrggbb"'))
]
KeyNames = Annotated[str, AfterValidator(keys.checked)]
Rotation = Annotated[Literal[0, 90, 180, 270], BeforeValidator(_rotation)]
Center = Annotated[list[float], BeforeValidator(_center)]
OutputSide = Annotated[int | Literal["auto"], BeforeValidator(_output_side)]
Outputs = Annotated[list[Name], BeforeValidator(_several), AfterValidator(_different)]
Bars = Annotated[
    str, AfterValidator(_matches("blurred|#[0-9A-Fa-f]{6}", '"blurred" or a colour as "#rrggbb"'))
]
EngineDevice = Annotated[
    str,
    AfterValidator(
        _matches(
            r"auto|cpu|intel-gpu|npu|mps|cuda(:[0-9]+)?",
            '"auto", "cpu", "intel-gpu", "npu", "mps", "cuda" or "cuda:N"',
        )
    ),
]


class Area(BaseModel):
    """Base of the areas: immutable, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CameraSettings(Area):
    """What to capture; the camera may answer with the nearest size and rate it has. ``controls``
    are V4L2's: what a camera offers shows when it is open."""

    device: Annotated[Name, BeforeValidator(_index_as_text)] = "0"
    width: Side = 1280
    height: Side = 720
    fps: Annotated[float, Field(ge=1, le=1000)] = 30.0
    fourcc: FourCC = "auto"
    mirror: bool = False
    rotate: Rotation = 0
    flip: Literal["none", "horizontal", "vertical"] = "none"
    zoom: Annotated[float, Field(ge=1, le=4)] = 1.0
    center: Center = [0.5, 0.5]
    follow: bool = False
    certificate: Annotated[str, Field(min_length=1)] = "trusted"
    controls: dict[str, ControlValue] = {}


class OutputSettings(Area):
    """Where the pictures go: to all of ``devices``, or to ``device`` if there are none. ``width``
    and ``height`` "auto" are the camera's; one that is given alone has the other in the shape of
    16:9. ``fit`` is for a picture of another shape."""

    device: Name = "auto"
    devices: Outputs = []
    width: OutputSide = "auto"
    height: OutputSide = "auto"
    fit: Literal["contain", "cover"] = "contain"
    bars: Bars = "blurred"
    preview: bool = False
    paused: bool = False
    pause_shows: Literal["card", "blurred"] = "card"

    @property
    def names(self) -> list[str]:
        """The outputs that are to be fed."""
        return self.devices or [self.device]


class BackgroundSettings(Area):
    mode: Literal["blur", "image", "color", "none"] = "blur"
    strength: Strength = 60
    blur: Literal["gaussian", "lens"] = "gaussian"
    image: str = ""
    color: Color = "#00b140"
    light_wrap: Fraction = 0.3

    @model_validator(mode="after")
    def _image_mode_has_a_picture(self) -> BackgroundSettings:
        if self.mode == "image" and not self.image:
            raise PydanticCustomError(
                "image_missing",
                'background.mode is "image" but background.image is empty: '
                "set background.image to a picture file first",
            )
        return self


class MaskSettings(Area):
    refine_edges: bool = True
    smoothing: Fraction = 0.95
    feather: Fraction = 0.0


class EngineSettings(Area):
    runtime: Literal["auto", "openvino", "torchscript"] = "auto"
    device: EngineDevice = "auto"
    precision: Literal["auto", "int8", "fp32", "bf16", "fp16"] = "auto"
    model: Name = "auto"
    input_height: Annotated[int | Literal["auto"], BeforeValidator(_input_height)] = "auto"
    cpu_budget: Annotated[float, Field(ge=0.1, le=1)] = 0.9
    skip_static: bool = True


class IdleSettings(Area):
    """When the camera is closed, if the output can tell whether anybody watches."""

    on_demand: bool = True
    grace_seconds: Annotated[float, Field(ge=0, le=3600)] = 5.0


class Preset(Area):
    name: Name
    strength: Strength


class TraySettings(Area):
    """The keys are as "Ctrl+Alt+B"; none where empty."""

    shortcuts: bool = True
    toggle_key: KeyNames = "Ctrl+Alt+B"
    pause_key: KeyNames = "Ctrl+Alt+P"
    presets: list[Preset] = [
        Preset(name="Off", strength=0),
        Preset(name="Light", strength=30),
        Preset(name="Medium", strength=60),
        Preset(name="Strong", strength=100),
    ]

    @model_validator(mode="after")
    def _a_key_does_one_thing(self) -> TraySettings:
        if self.toggle_key and self.toggle_key == self.pause_key:
            raise PydanticCustomError(
                "same_key",
                'tray.toggle_key and tray.pause_key are both "{keys}": choose another for one',
                {"keys": self.toggle_key},
            )
        return self


class Settings(Area):
    """All of ``config.toml``; an empty file is the defaults.

    Built from Python or a command line, numbers may come as text ("30"); from a file they may
    not (see ``config.file.load``).
    """

    camera: CameraSettings = CameraSettings()
    output: OutputSettings = OutputSettings()
    background: BackgroundSettings = BackgroundSettings()
    mask: MaskSettings = MaskSettings()
    engine: EngineSettings = EngineSettings()
    idle: IdleSettings = IdleSettings()
    tray: TraySettings = TraySettings()
