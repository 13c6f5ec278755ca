from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from support.model_files import BRIGHT_AT_ITS_HEIGHT, write_model
from support.scenes import portrait

from bgblur.errors import ModelError, UsageError
from bgblur.gpu.stream import fetched, on_stream
from bgblur.segmentation import engine
from bgblur.segmentation.engine import (
    SHIPPED_MODELS,
    TorchEngine,
    check_shipped,
    choose_device,
    choose_precision,
)

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")
needs_int8 = pytest.mark.skipif(
    torch.backends.quantized.engine not in ("x86", "fbgemm", "onednn"),
    reason="torch has no int8 kernels for this processor",
)
SHIPPED = SHIPPED_MODELS["unet-resnet18"]
FIRST_PLANE = "    return image.float()[:, :, 0] / 255"


def text(path: Path) -> None:
    path.write_text("certainly no model\n" * 100)


def plain_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.txt", "certainly no model")


def state_dict(path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, path)


def half_of_one(path: Path) -> None:
    whole = SHIPPED.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def script(body: str, contract: str | None = '{"version": 1}') -> Callable[[Path], object]:
    return lambda path: write_model(path, body, contract)


BAD_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "there is no model file"),
    "folder": (lambda path: path.mkdir(), "there is no model file"),
    "empty": (lambda path: path.touch(), "is empty"),
    "text": (text, "is not a TorchScript model"),
    "zip": (plain_zip, "is not a TorchScript model"),
    "checkpoint": (state_dict, "is not a TorchScript model"),
    "cut short": (half_of_one, "is not a TorchScript model"),
    "other TorchScript": (script(FIRST_PLANE, None), "is not a bgblur model"),
    "other version": (script(FIRST_PLANE, '{"version": 3}'), "is not a bgblur model"),
    "contract no JSON": (script(FIRST_PLANE, "one"), "is not a bgblur model"),
    "contract no object": (script(FIRST_PLANE, "[1]"), "is not a bgblur model"),
    "three planes": (script("    return image.float() / 255"), "does not give alpha"),
    "nothing": (script("    return image.float()[:0, :, 0]"), "does not give alpha"),
    "half precision": (script("    return image.half()[:, :, 0] / 255"), "does not give alpha"),
    "not a number": (script("    return image.float()[:, :, 0] / 0"), "does not give alpha"),
    "logits": (script("    return image.float()[:, :, 0] - 5"), "does not give alpha"),
    "a tuple": (script(FIRST_PLANE + ", 1"), "it gives tuple, not a tensor"),
    "a failure": (script("    assert image.size(0) == 1\n    return image"), "does not run on cpu"),
    "no precision": (
        script(FIRST_PLANE, '{"version": 1, "cpu_precision": "fp13"}'),
        "is not a bgblur model",
    ),
    "a bad shape": (script("    return image.float().view(7, 11)"), "does not run on cpu"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_model_file_is_one_line(tmp_path: Path, name: str) -> None:
    make, said = BAD_FILES[name]
    path = tmp_path / "model.ts"
    make(path)
    with pytest.raises(ModelError, match=said) as caught:
        TorchEngine(str(path), "cpu", "fp32", 96)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert len(message) < 200 + len(str(path))


def test_a_model_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_model(tmp_path / "own.ts", BRIGHT_AT_ITS_HEIGHT)
    engine = TorchEngine("~/own.ts", "cpu", "fp32", 96)
    image = np.zeros((192, 256, 3), np.uint8)
    image[:, 128:] = 255
    alpha = engine.infer(engine.upload(image))
    assert alpha.shape == (96, 128)
    assert (alpha[:, :64] == 0).all()
    assert (alpha[:, 64:] == 1).all()


def test_what_fails_later_is_a_runtime_error(tmp_path: Path) -> None:
    """As the engine's interface says: TorchScript's own exceptions are none."""
    body = "    assert image.max() == 0, 'a bright picture'\n    return image.float()[:, :, 0]"
    engine = TorchEngine(str(write_model(tmp_path / "m.ts", body)), "cpu", "fp32", 96)
    with pytest.raises(RuntimeError, match="a bright picture"):
        engine.infer(np.full((96, 96, 3), 9, np.uint8))


# ------------------------------------------------------------ the shipped model


@pytest.fixture(scope="module")
def shipped() -> TorchEngine:
    return TorchEngine(device="cpu", precision="fp32")


SIZES = [(640, 360), (641, 361), (1280, 720), (360, 640), (333, 500), (64, 48), (1000, 120)]


@pytest.mark.parametrize("size", SIZES)
def test_shipped_model_takes_any_size(shipped: TorchEngine, size: tuple[int, int]) -> None:
    alpha = shipped.infer(portrait(*size))
    wide = round(160 * size[0] / size[1] / 32) * 32
    assert alpha.shape == (160, max(32, wide))
    assert alpha.dtype == np.float32
    assert np.isfinite(alpha).all()
    assert 0 <= alpha.min() <= alpha.max() <= 1


def test_shipped_model_finds_a_person(shipped: TorchEngine) -> None:
    alpha = shipped.infer(portrait(512, 512))
    rows, columns = alpha.shape
    face = alpha[rows * 5 // 32 : rows * 10 // 32, columns * 12 // 32 : columns * 16 // 32]
    corner = alpha[: rows // 10, -columns // 10 :]
    assert face.mean() > 0.9
    assert corner.mean() < 0.1


@pytest.mark.parametrize("height", [96, 128, 288])
def test_input_height_is_what_was_asked_for(height: int) -> None:
    engine = TorchEngine(device="cpu", precision="fp32", input_height=height)
    assert engine.input_height == height
    assert engine.infer(portrait(640, 360)).shape[0] == height


@pytest.mark.parametrize("model", [None, pytest.param("unet-resnet18-int8", marks=needs_int8)])
def test_alpha_on_the_cpu_needs_no_optimised_code(shipped: TorchEngine, model: str | None) -> None:
    here = TorchEngine(model, "cpu") if model else shipped
    image = portrait(640, 360)
    with torch.inference_mode():
        for _ in range(3):  # it profiles twice
            optimised = here._module(torch.from_numpy(image), 160)
    assert np.array_equal(here.infer(image), optimised.numpy())


def test_bf16_agrees_with_fp32(shipped: TorchEngine) -> None:
    bf16 = TorchEngine(device="cpu", precision="bf16")
    for size in ((512, 512), (641, 361), (360, 640)):
        apart = np.abs(shipped.infer(portrait(*size)) - bf16.infer(portrait(*size)))
        assert apart.max() < 0.1
        assert apart.mean() < 0.01


def test_beside_a_gpu_few_threads_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "choose_device", lambda wanted: wanted)
    monkeypatch.setattr(engine, "_THREADS", 16)
    monkeypatch.setattr(engine, "_CV_THREADS", 16)
    before = torch.get_num_threads(), cv2.getNumThreads()
    try:
        for device, threads in (("cpu", (15, 16)), ("cuda", (4, 4)), ("cpu", (15, 16))):
            engine.share_cores(device)
            assert (torch.get_num_threads(), cv2.getNumThreads()) == threads
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_cuda_agrees_with_the_cpu(precision: str) -> None:
    here = TorchEngine(device="cpu", precision="fp32", input_height=288)
    there = TorchEngine(device="cuda", precision=precision)
    assert there.input_height == 288
    for size in ((640, 360), (641, 361), (360, 640)):
        image = portrait(*size)
        with on_stream("cuda"):  # as Matting does
            alpha = there.infer(there.upload(image))
        assert alpha.is_cuda
        apart = np.abs(here.infer(image) - fetched(alpha))
        assert apart.mean() < 0.01


@pytest.mark.gpu
@needs_cuda
def test_auto_is_cuda_in_half_precision() -> None:
    engine = TorchEngine()
    assert (engine.device, engine.precision, engine.input_height) == ("cuda", "fp16", 288)


def test_a_shipped_model_by_its_name() -> None:
    assert engine.shipped_model("unet.ts", "cpu") is None
    for name, path in SHIPPED_MODELS.items():
        assert path.stem == name
        assert engine.shipped_model(name, "cpu") == path
        check_shipped(path)
        assert TorchEngine(name, "cpu", "auto", 96).infer(portrait(160, 96)).shape[0] == 96


def test_an_unknown_name_lists_the_shipped_ones() -> None:
    with pytest.raises(ModelError, match=r"unet-huge: .*auto, unet-resnet18, unet-res"):
        TorchEngine("unet-huge", "cpu", "fp32")


def test_a_damaged_shipped_file_is_refused_whichever_way_it_is_chosen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    changed = write_model(tmp_path / "unet-resnet18.ts", BRIGHT_AT_ITS_HEIGHT)
    monkeypatch.setitem(engine.SHIPPED_MODELS, "unet-resnet18", changed)
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  unet-resnet18.ts\n")
    for wanted in ("auto", "unet-resnet18"):
        with pytest.raises(ModelError, match="damaged or changed"):
            TorchEngine(wanted, "cpu", "fp32", 96)


# ------------------------------------------------------------ integrity, device, precision


def test_a_changed_shipped_file_is_refused(tmp_path: Path) -> None:
    shutil.copy(SHIPPED.parent / "SHA256SUMS", tmp_path)
    changed = bytearray(SHIPPED.read_bytes())
    changed[len(changed) // 2] ^= 1
    (tmp_path / SHIPPED.name).write_bytes(changed)
    with pytest.raises(ModelError, match="damaged or changed"):
        check_shipped(tmp_path / SHIPPED.name)


def test_another_files_sum_does_not_count(tmp_path: Path) -> None:
    model = tmp_path / "model.ts"
    model.write_bytes(b"x")
    digest = hashlib.sha256(b"x").hexdigest()
    (tmp_path / "SHA256SUMS").write_text(f"{digest}  other.ts\n")
    with pytest.raises(ModelError, match="damaged or changed"):
        check_shipped(model)
    (tmp_path / "SHA256SUMS").write_text(f"{digest}  other.ts\n{digest}  model.ts\n")
    check_shipped(model)


@pytest.mark.parametrize("left", ["model.ts", "SHA256SUMS"])
def test_an_incomplete_installation_is_refused(tmp_path: Path, left: str) -> None:
    (tmp_path / left).touch()
    with pytest.raises(ModelError, match=r"No such file.*install bgblur again"):
        check_shipped(tmp_path / "model.ts")


def test_device_that_is_not_there() -> None:
    absent = "cuda:63" if torch.cuda.is_available() else "cuda"
    for wanted in (absent, "mps") if not torch.backends.mps.is_available() else (absent,):
        with pytest.raises(UsageError, match=f'engine.device is "{wanted}".*"auto" or "cpu"'):
            choose_device(wanted)


def test_device_that_is_there() -> None:
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
        faster = native and engine.bf16_is_faster()
        assert choose_precision(wanted, device) == ("bf16" if faster else "fp32")
    else:
        assert choose_precision(wanted, device) == "fp16"


@pytest.mark.parametrize(("faster", "chosen"), [(True, "bf16"), (False, "fp32")])
def test_bf16_only_where_it_is_faster(
    monkeypatch: pytest.MonkeyPatch, faster: bool, chosen: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    monkeypatch.setattr(engine, "bf16_is_faster", lambda: faster)
    assert choose_precision("auto", "cpu") == chosen


def test_a_model_may_know_the_precision_it_is_fastest_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    monkeypatch.setattr(engine, "bf16_is_faster", lambda: True)
    body = "    return image.float()[:, :, 0] / 255"
    contract = '{"version": 1, "cpu_precision": "fp32"}'
    path = str(write_model(tmp_path / "knows.ts", body, contract))
    with monkeypatch.context() as patch:
        patch.setattr(engine, "bf16_is_faster", lambda: pytest.fail("it takes time to try"))
        assert TorchEngine(path, "cpu", "auto", 96).precision == "fp32"
    assert TorchEngine(path, "cpu", "bf16", 96).precision == "bf16"  # the user's word counts
    plain = str(write_model(tmp_path / "plain.ts", body))
    assert TorchEngine(plain, "cpu", "auto", 96).precision == "bf16"
