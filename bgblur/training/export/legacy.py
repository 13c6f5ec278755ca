"""Converts contracts of version 1, with one English paragraph about the training, to version 2.

Nothing but this file reads that paragraph. It was made of one sentence for each stage, joined by
"Then, from its averaged weights:", with free text before and after.
"""

from __future__ import annotations

import re
from pathlib import Path

from bgblur.segmentation.contract import (
    PREVIOUS,
    SCRATCH,
    Architecture,
    Contract,
    Stage,
    StagePhase,
    contract_of,
)

_NEXT = r"\. Then, from its averaged weights: "
_STAGE = re.compile(
    r"U-Net, encoder (?P<encoder>\S+?)(?: \((?P<weights>\w+) weights\))?, (?P<light>light )?"
    r"decoder (?P<channels>[\d-]+)(?: with blocks (?P<blocks>[\d-]+))?; "
    r"(?P<steps>\d+) of (?P<planned>\d+) steps, seed (?P<seed>\d+), (?P<precision>[\w-]+); "
    r"AdamW (?P<rate>[\d.e-]+), weight decay (?P<decay>[\d.e-]+), "
    r"cosine after (?P<warmup>\d+) warm-up steps, weights averaged at (?P<ema>[\d.]+)"
    r"(?P<losses>[^;]*); (?P<phases>until .*?); "
    r"(?P<composited>\d+)% people laid over rooms, (?P<empty>\d+)% empty rooms"
    rf"(?P<note>.*?)(?={_NEXT}U-Net|$)",
    re.DOTALL,
)
_PHASE = re.compile(r"until (\d+)% batches of (\d+) at ((?:\d+x\d+(?:, )?)+)")
_TEACHER = re.compile(r", distilled from the (.+?) model at ([\d.e-]+)(?: from (\d+)% on)?")
_LOSS = {
    "laplacian": re.compile(r", Laplacian loss at ([\d.e-]+)"),
    "consistency": re.compile(r", consistency loss at ([\d.e-]+)"),
}
_ECHO = re.compile(r", batches taken (\d+) times")
_KEPT = re.compile(r", (\d+)% of the initial weights kept")


def modern_contract_of(model: Path) -> Contract:
    """The contract of a model file of either version, as version 2. Raises ModelError."""
    return upgraded(contract_of(model))


def upgraded(contract: Contract) -> Contract:
    """``contract`` as version 2. Text that names no stage stays in ``note``."""
    if contract.version == 2:
        return contract
    update: dict[str, object] = {"version": 2}
    found = list(_STAGE.finditer(contract.note))
    if found:
        stages = tuple(_stage(match, first=match is found[0]) for match in found)
        before = contract.note[: found[0].start()].strip()
        # "First:" only said that more stages follow.
        note = before.removesuffix("First:").removeprefix("First:").strip()
        update |= {"model": _architecture(found[-1]), "stages": stages, "note": note}
    return contract.model_copy(update=update)


def _architecture(match: re.Match[str]) -> Architecture:
    return Architecture(
        encoder=match["encoder"],
        decoder="light" if match["light"] else "unet",
        decoder_channels=_numbers(match["channels"]),
        decoder_blocks=_numbers(match["blocks"]),
    )


def _stage(match: re.Match[str], first: bool) -> Stage:
    said = match["losses"]
    losses = {name: float(f[1]) for name, loss in _LOSS.items() if (f := loss.search(said))}
    teacher, echo, kept = (part.search(said) for part in (_TEACHER, _ECHO, _KEPT))
    if teacher:
        losses["distillation"] = float(teacher[2])
    return Stage(
        start=(match["weights"] or SCRATCH) if first else PREVIOUS,
        decoder_blocks=_numbers(match["blocks"]),
        steps=int(match["steps"]),
        planned_steps=int(match["planned"]),
        seed=int(match["seed"]),
        precision=match["precision"],
        learning_rate=float(match["rate"]),
        weight_decay=float(match["decay"]),
        warmup_steps=int(match["warmup"]),
        ema_decay=float(match["ema"]),
        echo=int(echo[1]) if echo else 1,
        losses=losses,
        teacher=teacher[1] if teacher else None,
        teach_from=int(teacher[3] or 0) / 100 if teacher else 0.0,
        composited=int(match["composited"]) / 100,
        empty=int(match["empty"]) / 100,
        phases=tuple(_phase(*phase.groups()) for phase in _PHASE.finditer(match["phases"])),
        kept=int(kept[1]) / 100 if kept else 0.0,
        note=match["note"].strip(" .;"),
    )


def _phase(until: str, batch: str, sizes: str) -> StagePhase:
    pairs = (tuple(map(int, size.split("x"))) for size in sizes.rstrip(", ").split(", "))
    return StagePhase(
        until=int(until) / 100,
        batch=int(batch),
        sizes=tuple((height, width) for width, height in pairs),
    )


def _numbers(joined: str | None) -> tuple[int, ...]:
    return tuple(map(int, joined.split("-"))) if joined else ()
