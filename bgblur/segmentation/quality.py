"""How much work a photo or a recording is worth: what "auto" in the settings becomes for files.

Chosen of some twenty on the half "tune"; scripts/file_quality.py measures it, docs/files.md has the
figures.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from bgblur.errors import ModelError, UsageError
from bgblur.files import user_path
from bgblur.segmentation.contract import contract_of
from bgblur.segmentation.models import SHIPPED_IR

if TYPE_CHECKING:
    from bgblur.config.settings import EngineSettings

Quality = Literal["fast", "balanced", "best"]
QUALITIES: tuple[Quality, ...] = get_args(Quality)
FOR_PHOTOS: Quality = "best"
FOR_RECORDINGS: Quality = "balanced"

_FULL = ("cpu", "cuda", "mps")  # devices that compute in single precision


@dataclass(frozen=True)
class _Effort:
    """Input heights on a processor and elsewhere. ``full``: single precision. ``mirrored``: see
    engine_mirrored. ``by_color``: see edges_color."""

    on_processor: int
    input_height: int
    full: bool = False
    mirrored: bool = False
    by_color: bool = False


_EFFORTS = {
    "balanced": _Effort(416, 352),
    "best": _Effort(416, 352, full=True, mirrored=True, by_color=True),
}


def quality_of(name: object) -> Quality:
    """Raises UsageError for what is no quality."""
    for quality in QUALITIES:
        if name == quality:
            return quality
    raise UsageError(f"quality is {name!r}: choose {', '.join(QUALITIES)}")


def planned(settings: EngineSettings, quality: Quality, device: str) -> tuple[EngineSettings, bool]:
    """``settings`` with what ``quality`` chooses for ``device`` in place of each "auto", and
    whether alpha is to be averaged with that of the mirrored picture.

    What the user has set is kept. "fast" changes nothing.
    """
    effort = _EFFORTS.get(quality)
    if effort is None:
        return settings, False
    chosen: dict[str, Any] = {}
    if settings.input_height == "auto":
        chosen["input_height"] = effort.on_processor if device == "cpu" else effort.input_height
    full = effort.full and device.partition(":")[0] in _FULL
    if full and settings.precision == "auto" and not _is_int8(settings.model):
        chosen["precision"] = "fp32"
    return settings.model_copy(update=chosen), effort.mirrored


def guided_by_color(quality: Quality) -> bool:
    """Whether colour guides the edge filter of photos on a processor. In recordings it would
    flicker more."""
    effort = _EFFORTS.get(quality)
    return effort is not None and effort.by_color


def _is_int8(model: str) -> bool:
    """Whether ``model``, as engine.model names it, runs in int8 alone. What is wrong with a file is
    for the engine to say."""
    if model == "auto":
        return False
    with suppress(ModelError):
        path = SHIPPED_IR.get(model) or user_path(model, ModelError)
        return contract_of(path).cpu_precision == "int8"
    return False
