"""The history in a checkpoint, also in those of before contract version 2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.training.runs import recipe

from bgblur.segmentation.contract import PREVIOUS, SCRATCH, Contract
from bgblur.training.data.sets import DataError
from bgblur.training.fit.checkpoint import history_before, training_history

SENTENCE = (
    "U-Net, encoder resnet18, decoder 32-16-16-8-8; 5 of 8 steps, seed 3, 32-true; AdamW 0.001, "
    "weight decay 0.01, cosine after 2 warm-up steps, weights averaged at 0.8; until 100% batches "
    "of 4 at 64x32; 30% people laid over rooms, 4% empty rooms"
)


def state(**more: Any) -> dict[str, Any]:
    return {"step": 6, "recipe": recipe(8).model_dump(mode="json"), **more}


@pytest.mark.parametrize("more", [{}, {"before": ""}, {"before": None}])
def test_a_run_with_random_weights_is_the_first_stage(more: dict[str, Any]) -> None:
    history = training_history(state(**more), Path("last.ckpt"))
    (stage,) = history.stages
    assert (stage.start, stage.steps, stage.planned_steps) == (SCRATCH, 6, 8)
    assert history.model == recipe(8).model.architecture


def test_a_run_from_other_weights_comes_after_their_stages() -> None:
    first = Contract(stages=(recipe(4).record(4),), note="A test.")
    history = training_history(state(before=first.model_dump(mode="json")), Path("last.ckpt"))
    assert history.stages[:-1] == first.stages
    assert (history.stages[-1].start, history.note) == (PREVIOUS, "A test.")


def test_the_paragraph_of_an_older_checkpoint_becomes_stages() -> None:
    history = training_history(state(before=f"A note. {SENTENCE}"), Path("last.ckpt"))
    assert [(s.seed, s.steps, s.start) for s in history.stages] == [
        (3, 5, SCRATCH),
        (1, 6, PREVIOUS),
    ]
    assert history.note == "A note."
    same = Contract(version=2, model=history.model, stages=history.stages[:1], note="A note.")
    assert history_before({"before": same.model_dump(mode="json")}) == same
    assert history_before({"before": f"A note. {SENTENCE}"}) == same


def test_an_older_recipe_is_read_and_a_broken_one_refused() -> None:
    older = state()
    del older["recipe"]["name"], older["recipe"]["note"]
    assert training_history(older, Path("last.ckpt")).stages[0].name == ""
    older["recipe"]["run"]["steps"] = 0
    with pytest.raises(DataError, match=r"recipe in last\.ckpt is of another version"):
        training_history(older, Path("last.ckpt"))
