"""OpenVINO gives TorchScript's alpha, in static shapes, and says what is wrong with a file."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.scenes import portrait

from bgblur.errors import ModelError, UsageError
from bgblur.segmentation import engine_openvino, openvino_core
from bgblur.segmentation.engine_openvino import OpenVinoEngine
from bgblur.segmentation.engine_torch import TorchEngine
from bgblur.segmentation.models import SHIPPED_IR
from bgblur.segmentation.openvino_import import import_openvino

ov = import_openvino()
LITE = SHIPPED_IR["unet-lite"]


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setattr(openvino_core, "cache_folder", lambda: folder)
    monkeypatch.setattr(openvino_core, "core", openvino_core.core.__wrapped__)
    return folder


def write_ir(path: Path, body: Any, contract: str | None = '{"version": 2}') -> Path:
    """``body`` makes the output from the picture, a node of float32 (1, 3, ?, ?)."""
    picture = ov.opset13.parameter([1, 3, -1, -1], np.float32, "picture")
    model = ov.Model([body(picture)], [picture], "model")
    if contract is not None:
        model.set_rt_info(contract, ["bgblur"])
    ov.save_model(model, path)
    return path


def bright(picture: Any) -> Any:
    """Bright pixels are the person."""
    ops = ov.opset13
    mean = ops.reduce_mean(picture, ops.constant([1], np.int64), keep_dims=True)
    return ops.convert(ops.greater(mean, ops.constant(127.0, np.float32)), "f32")


@pytest.mark.parametrize("model", ["unet-lite", "unet-resnet18"])
@pytest.mark.parametrize(
    ("height", "size"),
    [(96, (1280, 720)), (160, (640, 360)), (288, (1280, 720)), (160, (120, 90)), (128, (500, 500))],
)
def test_alpha_is_that_of_torchscript(model: str, height: int, size: tuple[int, int]) -> None:
    picture = portrait(*size)
    expected = TorchEngine(model, "cpu", "fp32", height).infer(picture)
    found = OpenVinoEngine(model, "fp32", height).infer(picture)
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    assert (expected > 0.9).mean() > 0.05, "a picture without a person would prove little"
    apart = np.abs(found - expected)
    assert apart.mean() < 0.01
    assert apart.max() < 0.05


@pytest.mark.parametrize("height", [96, 288])
def test_int8_differs_little_from_single_precision(height: int) -> None:
    picture = portrait(1280, 720)
    expected = TorchEngine("unet-lite", "cpu", "fp32", height).infer(picture)
    engine = OpenVinoEngine("auto", "int8", height)
    assert engine.precision == "int8"
    apart = np.abs(engine.infer(picture) - expected)
    assert 0 < apart.mean() < 0.01


@pytest.mark.parametrize("threads", [1, None])
def test_each_shape_is_compiled_once_and_few_are_kept(threads: int | None, own_cache: Path) -> None:
    engine = OpenVinoEngine("unet-lite", "auto", 96, threads)
    first = engine.infer(portrait(160, 96))
    request = engine._requests[96, 160]
    for height in (128, 160, 192, 96, 288):
        engine.input_height = height
        assert engine.infer(portrait(160, 96)).shape[0] == height
        assert len(engine._requests) <= engine_openvino._KEPT
    engine.input_height = 96
    np.testing.assert_array_equal(engine.infer(portrait(160, 96)), first)
    assert engine._requests[96, 160] is request
    assert list(own_cache.glob("*.blob")), "the next start need not compile"


def test_a_damaged_cache_is_compiled_again(own_cache: Path) -> None:
    expected = OpenVinoEngine("unet-lite", "auto", 96).infer(portrait(160, 96))
    for blob in own_cache.glob("*.blob"):
        content = blob.read_bytes()
        blob.write_bytes(content[: len(content) // 2])
    found = OpenVinoEngine("unet-lite", "auto", 96).infer(portrait(160, 96))
    np.testing.assert_array_equal(found, expected)


def test_without_a_cache_folder_it_runs(own_cache: Path) -> None:
    own_cache.write_text("not a folder")
    assert OpenVinoEngine("unet-lite", "auto", 96).infer(portrait(160, 96)).shape == (96, 160)


def test_an_own_model(tmp_path: Path) -> None:
    path = write_ir(tmp_path / "own.xml", bright)
    engine = OpenVinoEngine(str(path), "auto", 96)
    picture = np.zeros((96, 160, 3), np.uint8)
    picture[:, 80:] = 255
    assert engine.precision == "fp32"
    np.testing.assert_array_equal(engine.infer(picture), picture[..., 0] / 255)


@pytest.mark.parametrize("what", ["logits", "nan", "flat"])
def test_what_is_not_an_alpha_is_refused(tmp_path: Path, what: str) -> None:
    def body(picture: Any) -> Any:
        ops = ov.opset13
        if what == "flat":
            return ops.reduce_mean(picture, ops.constant([1, 2, 3], np.int64))
        wrong = {"logits": -7.0, "nan": float("nan")}[what]
        return ops.add(bright(picture), ops.constant(wrong, np.float32))

    path = write_ir(tmp_path / "wrong.xml", body)
    with pytest.raises(ModelError, match=r"wrong\.xml does not"):
        OpenVinoEngine(str(path), "auto", 96)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no model file"):
        OpenVinoEngine(str(tmp_path / "none.xml"))
    for name, text in (("empty.xml", ""), ("text.xml", "text"), ("other.xml", "<net></net>")):
        (tmp_path / name).write_text(text)
        with pytest.raises(ModelError, match="is not a bgblur model, or it is damaged"):
            OpenVinoEngine(str(tmp_path / name))
    without = write_ir(tmp_path / "without.xml", bright, contract=None)
    with pytest.raises(ModelError, match="is not a bgblur model"):
        OpenVinoEngine(str(without))
    shutil.copy(LITE, tmp_path / "alone.xml")  # its .bin is missing
    with pytest.raises(ModelError, match=r"alone\.xml does not run"):
        OpenVinoEngine(str(tmp_path / "alone.xml"), "auto", 96)


@pytest.mark.parametrize("ending", [".xml", ".bin"])
def test_a_changed_shipped_file_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ending: str
) -> None:
    for path in (LITE, LITE.with_suffix(".bin"), LITE.with_name("SHA256SUMS")):
        shutil.copy(path, tmp_path)
    monkeypatch.setitem(SHIPPED_IR, "unet-lite", tmp_path / LITE.name)
    OpenVinoEngine("unet-lite", "auto", 96)
    changed = (tmp_path / LITE.name).with_suffix(ending)
    content = bytearray(changed.read_bytes())
    content[len(content) // 2] ^= 1
    changed.write_bytes(content)
    with pytest.raises(ModelError, match="damaged or changed"):
        OpenVinoEngine("unet-lite", "auto", 96)


def test_precisions(tmp_path: Path) -> None:
    path = str(write_ir(tmp_path / "own.xml", bright))
    with pytest.raises(UsageError, match="needs a GPU"):
        OpenVinoEngine(path, "fp16", 96)
    with pytest.raises(UsageError, match=r"own\.xml is not int8: .*--int8"):
        OpenVinoEngine(path, "int8", 96)
    int8 = str(write_ir(tmp_path / "int8.xml", bright, '{"version": 2, "cpu_precision": "int8"}'))
    assert OpenVinoEngine(int8, "auto", 96).precision == "int8"
    with pytest.raises(UsageError, match=r"is int8: set engine\.precision"):
        OpenVinoEngine(int8, "fp32", 96)


def test_a_picture_that_is_too_wide_is_refused() -> None:
    engine = OpenVinoEngine("unet-lite", "auto", 96)
    with pytest.raises(RuntimeError, match="too wide"):
        engine.infer(np.zeros((4, 4000, 3), np.uint8))


def test_sizes_are_compiled_beside_the_stream() -> None:
    """What a live stream's ladder needs before it steps: both sizes of a height that has two."""
    engine = OpenVinoEngine("unet-lite", input_height=96)
    picture = portrait(320, 180)
    before = engine.infer(picture)
    assert engine.compiled(96, 180, 320)
    assert not engine.compiled(256, 180, 320)
    loads = threading.Thread(target=engine.compile, args=(256, 180, 320))
    loads.start()
    while loads.is_alive():
        np.testing.assert_array_equal(engine.infer(picture), before)
    assert engine.compiled(256, 180, 320)
    assert not engine.compiled(256, 240, 320)
    known = set(engine._requests)
    engine.input_height = 256
    engine.infer(picture)
    assert set(engine._requests) == known


def test_a_size_that_cannot_be_compiled_is_one_line(tmp_path: Path) -> None:
    engine = OpenVinoEngine(str(write_ir(tmp_path / "own.xml", bright)), input_height=96)
    (tmp_path / "own.xml").unlink()
    with pytest.raises(RuntimeError, match=r"^[^\n]+$"):
        engine.compile(160, 180, 320)
