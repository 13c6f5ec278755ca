"""A converted network returns the same alpha as the Learner itself."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import typer
from support.scenes import portrait
from support.training.fastai_learners import (
    IMAGENET,
    SIZE,
    colourful,
    eager,
    export,
    loaders,
    predicted,
    small,
    vision,
)
from torch import nn
from typer.testing import CliRunner

from bgblur.errors import UsageError
from bgblur.segmentation.contract import contract_of
from bgblur.segmentation.engine_torch import TorchEngine
from bgblur.segmentation.matting import Matting
from bgblur.segmentation.options import MaskOptions
from bgblur.stats import Stats
from bgblur.training.commands.import_fastai import import_fastai
from bgblur.training.fastai.importing import convert, read_learner

pytest_plugins = ["support.training.fastai_learners"]
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def learner(pictures: Path) -> Any:
    """A ResNet-18 U-Net after a few steps."""
    torch.manual_seed(0)
    built = vision.unet_learner(
        loaders(pictures), vision.resnet18, pretrained=False, opt_func=vision.SGD
    )
    with built.no_bar(), built.no_logging():
        built.fit(2, 0.02)
    return built


@pytest.fixture(scope="module")
def exported(learner: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(learner, tmp_path_factory.mktemp("learner") / "export.pkl", pickle)


@pytest.fixture(scope="module")
def output(exported: Path) -> str:
    """The command's output; it writes model.ts into the learner's folder."""
    app = typer.Typer()
    app.command()(import_fastai)
    done = CliRunner().invoke(app, [str(exported), str(exported.with_name("model.ts")), "--trust"])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(scope="module")
def model(exported: Path, output: str) -> Path:
    return exported.with_name("model.ts")


def test_alpha_is_the_learners_own(learner: Any, model: Path) -> None:
    engine = TorchEngine(str(model), "cpu", "fp32", SIZE[0])
    image = colourful(*SIZE)
    expected = predicted(learner, image)
    assert expected.std() > 0.02
    np.testing.assert_allclose(engine.infer(image), expected, atol=1e-2)
    swapped = engine.infer(np.ascontiguousarray(image[..., ::-1]))
    assert np.abs(swapped - expected).max() > 0.05  # the order of the channels matters


def test_it_learnt_what_a_person_is(model: Path, pictures: Path) -> None:
    engine = TorchEngine(str(model), "cpu", "fp32", SIZE[0])
    alphas, masks = [], []
    for i in range(10):
        image = cv2.imread(str(pictures / f"{i}.png"))
        alphas.append(engine.infer(np.asarray(image, np.uint8)))
        mask_file = str(pictures / f"{i}_mask.png")
        masks.append(np.asarray(cv2.imread(mask_file, cv2.IMREAD_GRAYSCALE)) > 0)
    alpha, mask = np.stack(alphas), np.stack(masks)
    assert alpha[mask].mean() > alpha[~mask].mean() + 0.2


@pytest.mark.parametrize("size", [(96, 160), (64, 160), (128, 96)])
def test_it_runs_at_sizes_it_was_not_traced_at(
    learner: Any, model: Path, size: tuple[int, int]
) -> None:
    image = colourful(*size)
    alpha = TorchEngine(str(model), "cpu", "fp32", size[0]).infer(image)
    np.testing.assert_allclose(alpha, eager(learner, image), atol=1e-2)


@pytest.mark.parametrize(("precision", "size"), [("fp32", (360, 640)), ("bf16", (479, 333))])
def test_the_whole_matting_runs_it(model: Path, precision: str, size: tuple[int, int]) -> None:
    matting = Matting(TorchEngine(str(model), "cpu", precision, 96), Stats())
    alpha: Any = matting(portrait(*size[::-1]), MaskOptions())[1]
    assert alpha.shape == size
    assert 0 <= alpha.min() <= alpha.max() <= 1


def test_the_command_reports(output: str, model: Path) -> None:
    assert f"{model.stat().st_size / 1e6:.1f} MB, alpha within 0.00" in output
    assert "the person is class 1 of background, person" in output
    assert "trained on pictures 32 high" in output
    assert model.stat().st_size < 70e6  # half precision: 31 million weights
    assert contract_of(model).note.startswith("From the fastai Learner export.pkl, class 1")


@pytest.mark.parametrize("pickler", [pickle, None])
@pytest.mark.parametrize("stats", [(), (IMAGENET,), (([0.5, 0.4, 0.3], [0.2, 0.3, 0.1]), IMAGENET)])
def test_input_is_normalised_as_it_was(
    pictures: Path, tmp_path: Path, stats: Any, pickler: Any
) -> None:
    learner = small(pictures, stats=stats)
    imported = read_learner(export(learner, tmp_path / "export.pkl", pickler))
    convert(imported, tmp_path / "model.ts", "")
    image = colourful(*SIZE)
    alpha = TorchEngine(str(tmp_path / "model.ts"), "cpu", "fp32", SIZE[0]).infer(image)
    expected = predicted(learner, image)
    assert expected.std() > 0.02
    np.testing.assert_allclose(alpha, expected, atol=1e-2)


@pytest.mark.parametrize(
    ("codes", "wanted", "index"),
    [
        (("Person", "Background"), None, 0),
        (("me", "background"), None, 0),
        (("a", "b"), None, 1),
        (("a", "b"), "0", 0),
        (("a", "b"), "A", 0),
        (("person", "room"), "room", 1),
    ],
)
def test_the_persons_class(
    pictures: Path, tmp_path: Path, codes: tuple[str, ...], wanted: str | None, index: int
) -> None:
    learner = small(pictures, codes)
    imported = read_learner(export(learner, tmp_path / "export.pkl"), wanted)
    assert (imported.classes, imported.person) == (codes, index)
    images = torch.randn(1, 3, *SIZE, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        alpha = torch.sigmoid(imported.network(images))[:, 0]
        expected = learner.model.eval()(images).softmax(1)[:, index]
    torch.testing.assert_close(alpha, torch.as_tensor(expected))


@pytest.mark.parametrize("pickler", [pickle, None])
@pytest.mark.parametrize("kind", [list, np.array, vision.L])
def test_class_names_however_they_are_kept(
    pictures: Path, tmp_path: Path, kind: Any, pickler: Any
) -> None:
    path = export(small(pictures, kind(["me", "background"])), tmp_path / "export.pkl", pickler)
    assert read_learner(path).classes == ("me", "background")


def test_the_height_it_was_trained_at(pictures: Path, tmp_path: Path) -> None:
    learner = small(pictures)
    assert read_learner(export(learner, tmp_path / "export.pkl")).height == SIZE[0]
    learner.dls.add_tfms(vision.aug_transforms(size=(16, 24)), "after_batch")
    assert read_learner(export(learner, tmp_path / "export.pkl")).height == 16


@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated")
@pytest.mark.parametrize("pickler", [pickle, None])
def test_attention_and_normed_weights(pictures: Path, tmp_path: Path, pickler: Any) -> None:
    learner = small(pictures)
    stages = [m for i in (3, 8, 8, 8) for m in (nn.Conv2d(i, 8, 3, 2, 1), nn.ReLU())]
    learner.model = vision.DynamicUnet(
        nn.Sequential(*stages),
        2,
        SIZE,
        self_attention=True,
        blur=True,
        norm_type=vision.NormType.Weight,
    )
    attention = next(m for m in learner.model.modules() if isinstance(m, vision.SelfAttention))
    nn.init.constant_(attention.gamma, 0.5)
    imported = read_learner(export(learner, tmp_path / "export.pkl", pickler))
    convert(imported, tmp_path / "model.ts", "")
    image = colourful(64, 128)
    expected = eager(learner, image)
    assert expected.std() > 0.02
    alpha = TorchEngine(str(tmp_path / "model.ts"), "cpu", "fp32", 64).infer(image)
    np.testing.assert_allclose(alpha, expected, atol=1e-2)


def test_files_that_are_no_learner(exported: Path, model: Path, tmp_path: Path) -> None:
    torch.save({"model": {}, "opt": {}}, tmp_path / "weights.pth")  # what learn.save() writes
    (tmp_path / "text.pkl").write_text("no pickle")
    (tmp_path / "short.pkl").write_bytes(exported.read_bytes()[:100_000])
    for path in (tmp_path / "weights.pth", tmp_path / "text.pkl", tmp_path / "short.pkl", model):
        with pytest.raises(UsageError, match=r"is not an exported .* learn\.export\(\)$"):
            read_learner(path)
    with pytest.raises(UsageError, match="there is no file"):
        read_learner(tmp_path / "none.pkl")


def test_without_fastai(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastai", None)
    with pytest.raises(UsageError, match=r'pip install "bgblur\[fastai\]"'):
        read_learner(exported)
