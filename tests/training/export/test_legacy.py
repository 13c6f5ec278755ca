"""Contracts of version 1: their paragraph becomes stages, and nothing of it is lost."""

from __future__ import annotations

import json

from bgblur.segmentation.contract import Contract, StagePhase
from bgblur.training.export.legacy import upgraded

FIRST = (
    "U-Net, encoder resnet18 (imagenet weights), decoder 128-64-32-16-16; 3700 of 4000 steps, "
    "seed 1, bf16-mixed; AdamW 0.001, weight decay 0.01, cosine after 100 warm-up steps, weights "
    "averaged at 0.998; until 46% batches of 32 at 160x96, 128x128; until 100% batches of 16 at "
    "256x192; 30% people laid over rooms, 4% empty rooms"
)
SECOND = (
    "U-Net, encoder tu-mobilenetv3_small_100, light decoder 96-64-40-24-16 with blocks 2-2-2-1-0; "
    "900 of 900 steps, seed 2, 32-true; AdamW 1e-05, weight decay 0, cosine after 5 warm-up steps, "
    "weights averaged at 0.9985, distilled from the unet-resnet18 model at 1 from 35% on, 50% of "
    "the initial weights kept, Laplacian loss at 0.05, batches taken 3 times, consistency loss at "
    "2; until 100% batches of 12 at 160x96; 42% people laid over rooms, 10% empty rooms"
)


def old(note: str) -> Contract:
    return upgraded(Contract(version=1, note=note, cpu_precision="fp32"))


def test_one_stage() -> None:
    contract = old(FIRST)
    assert (contract.version, contract.note, contract.cpu_precision) == (2, "", "fp32")
    assert contract.model is not None
    assert contract.model.encoder == "resnet18"
    assert (contract.model.decoder, contract.model.decoder_blocks) == ("unet", ())
    assert contract.model.decoder_channels == (128, 64, 32, 16, 16)
    (stage,) = contract.stages
    assert (stage.start, stage.steps, stage.planned_steps, stage.seed) == (
        "imagenet",
        3700,
        4000,
        1,
    )
    assert (stage.precision, stage.learning_rate, stage.weight_decay) == ("bf16-mixed", 1e-3, 1e-2)
    assert (stage.warmup_steps, stage.ema_decay, stage.echo) == (100, 0.998, 1)
    assert (stage.losses, stage.teacher, stage.kept) == ({}, None, 0)
    assert (stage.composited, stage.empty) == (0.3, 0.04)
    assert stage.phases == (
        StagePhase(until=0.46, batch=32, sizes=((96, 160), (128, 128))),
        StagePhase(until=1.0, batch=16, sizes=((192, 256),)),
    )


def test_stages_one_after_another_and_the_text_between_them() -> None:
    end = " In the end the mean of both."
    contract = old(f"A note. First: {FIRST}.{end} Then, from its averaged weights: {SECOND}; so")
    assert contract.note == "A note."
    first, second = contract.stages
    assert first.note == "In the end the mean of both"
    assert (second.note, second.start) == ("so", "previous")
    assert second.losses == {"laplacian": 0.05, "consistency": 2, "distillation": 1}
    assert (second.teacher, second.teach_from, second.echo) == ("unet-resnet18", 0.35, 3)
    assert (second.learning_rate, second.kept) == (1e-5, 0.5)
    assert contract.model is not None
    assert (contract.model.decoder, contract.model.decoder_blocks) == ("light", (2, 2, 2, 1, 0))


def test_text_without_stages_stays() -> None:
    note = "From the fastai Learner export.pkl, class 1."
    contract = old(note)
    assert (contract.note, contract.model, contract.stages) == (note, None, ())
    assert old("").note == ""


def test_version_2_stays_as_it_is() -> None:
    contract = Contract(note=FIRST)
    assert upgraded(contract) is contract
    assert json.loads(upgraded(Contract(version=1)).dumps()) == {"version": 2}
