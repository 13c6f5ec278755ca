from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgblur.errors import ModelError
from bgblur.segmentation.ladder import HEIGHTS, Ladder, Rung, read_table
from bgblur.segmentation.models import SHIPPED_IR

RUNGS = st.builds(
    Rung,
    st.sampled_from("abc"),
    st.sampled_from(HEIGHTS["cpu"]),
    st.integers(1, 9).map(float),
    st.integers(1, 9).map(float),
)


@given(st.lists(RUNGS, min_size=1, max_size=20, unique=True))
def test_only_rungs_without_a_better_one_are_climbed(measured: list[Rung]) -> None:
    rungs = Ladder(measured).rungs
    for lower, higher in pairwise(rungs):
        assert lower.cost < higher.cost
        assert lower.accuracy < higher.accuracy
    for rung in measured:
        assert any(r.cost <= rung.cost and r.accuracy >= rung.accuracy for r in rungs)


def test_what_a_network_made_superfluous_comes_back_without_it() -> None:
    best, worse = Rung("a", 96, 1.0, 5.0), Rung("b", 96, 2.0, 4.0)
    ladder = Ladder([best, worse])
    assert ladder.rungs == (best,)
    without = ladder.without("a")
    assert without is not None
    assert without.rungs == (worse,)
    assert without.without("b") is None
    assert ladder.without("a", 128) is not None
    assert without.without("b", 96) is None


def test_a_stream_begins_on_the_network_that_needs_least() -> None:
    ladder = Ladder(
        [
            *(
                Rung("a", height, cost, cost)
                for height, cost in ((96, 1.0), (128, 1.8), (160, 3.0))
            ),
            Rung("b", 96, 1.9, 1.9),
        ]
    )
    assert ladder.start() == Rung("a", 128, 1.8, 1.8)


def test_the_shipped_table() -> None:
    table = read_table()
    assert {rung.model for rung in table} == set(SHIPPED_IR)
    assert {rung.height for rung in table} == set(HEIGHTS["cpu"])
    assert len({(rung.model, rung.height) for rung in table}) == len(table)
    assert all(0 < rung.accuracy < 1 and rung.cost > 0 for rung in table)
    assert len(Ladder(table).rungs) >= 5


@pytest.mark.parametrize(
    "text", ["", "rung = [", "rung = 3", "rung = [{ model = 'a' }]", "rung = [{ surprise = 1 }]"]
)
def test_a_damaged_table_is_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "ladder.toml"
    path.write_text(text)
    with pytest.raises(ModelError, match="install bgblur again"):
        read_table(path)
    with pytest.raises(ModelError, match="install bgblur again"):
        read_table(tmp_path / "missing.toml")
