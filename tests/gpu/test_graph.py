from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
import torch
from support.static_graph import StaticRecorded, record_here
from support.torch_marks import needs_cuda
from torch import Tensor

from bgblur.bench.run import _wait_for_gpu
from bgblur.gpu import graph
from bgblur.gpu.graph import Outputs, Replay
from bgblur.gpu.stream import on_stream


def scaled(plane: Tensor, more: Tensor | None, factor: float) -> Outputs:
    total = plane if more is None else plane + more
    return total * factor, total.sum()


def ones(*shape: int) -> Tensor:
    return torch.ones(shape)


def test_on_other_devices_the_work_is_called_directly() -> None:
    replay = Replay(scaled, "cpu")
    for _ in range(30):
        plane, total = replay((ones(2, 3), None), 4.0)
        assert plane.tolist() == [[4.0] * 3] * 2
        assert float(total) == 6
    plane, _ = replay((ones(2, 3), ones(2, 3)), 4.0)
    assert plane.tolist() == [[8.0] * 3] * 2


def test_frequent_work_is_recorded_once(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_moving_slider_is_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
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


def refusing(monkeypatch: pytest.MonkeyPatch, times: int) -> list[int]:
    """Recording fails so many times; what is given grows with each try."""
    record_here(monkeypatch)
    tries: list[int] = []

    def refuse(*arguments: Any) -> Any:
        tries.append(len(tries))
        if len(tries) > times:
            return StaticRecorded(*arguments)
        try:
            raise RuntimeError("a library was not ready\nfor more, read the manual")
        except RuntimeError as error:
            raise RuntimeError("a previous error during capture") from error

    monkeypatch.setattr(graph, "_Recorded", refuse)
    return tries


def test_work_that_cannot_be_recorded_is_called_directly(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries = refusing(monkeypatch, times=1000)
    replay = Replay(scaled, "cpu")
    with caplog.at_level(logging.WARNING):
        for i in range(1000):
            assert replay((i * ones(2), None), 2.0)[0].tolist() == [2 * i, 2 * i]
    assert len(tries) == graph._TRIES
    assert len(caplog.records) == 1  # said once
    assert "cannot be recorded" in caplog.text
    assert "capture; after: a library was not ready" in caplog.text
    assert "manual" not in caplog.text


def test_a_failed_recording_is_tried_again_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries = refusing(monkeypatch, times=graph._TRIES - 1)
    replay = Replay(scaled, "cpu")
    with caplog.at_level(logging.WARNING):
        for i in range(1000):
            assert replay((i * ones(2), None), 2.0)[0].tolist() == [2 * i, 2 * i]
            if i == 30:
                assert len(tries) == 1  # not at once
    assert len(tries) == graph._TRIES
    assert StaticRecorded.made == 1
    assert not caplog.records


def test_a_recording_is_kept_when_a_later_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    record_here(monkeypatch)
    replay = Replay(scaled, "cpu")
    for _ in range(12):
        replay((ones(2), None), 2.0)
    refusing(monkeypatch, times=1000)
    for _ in range(1000):
        replay((ones(3), None), 2.0)
    computed = []

    def noted(*arguments: Any) -> Outputs:
        computed.append(arguments)
        return scaled(*arguments)

    monkeypatch.setattr(next(iter(replay._recorded.values())), "_work", noted)
    replay((ones(2), None), 2.0)
    assert len(computed) == 1


def test_a_thread_that_hangs_in_a_recording_blocks_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record_here(monkeypatch)
    replay = Replay(scaled, "cpu")
    with graph._recording:
        for i in range(30):
            assert replay((i * ones(2), None), 2.0)[0].tolist() == [2 * i, 2 * i]
        assert StaticRecorded.made == 0
    assert replay((ones(2), None), 2.0)[0].tolist() == [2, 2]
    assert StaticRecorded.made == 1


@pytest.mark.gpu
@needs_cuda
def test_a_graph_gives_the_same_and_allocates_nothing() -> None:
    replay = Replay(scaled, "cuda")
    with on_stream("cuda"):
        for i in range(20):
            plane, total = replay((torch.full((720, 1280), float(i), device="cuda"), None), 2.0)
            assert float(plane.min()) == float(plane.max()) == 2 * i
            assert float(total) == i * 720 * 1280
        assert len(replay._recorded) == 1
        before = torch.cuda.memory_stats()["num_device_alloc"]
        for i in range(50):
            replay((torch.full((720, 1280), float(i), device="cuda"), None), 2.0)
    assert torch.cuda.memory_stats()["num_device_alloc"] == before


@pytest.mark.gpu
@needs_cuda
def test_a_failed_recording_leaves_nothing_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A wait for the device is what cannot be recorded; all else goes on as before."""
    spoilt: list[int] = []

    def work(plane: Tensor) -> Outputs:
        if not spoilt and torch.cuda.is_current_stream_capturing():
            spoilt.append(1)
            torch.cuda.synchronize()
        return (2 * plane,)

    replay = Replay(work, "cuda")
    with on_stream("cuda"), caplog.at_level(logging.INFO):
        before = torch.cuda.current_stream()
        for i in range(100):
            plane = torch.full((720, 1280), float(i), device="cuda")
            assert float(replay((plane,))[0].max()) == 2 * i
            assert torch.cuda.current_stream() == before
    assert caplog.text.count("was not recorded") == 1
    assert len(replay._recorded) == 1


@pytest.mark.gpu
@needs_cuda
def test_other_threads_go_on_while_work_is_recorded(caplog: pytest.LogCaptureFixture) -> None:
    """They take memory, read what they computed and wait as bench does."""
    over = threading.Event()
    failures: list[BaseException] = []

    def busy() -> None:
        try:
            with torch.cuda.stream(torch.cuda.Stream()):
                while not over.is_set():
                    side = int(torch.randint(50, 500, ()))
                    plane = torch.ones((side, side), device="cuda")
                    assert float(plane.sum()) == side * side
                    assert _wait_for_gpu()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        replay = Replay(scaled, "cuda")
        with on_stream("cuda"), caplog.at_level(logging.INFO):
            for factor in range(1, 9):
                for i in range(12):
                    plane = torch.full((72, 128), float(i), device="cuda")
                    assert float(replay((plane, None), float(factor))[0].max()) == factor * i
    finally:
        over.set()
        thread.join()
    assert not failures
    assert "recorded" not in caplog.text
