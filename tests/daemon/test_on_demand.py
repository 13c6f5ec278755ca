"""When the camera rests."""

from __future__ import annotations

import sys
import time
from typing import Any, cast

import pytest
from support.pipeline_parts import RecordingSink

from bgblur.config.settings import IdleSettings, OutputSettings, Settings
from bgblur.daemon.on_demand import OnDemand
from bgblur.devices import presence
from bgblur.pipeline.pipeline import Pipeline

GRACE = 0.15


class Rests:
    """The reasons that a pipeline got."""

    def __init__(self) -> None:
        self.reasons: list[str | None] = []

    def rest(self, reason: str | None) -> None:
        self.reasons.append(reason)


class Watched(OnDemand):
    """``watching`` programs have the output open; None where it cannot tell."""

    watching: int | None = None

    @property
    def clients(self) -> int | None:
        return self.watching


def settings(on_demand: bool = True, paused: bool = False, **output: Any) -> Settings:
    return Settings(
        idle=IdleSettings(on_demand=on_demand, grace_seconds=GRACE),
        output=OutputSettings(paused=paused, **output),
    )


def made(first: Settings) -> tuple[Watched, Rests]:
    pipeline = Rests()
    return Watched(cast(Pipeline, pipeline), first), pipeline


def wait_out_grace(on_demand: OnDemand) -> None:
    until = time.monotonic() + 1.5 * GRACE
    while time.monotonic() < until:
        on_demand.update()
        time.sleep(0.01)
    on_demand.update()


def test_the_camera_rests_after_the_grace_time_and_wakes_at_once() -> None:
    on_demand, pipeline = made(settings())
    on_demand.watching = 0
    on_demand.update()
    assert pipeline.reasons == []
    wait_out_grace(on_demand)
    assert pipeline.reasons == ["idle"]
    on_demand.watching = 1
    on_demand.update()
    assert pipeline.reasons == ["idle", None]
    wait_out_grace(on_demand)
    assert pipeline.reasons == ["idle", None]


def test_a_client_that_comes_back_within_the_grace_time_changes_nothing() -> None:
    on_demand, pipeline = made(settings())
    for number in range(50):
        on_demand.watching = number % 2
        on_demand.update()
        time.sleep(0.005)
    assert pipeline.reasons == []


def test_an_output_that_cannot_tell_counts_as_watched() -> None:
    on_demand, pipeline = made(settings())
    wait_out_grace(on_demand)
    assert pipeline.reasons == []


def test_it_can_be_turned_off_and_on_live() -> None:
    on_demand, pipeline = made(settings())
    on_demand.watching = 0
    wait_out_grace(on_demand)
    on_demand.change(settings(on_demand=False))
    assert pipeline.reasons == ["idle", None]
    wait_out_grace(on_demand)
    on_demand.change(settings())
    wait_out_grace(on_demand)
    assert pipeline.reasons == ["idle", None, "idle"]


def test_a_pause_holds_though_programs_watch() -> None:
    on_demand, pipeline = made(settings(paused=True))
    assert pipeline.reasons == ["paused"]
    on_demand.watching = 3
    on_demand.update()
    assert pipeline.reasons == ["paused"]
    on_demand.change(settings())
    assert pipeline.reasons == ["paused", None]


class Camera(RecordingSink):
    """A sink that knows how many programs watch it."""

    clients = 0


def clients_of(on_demand: OnDemand) -> int | None:
    return on_demand.clients


def test_the_camera_rests_once_none_of_several_outputs_is_watched() -> None:
    pipeline = Rests()
    names = ["pipewire", "/dev/video10", "web"]
    on_demand = OnDemand(cast(Pipeline, pipeline), settings(devices=names))
    first, second = Camera(), Camera()
    on_demand.output_opened("pipewire", first)  # /dev/video10 is not open yet
    on_demand.output_opened("web", RecordingSink())
    assert clients_of(on_demand) == 0
    on_demand.output_opened("/dev/video10", second)
    second.clients = 2
    on_demand.page = cast(Any, Page())
    assert clients_of(on_demand) == 3
    wait_out_grace(on_demand)
    assert pipeline.reasons == []
    second.clients = 0
    on_demand.page = None
    wait_out_grace(on_demand)
    assert pipeline.reasons == ["idle"]
    on_demand.outputs(["pipewire", "talk.mp4"])
    on_demand.output_opened("/dev/video10", second)  # by a thread that was late
    assert clients_of(on_demand) == 0
    on_demand.output_opened("talk.mp4", RecordingSink())
    assert clients_of(on_demand) is None, "a recording counts as watched"
    on_demand.close("talk.mp4")
    assert clients_of(on_demand) == 0
    on_demand.outputs(["web"])
    assert clients_of(on_demand) is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says who watches a device")
def test_an_output_that_is_left_out_while_it_opens_is_not_watched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on_demand = OnDemand(cast(Pipeline, Rests()), settings(devices=["pipewire", "/dev/video10"]))
    closed: list[str] = []

    class LeftOut:
        def __init__(self, device: str, _: object) -> None:
            on_demand.outputs(["pipewire"])

        def close(self) -> None:
            closed.append("watch")

    monkeypatch.setattr(presence, "ClientWatch", LeftOut)
    sink = RecordingSink()
    sink.device = "/dev/video10"  # type: ignore[attr-defined]
    on_demand.output_opened("pipewire", Camera())
    on_demand.output_opened("/dev/video10", sink)
    assert set(on_demand._watches) == {"pipewire"}
    assert closed == ["watch"]


class Page:
    watchers = 1


def test_only_a_virtual_camera_is_watched() -> None:
    pipeline = Rests()
    on_demand = OnDemand(cast(Pipeline, pipeline), settings())
    on_demand.output_opened("auto", RecordingSink())
    assert on_demand.clients is None
    on_demand.close()
