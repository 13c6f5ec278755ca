"""The light network: its size, its export, and distillation from another network."""

from __future__ import annotations

import copy
from pathlib import Path

import lightning as L
import pytest
import torch
from support.training.data import write_tree
from timm.layers.norm_act import BatchNormAct2d
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bgblur.segmentation.contract import Contract, contract_of
from bgblur.segmentation.engine_torch import TorchEngine
from bgblur.segmentation.models import SHIPPED_MODELS
from bgblur.segmentation.network import LightUnet, build_network, with_new_blocks
from bgblur.training.data.sets import Collection, DataError
from bgblur.training.data.split import load_collections
from bgblur.training.export.equivalents import as_trained, for_processors
from bgblur.training.export.export import (
    export,
    fold_batch_norms,
    max_difference,
    parity_images,
)
from bgblur.training.fit.checkpoint import load_network
from bgblur.training.fit.finetune import load_start
from bgblur.training.fit.loop import CHECKPOINT, StepReport, train
from bgblur.training.fit.recipe import ModelSettings, Recipe
from bgblur.training.fit.stages import load_recipe

RECIPE = Path(__file__).resolve().parents[2] / "configs" / "training" / "unet-lite.toml"


def lite(model: ModelSettings) -> nn.Module:
    """Random weights, with batch norms that are not the identity."""
    torch.manual_seed(0)
    built = model.build()
    for norm in built.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.weight, 0.7, 1.3)
            nn.init.normal_(norm.bias, std=0.1)
            assert norm.running_mean is not None
            nn.init.normal_(norm.running_mean, std=0.1)
    return built.eval()


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return lite(load_recipe(RECIPE).model)


def test_at_most_four_million_parameters() -> None:
    published = load_start(SHIPPED_MODELS["unet-lite"]).model.build()
    assert sum(p.numel() for p in published.parameters()) <= 4_000_000


@pytest.mark.parametrize("size", [(96, 160), (160, 288), (32, 32)])
def test_logits_have_the_pictures_size(network: nn.Module, size: tuple[int, int]) -> None:
    with torch.inference_mode():
        assert network(torch.zeros(2, 3, *size)).shape == (2, 1, *size)


def test_folding_keeps_the_activations(network: nn.Module) -> None:
    acting = [m for m in network.modules() if isinstance(m, BatchNormAct2d)]
    assert any(not isinstance(norm.act, nn.Identity) for norm in acting)
    folded = fold_batch_norms(copy.deepcopy(network))
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    images = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = network(images)
        torch.testing.assert_close(folded(images), expected, atol=1e-4, rtol=1e-4)
    assert expected.std() > 1e-3  # an all-zero network would prove nothing


def test_export_is_the_network_and_runs_in_fp32(network: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "lite.ts"
    export(network, path, Contract(note="how"))
    assert max_difference(network, path, parity_images()) <= 1e-2
    assert path.stat().st_size < 9e6
    assert contract_of(path).note == "how"
    engine = TorchEngine(str(path), "cpu", input_height=96)
    assert engine.precision == "fp32"
    assert engine.infer(parity_images()[0]).shape == (96, 96)


def test_fewer_operations_are_the_same_function(network: nn.Module) -> None:
    plain = fold_batch_norms(copy.deepcopy(network))
    assert isinstance(plain, LightUnet)
    fewer = for_processors(copy.deepcopy(plain))
    images = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = plain(images)
        torch.testing.assert_close(fewer(images), expected, atol=1e-4, rtol=1e-4)
        assert multiplications(fewer, images) < 0.85 * multiplications(plain, images)
    assert expected.std() > 1e-3
    back = as_trained(fewer.state_dict())
    assert back.keys() == plain.state_dict().keys()
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(back[name], value, atol=1e-5, rtol=1e-4)
    assert as_trained(back).keys() == back.keys()


def multiplications(network: nn.Module, images: torch.Tensor) -> int:
    """Operations of the decoder's convolutions, as torch counts them."""
    with FlopCounterMode(display=False) as counter:
        network(images)
    encoder = FlopCounterMode(display=False)
    with encoder:
        network.encoder(images)  # type: ignore[operator]
    return int(counter.get_total_flops() - encoder.get_total_flops())


def test_a_light_decoder_of_a_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="has 5 channels"):
        build_network("tu-mobilenetv3_small_050", (16, 8), decoder="light")


# ------------------------------------------------------------ residual blocks

BLOCKS = (2, 3, 1, 0, 1)


def test_new_blocks_change_nothing_and_learn(network: nn.Module) -> None:
    model = load_recipe(RECIPE).model.model_copy(update={"decoder_blocks": BLOCKS})
    grown = model.build().eval()
    grown.load_state_dict(with_new_blocks(network.state_dict(), grown))
    images = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        torch.testing.assert_close(grown(images), network(images), atol=1e-5, rtol=1e-4)
    new = {n: p for n, p in grown.named_parameters() if n not in network.state_dict()}
    added = sum(BLOCKS) - sum(load_recipe(RECIPE).model.decoder_blocks)
    assert 2 * added * 3 == len(new)  # a kernel, a weight and a bias each
    optimizer = torch.optim.SGD(grown.parameters(), lr=0.1)
    for _ in range(2):  # the first step only changes the blocks' last batch norms
        optimizer.zero_grad()
        grown(images).square().mean().backward()
        optimizer.step()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in new.values())


def test_blocks_are_exported_and_read_back(tmp_path: Path) -> None:
    model = load_recipe(RECIPE).model.model_copy(update={"decoder_blocks": BLOCKS})
    network = lite(model)
    assert (model.decoder, model.decoder_channels) == ("light", (96, 64, 40, 24, 16))
    stage = recipe(1, light=True).model_copy(update={"model": model}).record(1)
    assert stage.decoder_blocks == BLOCKS
    history = Contract(model=model.architecture, stages=(stage,))
    export(network, tmp_path / "grown.ts", history)
    assert contract_of(tmp_path / "grown.ts").stages == (stage,)
    start = load_start(tmp_path / "grown.ts")
    read = start.model.model_copy(update={"folded": False, "encoder_weights": "imagenet"})
    assert read == model
    assert max_difference(start.network, tmp_path / "grown.ts", parity_images()) < 5e-3


def test_a_network_grows_but_does_not_shrink() -> None:
    model = ModelSettings(decoder="light", decoder_blocks=(1, 0, 0, 0, 0))
    assert model.grows_from(model)
    assert model.grows_from(model.model_copy(update={"decoder_blocks": (), "folded": True}))
    assert not model.model_copy(update={"decoder_blocks": ()}).grows_from(model)
    assert not model.grows_from(model.model_copy(update={"decoder_blocks": (0, 1, 0, 0, 0)}))
    assert not model.grows_from(model.model_copy(update={"decoder_channels": (9, 9, 9, 9, 9)}))


@pytest.mark.parametrize("blocks", [(1,), (1, 1, 1, 1, 1, 1)])
def test_a_wrong_number_of_blocks_is_refused(blocks: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="as many numbers as decoder_channels"):
        ModelSettings(decoder="light", decoder_blocks=blocks)
    with pytest.raises(ValueError, match='of a "light" decoder'):
        ModelSettings(decoder_blocks=(0, 0, 0, 0, 0))
    with pytest.raises(ValueError, match="has 5 numbers of blocks"):
        build_network(
            "tu-mobilenetv3_small_050", (24, 16, 16, 8, 8), decoder="light", decoder_blocks=blocks
        )


# ------------------------------------------------------------ distillation


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return load_collections(write_tree(tmp_path_factory.mktemp("data")))[0]


def recipe(steps: int, light: bool, **run: object) -> Recipe:
    model = {
        "encoder": "tu-mobilenetv3_small_050",
        "decoder": "light",
        "decoder_channels": [24, 16, 16, 8, 8],
    }
    return Recipe.model_validate(
        {
            "model": model if light else {"decoder_channels": [32, 16, 16, 8, 8]},
            "run": {"steps": steps, "precision": "32-true", "workers": 0, "warmup_steps": 2, **run},
            "phase": [{"until": 1.0, "batch": 2, "sizes": [[64, 64]]}],
        }
    )


def run(recipe: Recipe, collection: Collection, folder: Path) -> list[float]:
    """The loss of every step."""
    losses: list[float] = []
    fabric = L.Fabric(accelerator="cpu", devices=1, precision="32-true")

    def report(step: StepReport) -> None:
        losses.append(step.loss)

    train(recipe, collection, folder, report=report, fabric=fabric)
    return losses


def test_distilled_from_a_network_of_another_kind(collection: Collection, tmp_path: Path) -> None:
    run(recipe(2, light=False), collection, tmp_path / "teacher")
    teacher = str(tmp_path / "teacher" / CHECKPOINT)
    taught = recipe(4, light=True, distillation=1.0, teacher=teacher, teach_from=0.5)
    alone = run(recipe(4, light=True), collection, tmp_path / "alone")
    together = run(taught, collection, tmp_path / "together")
    assert together[:2] == alone[:2]  # the teacher is asked from half of the steps on
    assert together[2] > alone[2]
    history = load_network(tmp_path / "together" / CHECKPOINT)[1]
    assert history.model is not None
    assert (history.model.decoder, history.model.decoder_channels) == ("light", (24, 16, 16, 8, 8))
    (stage,) = history.stages
    assert (stage.teacher, stage.losses, stage.teach_from) == (teacher, {"distillation": 1.0}, 0.5)


def test_what_was_exported_can_be_trained_on(collection: Collection, tmp_path: Path) -> None:
    run(recipe(2, light=True), collection, tmp_path)
    network, history = load_network(tmp_path / CHECKPOINT)
    export(network, tmp_path / "lite.ts", history)
    start = load_start(tmp_path / "lite.ts")
    assert (start.model.decoder, start.model.folded) == ("light", True)
    assert max_difference(start.network, tmp_path / "lite.ts", parity_images()) < 5e-3


def test_a_missing_teacher_is_one_line(collection: Collection, tmp_path: Path) -> None:
    gone = recipe(2, light=True, distillation=1.0, teacher=str(tmp_path / "gone.ckpt"))
    with pytest.raises(DataError, match=r"no checkpoint .*gone\.ckpt"):
        run(gone, collection, tmp_path / "run")
