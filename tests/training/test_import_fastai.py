from __future__ import annotations

import os
import pickle
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import typer
from scenes import portrait
from torch import nn
from training_data import person, picture
from typer.testing import CliRunner

from bgblur.errors import ModelError, UsageError
from bgblur.frame import Image
from bgblur.segmentation.engine import TorchEngine
from bgblur.segmentation.matting import Matting
from bgblur.segmentation.options import MaskOptions
from bgblur.stats import Stats
from bgblur.training.commands.import_fastai import import_fastai
from bgblur.training.export import read_note
from bgblur.training.fastai_import import convert, read_learner

vision = pytest.importorskip("fastai.vision.all", reason='pip install "bgblur[fastai]"')

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "import_fastai.py"
SIZE = (32, 64)
CODES = ("background", "person")
IMAGENET = vision.imagenet_stats


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other make small pictures slow on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(5)
    for i in range(10):
        mask = person(*SIZE, rng)
        cv2.imwrite(str(folder / f"{i}.png"), picture(mask, rng))
        cv2.imwrite(str(folder / f"{i}_mask.png"), mask.astype(np.uint8))
    return folder


def create_mask(path: Path) -> Any:
    """As the tutorial's, which lived in its notebook."""
    return vision.PILMask.create(path.with_name(f"{path.stem}_mask.png"))


class Own(nn.Module):
    """A layer of the notebook's."""

    def forward(self, x: Any) -> Any:
        return x


create_mask.__module__ = Own.__module__ = "__main__"


def loaders(pictures: Path, codes: Any = CODES, stats: Any = (IMAGENET,)) -> Any:
    return vision.SegmentationDataLoaders.from_label_func(
        pictures,
        bs=4,
        fnames=[pictures / f"{i}.png" for i in range(10)],
        label_func=create_mask,
        codes=codes,
        item_tfms=[vision.Resize(SIZE)],
        batch_tfms=[vision.Normalize.from_stats(*each) for each in stats],
        num_workers=0,
    )


def export(learner: Any, path: Path, pickler: Any = None) -> Path:
    """As the tutorial did; fastai pickled with ``pickle`` then and does with cloudpickle now."""
    learner.path = path.parent
    with pytest.MonkeyPatch.context() as patch:
        for thing in (create_mask, Own):
            patch.setattr(sys.modules["__main__"], thing.__name__, thing, raising=False)
        learner.export(path.name, **({} if pickler is None else {"pickle_module": pickler}))
    return path


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
    """What the command says; it writes model.ts beside the learner."""
    app = typer.Typer()
    app.command()(import_fastai)
    done = CliRunner().invoke(app, [str(exported), str(exported.with_name("model.ts")), "--trust"])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(scope="module")
def model(exported: Path, output: str) -> Path:
    return exported.with_name("model.ts")


def small(pictures: Path, codes: Any = CODES, stats: Any = (IMAGENET,)) -> Any:
    """A Learner whose DynamicUnet has a tiny encoder, untrained."""
    torch.manual_seed(1)
    stages = [nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU()]
    unet = vision.DynamicUnet(nn.Sequential(*stages), len(codes), SIZE)
    with torch.no_grad():
        unet.layers[-2][0].weight *= 5  # surer of itself than a new network is
    return vision.Learner(
        loaders(pictures, codes, stats), unet, loss_func=vision.CrossEntropyLossFlat(axis=1)
    )


def colourful(height: int, width: int) -> Image:
    """Structure in every channel, unlike in each."""
    seed: Any = np.random.default_rng(2).integers(0, 256, (8, 8, 3), np.uint8)
    return cv2.resize(seed, (width, height), interpolation=cv2.INTER_CUBIC)


def predicted(learner: Any, image: Image) -> Any:
    """What the Learner itself makes of a BGR image: probability of class 1."""
    with learner.no_bar(), learner.no_logging():
        return learner.predict(np.ascontiguousarray(image[..., ::-1]))[2][1].numpy()


def eager(learner: Any, image: Image) -> Any:
    """The same, of the Learner's network, at the image's own size."""
    rgb = torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)[None] / 255
    mean, std = (torch.tensor(each).view(1, 3, 1, 1) for each in IMAGENET)
    with torch.inference_mode():
        return learner.model.eval()((rgb - mean) / std).softmax(1)[0, 1].numpy()


def test_alpha_is_the_learners_own(learner: Any, model: Path) -> None:
    engine = TorchEngine(str(model), "cpu", "fp32", SIZE[0])
    image = colourful(*SIZE)
    expected = predicted(learner, image)
    assert expected.std() > 0.02
    np.testing.assert_allclose(engine.infer(image), expected, atol=1e-2)
    swapped = engine.infer(np.ascontiguousarray(image[..., ::-1]))
    assert np.abs(swapped - expected).max() > 0.05  # it minds the order of the channels


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
    assert read_note(model).startswith("From the fastai Learner export.pkl, class 1")


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


def test_a_class_that_is_not_there(pictures: Path, tmp_path: Path) -> None:
    path = export(small(pictures), tmp_path / "export.pkl")
    with pytest.raises(UsageError, match=r"no class cat: .* one of background, person, 0, 1"):
        read_learner(path, "cat")


@pytest.mark.parametrize("pickler", [pickle, None])
def test_networks_it_cannot_use(pictures: Path, tmp_path: Path, pickler: Any) -> None:
    three = small(pictures, ("background", "person", "dog"))
    with pytest.raises(UsageError, match="has 3 classes: train one with two"):
        read_learner(export(three, tmp_path / "three.pkl", pickler))
    other = small(pictures)
    other.model = nn.Sequential(nn.Conv2d(3, 2, 1))
    with pytest.raises(UsageError, match="is a Sequential: only a unet_learner's"):
        read_learner(export(other, tmp_path / "other.pkl", pickler))
    strange = small(pictures)
    strange.model.layers[0].append(Own())
    with pytest.raises(UsageError, match=r"has parts of __main__\.Own: only those of fastai"):
        read_learner(export(strange, tmp_path / "strange.pkl", pickler))


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


def test_weights_beyond_half_precision_are_refused(pictures: Path, tmp_path: Path) -> None:
    imported = read_learner(export(small(pictures), tmp_path / "export.pkl"))
    with torch.no_grad():
        next(imported.network.parameters()).mul_(1e7)
    (tmp_path / "model.ts").write_text("old")
    with pytest.raises(ModelError, match="half precision"):
        convert(imported, tmp_path / "model.ts", "")
    assert (tmp_path / "model.ts").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2


class Touch:
    """A pickle of it runs a command where pickles are believed."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


def test_what_the_pickle_carries_does_not_run(pictures: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    learner = small(pictures)
    learner.more = Touch(marker)
    path = export(learner, tmp_path / "export.pkl", pickle)
    assert read_learner(path).classes == CODES
    torch.save(Touch(marker), tmp_path / "bare.pkl")
    with pytest.raises(UsageError, match="not an exported fastai Learner"):
        read_learner(tmp_path / "bare.pkl")
    assert not marker.exists()
    torch.load(tmp_path / "bare.pkl", weights_only=False)
    assert marker.exists()  # elsewhere it would have


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


def test_nothing_is_opened_unasked(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), str(tmp_path / "none.pkl"), str(tmp_path / "model.ts")]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "a pickle can run code: import only one you made or trust, with --trust" in done.stderr


@pytest.mark.parametrize(
    ("answer", "said"), [(b"n\n", "nothing was opened"), (b"y\n", "there is no file")]
)
def test_the_user_is_asked(
    tmp_path: Path,
    answer: bytes,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal, typed = pty.openpty()
    os.write(terminal, answer)
    with os.fdopen(typed) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        with pytest.raises(UsageError, match=said):
            import_fastai(tmp_path / "none.pkl", tmp_path / "model.ts")
    os.close(terminal)
    assert "A Learner is a pickle, and a pickle can run code" in capsys.readouterr().err
