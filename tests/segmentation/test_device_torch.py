"""Which device, precision and number of threads torch gets."""

from __future__ import annotations

import cv2
import pytest
import torch

from bgblur.errors import UsageError
from bgblur.segmentation import device_torch
from bgblur.segmentation.device_torch import choose_device, choose_precision


def test_a_gpu_leaves_few_threads_on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_torch, "choose_device", lambda wanted: wanted)
    monkeypatch.setattr(device_torch, "_THREADS", 16)
    monkeypatch.setattr(device_torch, "_CV_THREADS", 16)
    before = torch.get_num_threads(), cv2.getNumThreads()
    try:
        for device, threads in (("cpu", (15, 16)), ("cuda", (4, 4)), ("cpu", (15, 16))):
            device_torch.share_cores(device)
            assert (torch.get_num_threads(), cv2.getNumThreads()) == threads
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])


def test_a_missing_device_is_refused() -> None:
    absent = "cuda:63" if torch.cuda.is_available() else "cuda"
    for wanted in (absent, "mps") if not torch.backends.mps.is_available() else (absent,):
        with pytest.raises(UsageError, match=f'engine.device is "{wanted}".*"auto" or "cpu"'):
            choose_device(wanted)


def test_an_existing_device_is_chosen() -> None:
    assert choose_device("cpu") == "cpu"
    assert choose_device("auto") in ("cpu", "cuda", "mps")


@pytest.mark.parametrize("device", ["cpu", "cuda", "cuda:1", "mps"])
@pytest.mark.parametrize("wanted", ["auto", "fp32", "bf16", "fp16"])
def test_precision(wanted: str, device: str) -> None:
    if wanted == "fp16" and device == "cpu":
        with pytest.raises(UsageError, match="needs a GPU"):
            choose_precision(wanted, device)
    elif wanted != "auto":
        assert choose_precision(wanted, device) == wanted
    elif device == "cpu":
        features = torch.cpu.get_capabilities()
        native = features.get("avx512_bf16") or features.get("amx_bf16")
        faster = native and device_torch.bf16_is_faster()
        assert choose_precision(wanted, device) == ("bf16" if faster else "fp32")
    else:
        assert choose_precision(wanted, device) == "fp16"


@pytest.mark.parametrize(("faster", "chosen"), [(True, "bf16"), (False, "fp32")])
def test_bf16_only_where_it_is_faster(
    monkeypatch: pytest.MonkeyPatch, faster: bool, chosen: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    monkeypatch.setattr(device_torch, "bf16_is_faster", lambda: faster)
    assert choose_precision("auto", "cpu") == chosen
