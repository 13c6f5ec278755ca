"""The training section of a model card: a table with a row for each stage."""

from __future__ import annotations

from collections.abc import Iterable

from bgblur.segmentation.contract import PREVIOUS, SCRATCH, Architecture, Contract, Stage
from bgblur.training.evaluate.origins import IMAGENET

_HEAD = "| stage | start | steps | optimiser | batches | pictures | losses | weights kept |"
_LEGEND = """\
Optimiser: AdamW with a linear warm-up and a cosine to zero; EMA is the decay of the averaged
weights. Batches: pictures of width x height, up to that share of the steps. Pictures: people
composited over rooms, rooms without people, and the shares of the photo sets. Losses: beside BCE
and Dice. Weights kept: the share of the weights at the start of the stage in those that the next
stage, or the file, has."""


def training_section(history: Contract) -> str:
    """Markdown: the network, the stages, and what the stages' fields do not say."""
    parts = [_network(history.model)] if history.model is not None else []
    if history.stages and history.stages[0].start == "imagenet":
        parts.append(IMAGENET)
    if history.note:
        parts.append(history.note)
    if history.stages:
        rows = [_row(number, stage) for number, stage in enumerate(history.stages, 1)]
        parts += ["\n".join([_HEAD, "|---" * 8 + "|", *rows]), _LEGEND]
    notes = [
        f"- {_name(number, stage)}: {stage.note}"
        for number, stage in enumerate(history.stages, 1)
        if stage.note
    ]
    if notes:
        parts.append("\n".join(notes))
    return "\n\n".join(parts) or "Not noted in the file."


def _network(model: Architecture) -> str:
    light = "light " if model.decoder == "light" else ""
    channels = "-".join(map(str, model.decoder_channels))
    blocks = _blocks(model.decoder_blocks)
    blocks = f", residual blocks {blocks}" if blocks else ""
    return f"Network: U-Net, encoder {model.encoder}, {light}decoder {channels}{blocks}."


def _row(number: int, stage: Stage) -> str:
    blocks = _blocks(stage.decoder_blocks)
    name = _name(number, stage) + (f", residual blocks {blocks}" if blocks else "")
    cells = [
        name,
        _start(stage.start),
        f"{stage.steps} of {stage.planned_steps} steps, seed {stage.seed}, {stage.precision}",
        f"{stage.learning_rate:g}, decay {stage.weight_decay:g}, warm-up {stage.warmup_steps}, "
        f"EMA {stage.ema_decay:g}",
        _batches(stage),
        _pictures(stage),
        _losses(stage),
        f"{stage.kept:.0%}" if stage.kept else "none",
    ]
    return f"| {' | '.join(cells)} |"


def _name(number: int, stage: Stage) -> str:
    return f"{number} {stage.name}".strip()


def _start(start: str) -> str:
    known = {PREVIOUS: "the weights before", SCRATCH: "random weights"}
    return known.get(start, f"{start} weights")


def _blocks(blocks: tuple[int, ...]) -> str:
    return "-".join(map(str, blocks)) if any(blocks) else ""


def _batches(stage: Stage) -> str:
    phases = [
        f"to {phase.until:.0%}: {phase.batch} at "
        + ", ".join(f"{width}x{height}" for height, width in phase.sizes)
        for phase in stage.phases
    ]
    times = f"; each used {stage.echo} times" if stage.echo > 1 else ""
    return "; ".join(phases) + times


def _pictures(stage: Stage) -> str:
    sets = _listed(f"{name} {share:.0%}" for name, share in stage.set_weights.items())
    shares = f"{stage.composited:.0%} composited, {stage.empty:.0%} empty rooms"
    return f"{shares}; {sets}" if sets else shares


def _losses(stage: Stage) -> str:
    names = [f"{name} {weight:g}" for name, weight in stage.losses.items()]
    if stage.teacher is not None:
        since = f" from {stage.teach_from:.0%} of the steps on" if stage.teach_from else ""
        names.append(f"teacher {stage.teacher}{since}")
    return _listed(names) or "none"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
