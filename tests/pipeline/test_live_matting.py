"""Which ladder a live stream climbs, by its settings."""

from __future__ import annotations

import pytest
from support.pipeline_parts import SquareEngine, backend_of

from bgblur.config.settings import EngineSettings
from bgblur.errors import ModelError
from bgblur.pipeline.build import load_backend
from bgblur.pipeline.live_matting import shipped_ladder
from bgblur.segmentation.models import SHIPPED_IR, SHIPPED_MODELS
from bgblur.stats import Stats


class Loader:
    """Loads engines, but for the models of ``broken``; it keeps what it was asked for."""

    def __init__(self, *broken: str) -> None:
        self.broken = broken
        self.asked: list[tuple[str, int | str]] = []

    def __call__(self, settings: EngineSettings) -> SquareEngine:
        self.asked.append((settings.model, settings.input_height))
        if settings.model in self.broken:
            raise ModelError(f"the shipped model {settings.model} is damaged")
        height = settings.input_height
        return SquareEngine(input_height=160 if isinstance(height, str) else height)


def test_auto_begins_on_the_network_that_needs_least_and_loads_no_other() -> None:
    load = Loader()
    backend = load_backend(EngineSettings(), Stats(), fps=lambda: 30.0, load_engine=load)
    start = shipped_ladder().start()
    assert load.asked == [(start.model, start.height)]
    assert backend.effort is not None
    assert (backend.effort.network, backend.effort.height) == (start.model, start.height)
    assert backend.problem is None


def test_no_int8_where_it_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert {rung.model for rung in shipped_ladder().rungs} <= {"unet-lite", "unet-resnet18"}
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert any(rung.model.endswith("-int8") for rung in shipped_ladder().rungs)


def test_no_network_of_openvino_alone_with_torchscript() -> None:
    models = {rung.model for rung in shipped_ladder("torchscript").rungs}
    assert models <= set(SHIPPED_MODELS)
    load = Loader()
    settings = EngineSettings(runtime="torchscript", device="cpu")
    load_backend(settings, Stats(), fps=lambda: 30.0, load_engine=load)
    assert load.asked[0][0] in models


def test_a_first_network_that_is_damaged_leaves_the_others() -> None:
    ladder = shipped_ladder()
    first = ladder.start().model
    load = Loader(first)
    backend = load_backend(EngineSettings(), Stats(), fps=lambda: 30.0, load_engine=load)
    assert len(load.asked) == 2
    assert backend.effort is not None
    assert backend.effort.network == load.asked[1][0] != first
    damaged = f'"auto" goes on without {first}: the shipped model {first} is damaged'
    assert backend.problem == damaged
    load = Loader(*SHIPPED_IR)
    with pytest.raises(ModelError, match="damaged"):
        load_backend(EngineSettings(), Stats(), fps=lambda: 30.0, load_engine=load)
    assert len(load.asked) == len({model for model, _ in load.asked}) > 1


@pytest.mark.parametrize(
    ("settings", "network"),
    [
        (EngineSettings(model="unet-lite"), "unet-lite"),
        (EngineSettings(model="/home/me/own.ts"), "own.ts"),
        (EngineSettings(input_height=224), "unet-lite-int8"),
        (EngineSettings(precision="fp32"), "unet-lite"),
        (EngineSettings(precision="fp32", runtime="torchscript", device="cpu"), "unet-resnet18"),
    ],
)
def test_what_the_user_chose_is_not_left(settings: EngineSettings, network: str) -> None:
    load = Loader()
    backend = load_backend(settings, Stats(), fps=lambda: 30.0, load_engine=load)
    assert load.asked == [(settings.model, settings.input_height)]
    assert backend.effort is not None
    assert backend.effort.network.startswith(network)


def test_a_fixed_height_stays() -> None:
    backend = backend_of(SquareEngine(input_height=224), EngineSettings(input_height=224))
    assert backend.input_height == 224
    assert backend.effort is not None
    assert backend.effort.height == 224
