from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from support.torch_marks import needs_cuda

from bgblur.compositing import blend_cuda
from bgblur.gpu import kernels as subject
from bgblur.gpu.kernels import kernels
from bgblur.gpu.stream import fetched, on_stream
from bgblur.imaging import color_torch, resize_torch
from bgblur.segmentation import edges_cuda, hysteresis_cuda, smoothing_cuda

ALL = [
    (hysteresis_cuda.SOURCE, hysteresis_cuda.NAMES),
    (resize_torch.SOURCE, tuple(resize_torch.NAMES.values())),
    (edges_cuda.SOURCE, edges_cuda.NAMES),
    (smoothing_cuda.SOURCE, smoothing_cuda.NAMES),
    (color_torch.SOURCE, (color_torch.NAME,)),
    (blend_cuda.SOURCE, (blend_cuda.NAME,)),
]


@pytest.mark.parametrize(("source", "names"), ALL)
def test_nvrtc_compiles_them_without_a_cuda_toolkit(
    source: str, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the GPUs of 2018 and of 2022; that takes no GPU."""
    if torch.version.cuda is None:
        pytest.skip("this torch has no NVRTC: it was built without CUDA")
    monkeypatch.setattr("torch.utils.cpp_extension.CUDA_HOME", None)
    for architecture in ("75", "90"):
        binary = subject.compiled(source, names[0], architecture)
        for name in names:
            assert f".text.{name}\0".encode() in binary  # the section of its code


def test_other_devices_have_no_kernels() -> None:
    assert kernels("nothing", ("nothing",), torch.device("cpu")) is None


def test_they_are_compiled_at_once_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []

    def compile_all(source: str, name: str, _architecture: None) -> tuple[bytes, str]:
        compiled.append(source)
        return b"binary", name

    def load(binary: bytes, names: list[str]) -> dict[str, Any]:
        return {name: lambda *call, name=name: launched.append((name, *call)) for name in names}

    launched: list[tuple[Any, ...]] = []
    monkeypatch.setattr(subject, "_enter", lambda index: None)
    monkeypatch.setattr("torch.cuda._utils._nvrtc_compile", compile_all)
    monkeypatch.setattr("torch.cuda._utils._cuda_load_module", load)
    monkeypatch.setattr(torch.cuda, "device", lambda index: nullcontext())
    subject._compiled.cache_clear()
    for _ in range(3):
        made = kernels("two kernels", ("one", "other"), torch.device("cuda:0"))
    assert compiled == ["two kernels"]
    assert made is not None
    made[1](300, 7)
    assert launched == [("other", (3, 1, 1), (128, 1, 1), [300, 7])]
    subject._compiled.cache_clear()


def test_a_failed_compilation_is_reported_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("no compiler here")

    monkeypatch.setattr(subject, "_enter", lambda index: None)
    monkeypatch.setattr("torch.cuda._utils._nvrtc_compile", refuse)
    monkeypatch.setattr(torch.cuda, "device", lambda index: caplog.at_level(logging.WARNING))
    subject._compiled.cache_clear()
    for _ in range(3):
        assert kernels("nothing", ("nothing",), torch.device("cuda:0")) is None
    assert caplog.text.count("no compiler here") == 1
    subject._compiled.cache_clear()


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize(("source", "names"), ALL)
def test_a_gpu_has_the_kernels(source: str, names: tuple[str, ...]) -> None:
    assert kernels(source, names, torch.device("cuda")) is not None


@pytest.mark.gpu
@needs_cuda
def test_a_new_thread_can_call_a_kernel() -> None:
    def planar() -> torch.Tensor:
        with on_stream("cuda"):
            return color_torch.to_i420(image)

    with on_stream("cuda"):
        image = torch.full((36, 64, 3), 200, dtype=torch.uint8, device="cuda")
    here = planar()
    del here  # memory for the other thread to use again, without a call
    with ThreadPoolExecutor(1) as pool:
        there = pool.submit(planar).result()
    assert fetched(there).tolist() == color_torch.to_i420(image.cpu()).tolist()
