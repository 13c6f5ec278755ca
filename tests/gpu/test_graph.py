from __future__ import annotations

import logging
from typing import Any

import pytest
import torch
from recorder import StaticRecorded, record_here
from torch import Tensor

from bgblur.gpu import graph
from bgblur.gpu.graph import Outputs, Replay

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")


def scaled(plane: Tensor, more: Tensor | None, factor: float) -> Outputs:
    total = plane if more is None else plane + more
    return total * factor, total.sum()


def ones(*shape: int) -> Tensor:
    return torch.ones(shape)


def test_elsewhere_the_work_is_done_as_it_is() -> None:
    replay = Replay(scaled, "cpu")
    for _ in range(30):
        plane, total = replay((ones(2, 3), None), 4.0)
        assert plane.tolist() == [[4.0] * 3] * 2
        assert float(total) == 6
    plane, _ = replay((ones(2, 3), ones(2, 3)), 4.0)
    assert plane.tolist() == [[8.0] * 3] * 2


def test_what_comes_often_is_recorded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    record_here(monkeypatch)
    replay = Replay(scaled, "cpu")
    given = [replay((i * ones(2), None), 2.0)[0] for i in range(30)]
    assert StaticRecorded.made == 1
    assert [plane.tolist() for plane in given] == [[2.0 * i] * 2 for i in range(30)]


def test_another_size_setting_or_missing_tensor_is_another_recording(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record_here(monkeypatch)
    replay = Replay(scaled, "cpu")
    for _ in range(12):
        assert replay((ones(2), None), 2.0)[0].tolist() == [2, 2]
        assert replay((ones(3), None), 2.0)[0].tolist() == [2, 2, 2]
        assert replay((ones(2), None), 3.0)[0].tolist() == [3, 3]
        assert replay((ones(2), ones(2)), 2.0)[0].tolist() == [4, 4]
    assert StaticRecorded.made == 4


def test_a_slider_on_its_way_is_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    record_here(monkeypatch)
    replay = Replay(scaled, "cpu")
    for factor in range(500):
        assert replay((ones(2), None), float(factor))[0].tolist() == [factor, factor]
    assert StaticRecorded.made == 0


def test_only_the_newest_recordings_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    record_here(monkeypatch)
    replay = Replay(scaled, "cpu")
    for factor in range(20):
        for _ in range(12):
            assert replay((ones(2), None), float(factor))[0].tolist() == [factor, factor]
    assert StaticRecorded.made == 20
    assert len(replay._recorded) == graph._KEPT


def test_what_cannot_be_recorded_is_done_as_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing")

    record_here(monkeypatch)
    monkeypatch.setattr(graph, "_Recorded", refuse)
    replay = Replay(scaled, "cpu")
    with caplog.at_level(logging.WARNING):
        for _ in range(30):
            assert replay((ones(2), None), 2.0)[0].tolist() == [2, 2]
    assert len(caplog.records) == 1  # said once
    assert "cannot be recorded" in caplog.text


@pytest.mark.gpu
@needs_cuda
def test_a_graph_gives_what_the_work_gives_and_takes_no_new_memory() -> None:
    replay = Replay(scaled, "cuda")
    for i in range(20):
        plane, total = replay((torch.full((720, 1280), float(i), device="cuda"), None), 2.0)
        assert float(plane.min()) == float(plane.max()) == 2 * i
        assert float(total) == i * 720 * 1280
    assert len(replay._recorded) == 1
    before = torch.cuda.memory_stats()["num_device_alloc"]
    for i in range(50):
        replay((torch.full((720, 1280), float(i), device="cuda"), None), 2.0)
    assert torch.cuda.memory_stats()["num_device_alloc"] == before
