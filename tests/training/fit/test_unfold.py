"""Batch norms restored in a published network: the same function, and a start for recipes."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from support.scenes import portrait
from support.training.data import write_tree
from torch import Tensor, nn

from bgblur.segmentation.contract import contract_of
from bgblur.segmentation.models import SHIPPED_MODELS
from bgblur.segmentation.network import normalise
from bgblur.training.data.sets import Collection, DataError
from bgblur.training.data.split import load_collections
from bgblur.training.export.export import (
    TOLERANCE,
    export,
    fold_batch_norms,
    parity_images,
)
from bgblur.training.export.legacy import modern_contract_of
from bgblur.training.fit.checkpoint import load_checkpoint, load_network
from bgblur.training.fit.finetune import load_start
from bgblur.training.fit.loop import CHECKPOINT, train
from bgblur.training.fit.recipe import Recipe
from bgblur.training.fit.stages import load_recipe
from bgblur.training.fit.unfold import unfold_batch_norms

TRAIN = Path(__file__).resolve().parents[3] / "scripts" / "train.py"
RECIPES = TRAIN.parents[1] / "configs" / "training"
LITE = SHIPPED_MODELS["unet-lite"]
RECIPE = """
[model]
encoder = "timm-tf_efficientnet_lite0"
decoder = "light"
decoder_channels = [96, 64, 40, 24, 16]
decoder_blocks = {blocks}
[run]
steps = 3
precision = "32-true"
workers = 0
warmup_steps = 1
learning_rate = 1e-4  # small: the weights must still fit half precision afterwards
[[phase]]
until = 1.0
batch = 2
sizes = [[32, 64], [64, 64]]
"""

Pair = tuple[Path, nn.Module, nn.Module]  # the file, its network, and the same with batch norms


def photos() -> Tensor:
    """The portrait: plain, mirrored, upside down and dimmed: (4, 3, 96, 160), normalised."""
    rgb = torch.from_numpy(np.ascontiguousarray(portrait(160, 96)[..., ::-1].transpose(2, 0, 1)))
    turned = [rgb, rgb.flip(2), rgb.flip(1), rgb // 2]
    return normalise(torch.stack(turned).float())


def noise() -> Tensor:
    return torch.randn(2, 3, 96, 160, generator=torch.Generator().manual_seed(1))


def unfolded(shipped: Path, batches: list[Tensor]) -> tuple[nn.Module, nn.Module]:
    """(the file's network, the same with batch norms)."""
    start = load_start(shipped)
    model = start.model
    bare = model.build()
    return start.network, unfold_batch_norms(start.network, bare, batches)


@pytest.fixture(scope="module", params=["unet-lite", "unet-resnet18"])
def pair(request: pytest.FixtureRequest) -> Pair:
    shipped = SHIPPED_MODELS[request.param]
    return (shipped, *unfolded(shipped, [photos()]))


@torch.no_grad()
def in_training(network: nn.Module, images: Tensor) -> Tensor:
    """Logits of a copy of the network in train mode."""
    logits: Tensor = copy.deepcopy(network).train()(images)
    return logits


# ---- the same function ----


def test_it_is_the_same_function(pair: Pair) -> None:
    _, folded, network = pair
    assert any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    assert not network.training
    for images in (photos(), noise()):
        with torch.inference_mode():
            expected = folded.eval()(images)
            torch.testing.assert_close(network(images), expected, atol=1e-3, rtol=0)
        assert expected.std() > 0.1  # an all-zero network would prove nothing


def test_it_is_nearly_the_same_in_training(pair: Pair) -> None:
    """On the batch that the statistics come from; those of another batch would not fit."""
    shipped, folded, network = pair
    with torch.inference_mode():
        expected = folded.eval()(photos())
    apart = (in_training(network, photos()) - expected).abs().mean()
    wrong = (in_training(unfolded(shipped, [noise()])[1], photos()) - expected).abs().mean()
    assert apart < 1e-3
    assert wrong > 0.1


def test_statistics_cover_all_batches(pair: Pair) -> None:
    """It does not matter how the pictures are split into batches."""
    shipped, _, network = pair
    _, other = unfolded(shipped, list(photos().split([1, 3])))
    torch.testing.assert_close(other.state_dict(), network.state_dict(), rtol=1e-3, atol=1e-4)


def test_convolutions_have_a_variance_of_1(pair: Pair) -> None:
    norms = [module for module in pair[2].modules() if isinstance(module, nn.BatchNorm2d)]
    variances = torch.cat([norm.running_var for norm in norms if norm.running_var is not None])
    assert float(variances.median()) == pytest.approx(1, abs=0.01)
    assert float(variances.max()) <= 1


def test_exported_again_alpha_is_the_same(pair: Pair, tmp_path: Path) -> None:
    shipped, _, network = pair
    export(network, tmp_path / "again.ts")
    again, first = load(tmp_path / "again.ts"), load(shipped)
    with torch.inference_mode():
        for image in map(torch.from_numpy, parity_images()):
            assert (again(image, 96) - first(image, 96)).abs().max() <= TOLERANCE


def load(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.load(str(path)).float().eval()


@pytest.mark.parametrize("bias", [False, True])
def test_a_channel_that_never_varies_stays_what_it_is(bias: bool) -> None:
    """One channel has weights of 0; one reads only blue, which is 0 in all batches. Biases of the
    convolutions make no difference."""
    torch.manual_seed(0)
    first, last = nn.Conv2d(3, 4, 3, bias=bias), nn.Conv2d(4, 2, 1, bias=bias)
    norms = nn.BatchNorm2d(4), nn.BatchNorm2d(2)
    with torch.no_grad():
        first.weight[0] = 0
        first.weight[1, :2] = 0
        for norm in norms:
            nn.init.uniform_(norm.weight, 0.5, 2)
            nn.init.normal_(norm.bias)
    bare = nn.Sequential(first, norms[0], nn.ReLU(), last, norms[1])
    folded = fold_batch_norms(copy.deepcopy(bare).eval())
    blueless = torch.randn(4, 3, 16, 16)
    blueless[:, 2] = 0
    network = unfold_batch_norms(folded, copy.deepcopy(bare), [blueless])
    assert all(bool(value.isfinite().all()) for value in network.state_dict().values())
    with torch.inference_mode():
        for images in (blueless, torch.randn(4, 3, 16, 16)):
            torch.testing.assert_close(network(images), folded(images), atol=1e-5, rtol=1e-4)
        expected = folded(blueless)
    torch.testing.assert_close(in_training(network, blueless), expected, atol=1e-4, rtol=1e-4)
    network.train()(blueless).square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


# ---- a start for whole recipes ----


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree(tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize(
    ("recipe", "model"),
    [("unet-lite", "unet-lite"), ("unet-resnet18", "unet-resnet18")],
)
def test_recipes_fit_the_models_that_they_name(recipe: str, model: str) -> None:
    path = RECIPES / f"{recipe}.toml"
    assert f"--init bgblur/weights/{model}.ts" in path.read_text("utf-8")
    start = load_start(SHIPPED_MODELS[model])
    last = load_recipe(path, "last")
    assert last.model.grows_from(start.model)
    assert last.model != start.model  # which has no batch norms


def test_a_recipe_of_another_network_is_refused(tree: Path, tmp_path: Path) -> None:
    recipe = Recipe.model_validate(
        {
            "model": {"decoder_channels": [32, 16, 16, 8, 8]},
            "run": {"steps": 1, "precision": "32-true", "workers": 0},
            "phase": [{"until": 1.0, "batch": 2, "sizes": [[32, 64]]}],
        }
    )
    fabric = L.Fabric(accelerator="cpu", devices=1)
    collection: Collection = load_collections(tree)[0]
    with pytest.raises(DataError, match=r"unet-lite\.ts holds another network") as raised:
        train(recipe, collection, tmp_path, init=LITE, fabric=fabric)
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_a_run_gives_a_published_model_more_blocks(tree: Path, tmp_path: Path) -> None:
    own = load_start(LITE).model
    more = tuple(count + 1 for count in own.decoder_blocks or (0, 0, 0, 0, 0))
    recipe = Recipe.model_validate(
        {
            "model": {**own.model_dump(exclude={"folded"}), "decoder_blocks": more},
            "run": {"steps": 1, "precision": "32-true", "workers": 0},
            "phase": [{"until": 1.0, "batch": 2, "sizes": [[64, 64]]}],
        }
    )
    began: list[nn.Module] = []

    def validate(step: int, network: nn.Module) -> None:
        if step == 0:
            began.append(copy.deepcopy(network))

    train(
        recipe,
        load_collections(tree)[0],
        tmp_path,
        validate=validate,
        init=LITE,
        fabric=L.Fabric(accelerator="cpu", devices=1),
    )
    with torch.inference_mode():
        expected = load_start(LITE).network(photos())
        torch.testing.assert_close(began[0](photos()), expected, atol=2e-3, rtol=2e-3)
    assert load_start(tmp_path / CHECKPOINT).model.decoder_blocks == more


def test_a_run_starts_from_a_published_model_and_resumes(tree: Path, tmp_path: Path) -> None:
    config, out, model = tmp_path / "recipe.toml", tmp_path / "run", tmp_path / "third.ts"
    config.write_text(RECIPE.format(blocks=list(load_start(LITE).model.decoder_blocks)))
    command = [sys.executable, str(TRAIN), "--config", str(config), "--data", str(tree)]
    command += ["--init", str(LITE), "--out", str(out)]
    # A resumed run still knows what it started from.
    for steps, extra in ((2, ["--steps", "2"]), (3, ["--export", str(model)])):
        done = subprocess.run(
            [*command, *extra],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == 0, done.stderr
        assert ("step 0 IoU eg1800 0." in done.stderr) == (steps == 2)
        assert f"step {steps} IoU eg1800 0." in done.stderr
        assert load_checkpoint(out / CHECKPOINT)["step"] == steps

    network, history = load_network(out / CHECKPOINT)
    assert any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    assert history.stages[:-1] == modern_contract_of(LITE).stages
    assert len(history.stages) > 5
    last = history.stages[-1]
    assert (last.start, last.steps, last.planned_steps) == ("previous", 3, 3)
    said = contract_of(model)
    assert (said.stages, said.note, said.model) == (history.stages, history.note, history.model)
    # Another run can start from the result, with or without batch norms.
    assert load_start(model).model == load_start(out / CHECKPOINT).model == load_start(LITE).model
