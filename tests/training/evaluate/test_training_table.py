"""The training section of a model card."""

from __future__ import annotations

from support.training.runs import recipe

from bgblur.segmentation.contract import PREVIOUS, Contract
from bgblur.training.evaluate.training_table import training_section


def test_a_row_a_stage() -> None:
    first = recipe(8)
    second = recipe(6, echo=2, distillation=1.0, teacher="auto", teach_from=0.25, keep=0.5)
    second = second.model_copy(update={"name": "second", "note": "On a laptop."})
    history = Contract(
        model=first.model.architecture,
        stages=(first.record(5), second.record(6, PREVIOUS)),
        note="A test.",
    )
    section = training_section(history)
    paragraphs = section.split("\n\n")
    assert paragraphs[0] == "Network: U-Net, encoder resnet18, decoder 32-16-16-8-8."
    assert paragraphs[1] == "A test."
    table = paragraphs[2].splitlines()
    assert len(table) == 4
    assert {line.count("|") for line in table} == {9}
    for text in ("| 1 |", "random weights", "5 of 8 steps, seed 1, 32-true", "| none |"):
        assert text in table[2]
    for text in (
        "| 2 second |",
        "the weights before",
        "0.001, decay 0.01, warm-up 2, EMA 0.8",
        "to 50%: 4 at 64x32; to 100%: 4 at 64x64, 64x32; each used 2 times",
        "30% composited, 4% empty rooms",
        "distillation 1, teacher auto from 25% of the steps on",
        "| 50% |",
    ):
        assert text in table[3]
    assert paragraphs[-1] == "- 2 second: On a laptop."


def test_nothing_noted() -> None:
    assert training_section(Contract()) == "Not noted in the file."
    assert training_section(Contract(note="Of a Learner.")) == "Of a Learner."
