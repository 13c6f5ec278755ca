"""Starting, stopping, changing the pipeline's parts, and its views for the user."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from support.pipeline_parts import (
    HEIGHT,
    PERSON,
    WIDTH,
    RecordingSink,
    SquareEngine,
    SquareSource,
    picture,
)
from support.rig import Rig, assert_fed, assert_within, leaks, running

from bgblur.compositing.compositor import CpuCompositor
from bgblur.compositing.look import Look
from bgblur.errors import CameraError, ModelError, OutputError
from bgblur.frame import Frame, Image
from bgblur.pipeline.backend import Backend
from bgblur.pipeline.state import Part
from bgblur.segmentation.matting import Matting
from bgblur.stats import Stats


def test_errors_at_the_start_reach_the_caller() -> None:
    no_camera = Rig()
    no_camera.source.fail.set()
    with pytest.raises(CameraError):
        no_camera.pipeline.start()
    no_output = Rig()
    no_output.sink.refuse.set()
    with pytest.raises(OutputError):
        no_output.pipeline.start()


def test_a_bad_model_is_fatal_at_the_start_and_a_problem_later() -> None:
    def bad() -> Backend:
        raise ModelError("not a model")

    with running(Rig(load=bad)) as rig:
        rig.wait(lambda: rig.pipeline.fatal is not None)
        assert not leaks(rig.sink.since(0))
    with running(Rig()) as rig:
        rig.wait_state("blurring")
        rig.pipeline.replace_backend(bad)
        rig.wait(lambda: rig.pipeline.problems.now().get(Part.MODEL) == "not a model")
        assert rig.pipeline.fatal is None
        shown = rig.pipeline.stats.frames
        rig.wait(lambda: rig.pipeline.stats.frames > shown + 5)  # the old model goes on
        assert not leaks(rig.sink.since(0))


def test_another_camera_brings_its_size_to_the_output() -> None:
    class Tall(SquareSource):
        width, height = 101, 203  # odd on purpose

        def read(self):  # type: ignore[no-untyped-def]
            frame = super().read()
            return type(frame)(frame.image[: self.height, : self.width], frame.index)

    with running(Rig()) as rig:
        rig.wait_state("blurring")
        rig.pipeline.replace_source(Tall())
        rig.wait(lambda: len(rig.sink.opened) == 2)
        changed = time.monotonic()
        rig.wait(lambda: len(rig.sink.since(changed)) > 10)
        assert rig.sink.opened[-1] == (102, 204)
        assert all(p.shape == (204, 102, 3) for p in rig.sink.since(changed))
        assert rig.source.closed


def test_another_camera_of_the_same_size_is_another_room() -> None:
    """A person found there is not carried over to here."""
    resets: list[float] = []

    class Noted(Matting):
        def reset(self, another_view: bool = False) -> None:
            resets.append(time.monotonic())
            super().reset(another_view)

    backend = Backend(Noted(SquareEngine(), Stats()), CpuCompositor())
    rig = Rig(load=lambda: backend)
    with running(rig):
        rig.wait_state("blurring")
        rig.wait(lambda: rig.pipeline.stats.frames > 10)
        assert resets == []
        rig.pipeline.replace_source(SquareSource())
        rig.wait(lambda: len(resets) == 1)
        frames = rig.pipeline.stats.frames
        rig.wait(lambda: rig.pipeline.stats.frames > frames + 10)
        assert len(resets) == 1


def test_another_camera_that_comes_late_brings_its_size_too() -> None:
    class Small(SquareSource):
        width, height = 160, 90

        def read(self) -> Frame:
            frame = super().read()
            return Frame(frame.image[: self.height, : self.width], frame.index)

    late = Small()
    late.fail.set()
    with running(Rig()) as rig:
        rig.wait_state("blurring")
        rig.pipeline.replace_source(late)
        rig.wait(lambda: Part.CAMERA in rig.pipeline.problems)
        late.fail.clear()
        rig.wait(lambda: rig.sink.opened[-1] == (160, 90))


def test_before_is_the_camera_picture_of_the_published_frame() -> None:
    with running(Rig()) as rig:
        assert rig.pipeline.before() is None or rig.pipeline.stats.frames > 0
        before = rig.get(rig.pipeline.before)
        assert any(np.array_equal(before, picture(i)) for i in range(rig.source.index + 1))


def test_the_matte_is_white_where_the_person_is_published() -> None:
    with running(Rig()) as rig:
        rig.wait_state("blurring")
        grey = rig.get(rig.pipeline.matte)
        assert grey.shape == (HEIGHT, WIDTH, 3)
        white = (grey == 255).all(axis=2).sum()
        assert (PERSON - 2) ** 2 <= white <= (PERSON + 2) ** 2  # an outline of 160 rows, enlarged
        assert (PERSON - 2) ** 2 <= grey.any(axis=2).sum() <= (PERSON + 4) ** 2
        rig.pipeline.look = Look(strength=0)
        rig.wait(lambda: rig.pipeline.matte() is None)


def test_mirror_turns_the_picture() -> None:
    with running(Rig(look=Look(mode="none", mirror=True))) as rig:
        rig.wait_state("off")
        shown = rig.sink.since(0)[-1]
    frames = [picture(i)[:, ::-1] for i in range(rig.source.index + 1)]
    # The very last picture is the card; the one looked at was taken before the stop.
    assert any(np.array_equal(shown, frame) for frame in frames)


def test_stop_takes_less_than_a_second_and_leaves_no_thread() -> None:
    rig, before = Rig(), set(threading.enumerate())
    with rig.heart:
        rig.pipeline.start()
        rig.wait_state("blurring")
        began = time.monotonic()
        rig.pipeline.stop()
        assert_within(rig, 1.0, began)
    names = {"capture", "segment", "composite", "supervise", "output"}
    rig.wait(lambda: not {t.name for t in set(threading.enumerate()) - before} & names)


class FailingPreview(RecordingSink):
    def publish(self, picture: Image) -> None:
        if self.refuse.is_set():
            raise OutputError("the page has ended")
        super().publish(picture)


def test_the_preview_shows_what_the_output_shows_and_may_fail_alone() -> None:
    preview = FailingPreview()
    with running(Rig()) as rig:
        rig.wait_state("blurring")
        rig.pipeline.replace_preview(lambda: preview)
        rig.wait(lambda: len(preview.published) > 10)
        moment = preview.published[5][1]
        assert any(np.array_equal(moment, picture) for picture in rig.sink.since(0))
        preview.refuse.set()
        rig.wait(lambda: rig.pipeline.problems.now() == {Part.PREVIEW: "the page has ended"})
        began = time.monotonic()
        time.sleep(0.5)
        assert_fed(rig, began)
        preview.refuse.clear()
        rig.pipeline.replace_preview(lambda: preview)
        rig.wait(lambda: Part.PREVIEW not in rig.pipeline.problems)
        rig.pipeline.replace_preview(None)
        rig.wait(lambda: preview.closed > 0)
    assert not leaks([picture for _, picture in preview.published])
