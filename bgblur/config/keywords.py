"""Settings from the keyword options of the Python API (``bgblur.api``)."""

from __future__ import annotations

import operator
import os
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from bgblur.errors import UsageError

if TYPE_CHECKING:
    from bgblur.config.settings import Settings

StrPath = str | os.PathLike[str]


class Options(TypedDict, total=False):
    """Keyword options that ``Blurrer``, ``blur_image`` and ``blur_video`` share."""

    mode: Literal["blur", "image", "color", "none"]
    """"blur" unless a background is given; "none" shows the room."""
    background: StrPath
    """A picture's or clip's file name (mode "image"), or "#rrggbb" (mode "color")."""
    blur: Literal["gaussian", "lens"]
    """"lens": highlights become discs, as a camera's wide aperture makes them."""
    light_wrap: float
    """0..1: how much light of a background picture falls on the person's outline."""
    model: StrPath
    """"auto", a shipped model's name, or a file that scripts/export.py has written."""
    device: str
    """"auto", "cpu", "intel-gpu", "npu", "cuda", "cuda:N" or "mps"."""
    runtime: Literal["auto", "openvino", "torchscript"]
    precision: Literal["auto", "int8", "fp32", "bf16", "fp16"]
    input_height: int | Literal["auto"]
    """Lines of the network's input, a multiple of 32; more find finer detail, slower."""
    refine_edges: bool
    """Fit alpha to the picture's edges (guided filter)."""
    feather: float
    """0..1: softens alpha."""
    quality: Literal["fast", "balanced", "best"]
    """More time finds the person more exactly: what "auto" above becomes. "fast" is as live."""


_KEYS = {
    "strength": "background.strength",
    "blur": "background.blur",
    "light_wrap": "background.light_wrap",
    "model": "engine.model",
    "device": "engine.device",
    "runtime": "engine.runtime",
    "precision": "engine.precision",
    "input_height": "engine.input_height",
    "refine_edges": "mask.refine_edges",
    "feather": "mask.feather",
    "smoothing": "mask.smoothing",
}


def settings_from(
    strength: int | None, options: Options, smoothing: float | None = None
) -> Settings:
    """The defaults with what is given laid over them. Raises UsageError, which names arguments, not
    the configuration's keys."""
    from bgblur.config.overrides import Overrides, background_values
    from bgblur.config.settings import Settings

    strength = _whole(strength)
    given: dict[str, Any] = {"strength": strength, "smoothing": smoothing, **options}
    if unknown := options.keys() - Options.__annotations__.keys():
        raise UsageError(
            f"there is no option {min(unknown)}: the options are "
            + ", ".join(sorted(Options.__annotations__))
        )
    background = options.get("background")
    if background is not None:
        background = path_text(background)
    _check_background(strength, options.get("mode"), background)
    values = background_values(strength, options.get("mode"), background)
    values |= {key: given[name] for name, key in _KEYS.items() if given.get(name) is not None}
    if isinstance(model := values.get("engine.model"), os.PathLike):
        values["engine.model"] = os.fspath(model)
    chosen = {key: value for key, value in values.items() if value is not None}
    defaults = Settings()
    try:
        return Overrides(chosen, defaults).over(defaults)
    except UsageError as error:  # it names the configuration's keys, here they are arguments
        message = str(error)
        for key in chosen:
            message = message.replace(key, key.partition(".")[2])
        raise UsageError(message) from None


def path_text(name: object) -> str:
    """The name of a file as a string. Raises UsageError for any other object."""
    text = os.fspath(name) if isinstance(name, (str, os.PathLike)) else None
    if not isinstance(text, str):
        raise UsageError(f"the name of a file is a string or a path, not {type(name).__name__}")
    return text


def _whole(strength: object) -> int | None:
    """A strength as an ``int``, NumPy's too; its range is for the settings to check."""
    if strength is None:
        return None
    try:
        if not isinstance(strength, bool):
            return operator.index(strength)  # type: ignore[arg-type]
    except TypeError:
        pass
    raise UsageError(f"strength is {strength!r}: it must be a whole number from 0 to 100")


def _check_background(strength: int | None, mode: str | None, background: str | None) -> None:
    """A strength is that of the blur: with another mode it is not clear what to show."""
    if background is not None:
        if not background:
            raise UsageError("background is empty: name a picture or clip, or leave it out")
        kind = "color" if background.startswith("#") else "image"
        if mode not in (None, kind):
            raise UsageError(f'background {background} is for mode "{kind}", not "{mode}"')
        mode = kind
    elif mode == "image":
        raise UsageError('mode "image" has no background: give background=FILE')
    if strength is not None and mode not in (None, "blur") and (strength, mode) != (0, "none"):
        wants = "asks for blur" if strength else "shows the room"
        raise UsageError(f'strength {strength} {wants}: leave it out with mode "{mode}"')
