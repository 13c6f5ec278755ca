"""``bgblur`` in Python: the examples run, mistakes are one line, nothing is shown unblurred."""

from __future__ import annotations

import doctest
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.looks import detail

import bgblur
from bgblur import api
from bgblur.config.keywords import settings_from
from bgblur.environment import DEFAULTS
from bgblur.frame import Image
from bgblur.offline.processor import Processor

pytest_plugins = ["support.api_fixtures"]

PUBLIC = [getattr(bgblur, name) for name in bgblur.__all__ if not name.startswith("_")]


@pytest.fixture(scope="module")
def blur() -> Iterator[bgblur.Blurrer]:
    with bgblur.Blurrer(60) as made:
        yield made


@pytest.mark.parametrize("module", [bgblur, api], ids=lambda module: module.__name__)
def test_the_examples_run(module: Any, files: Path) -> None:
    result = doctest.testmod(module, raise_on_error=False)
    assert result.attempted > 0
    assert result.failed == 0


def test_every_function_has_an_example() -> None:
    for thing in (bgblur, api.Blurrer, api.Blurrer.reset, api.blur_image, api.blur_video):
        assert ">>> " in (thing.__doc__ or ""), thing


def test_the_public_names_are_there_and_typed() -> None:
    assert all(PUBLIC)
    assert set(bgblur.__all__) <= set(dir(bgblur))
    assert (Path(bgblur.__file__).parent / "py.typed").is_file()
    with pytest.raises(AttributeError, match="blurr"):
        bgblur.blurr  # noqa: B018
    for error in (bgblur.UsageError, bgblur.ModelError, bgblur.OutputError, bgblur.CameraError):
        assert issubclass(error, bgblur.BgblurError)


def test_the_import_of_the_api_is_light_and_changes_no_variable() -> None:
    code = """
import os, sys
before = dict(os.environ)
from bgblur import Blurrer, blur_image, blur_video
assert dict(os.environ) == before
assert not {"torch", "cv2", "numpy", "pydantic", "av"} & set(sys.modules)
with Blurrer(strength=60) as blur:
    print(*(name for name in sys.argv[1:] if name in os.environ))
"""
    clean = {name: value for name, value in os.environ.items() if name not in DEFAULTS}
    command = [sys.executable, "-c", code, *DEFAULTS]
    done = subprocess.run(command, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_a_frame_is_blurred_behind_the_person(blur: bgblur.Blurrer, portrait: Image) -> None:
    before = portrait.copy()
    picture, alpha = blur(portrait)
    assert (portrait == before).all()
    assert picture.dtype == np.uint8
    assert picture.shape == portrait.shape
    assert alpha.dtype == np.float32
    assert alpha.shape == portrait.shape[:2]
    assert 0 <= alpha.min() <= alpha.max() <= 1
    far = cv2.dilate(alpha, np.ones((9, 9), np.uint8)) == 0
    assert detail(picture)[far].mean() < 0.2 * detail(portrait)[far].mean()
    person = alpha == 1
    assert np.abs(picture[person].astype(int) - portrait[person]).max() <= 2


def test_results_are_the_caller_s_own(blur: bgblur.Blurrer, portrait: Image) -> None:
    first = blur(portrait)
    kept = [part.copy() for part in first]
    for _ in range(10):
        blur(portrait[:, ::-1])
    assert all((part == copy).all() for part, copy in zip(first, kept, strict=True))


def test_any_memory_order_gives_the_same(blur: bgblur.Blurrer, portrait: Image) -> None:
    expected, _ = blur(portrait)
    read_only = portrait.copy()
    read_only.flags.writeable = False
    for same in (np.asfortranarray(portrait), portrait[..., ::-1].copy()[..., ::-1], read_only):
        assert (blur(same)[0] == expected).all()


def test_pictures_stand_alone_and_live_frames_do_not(portrait: Image) -> None:
    other = cv2.flip(portrait, 1)
    with bgblur.Blurrer() as stills, bgblur.Blurrer(live=True) as live:
        alone = stills(portrait)[1]
        stills(other)
        assert (stills(portrait)[1] == alone).all()
        first = live(portrait)[1]
        dimmed = (portrait * 0.97).astype(np.uint8)
        followed = live(dimmed)[1]
        live.reset()
        fresh = live(dimmed)[1]
        assert live(dimmed[:90])[1].shape == (90, 320)
    assert np.abs(followed - first).mean() < np.abs(fresh - first).mean()


@pytest.mark.parametrize(
    "raw", [{"strength": 0}, {"mode": "none"}, {"strength": 0, "mode": "none"}]
)
def test_the_room_is_shown_only_by_choice(raw: dict[str, Any], portrait: Image) -> None:
    with bgblur.Blurrer(**raw) as shown:
        picture, alpha = shown(portrait)
    assert (picture == portrait).all()
    assert not np.shares_memory(picture, portrait)
    assert alpha.max() == 1


def test_backgrounds(files: Path, portrait: Image) -> None:
    picture, alpha = bgblur.blur_image(portrait, background="#203040")
    assert (picture[alpha == 0] == (0x40, 0x30, 0x20)).all()
    cv2.imwrite("green.png", np.full((90, 160, 3), (0, 200, 0), np.uint8))
    picture, alpha = bgblur.blur_image(portrait, background=Path("green.png"), light_wrap=0)
    assert (picture[alpha == 0] == (0, 200, 0)).all()
    picture, alpha = bgblur.blur_image(portrait, background="clip.mp4", light_wrap=0.0)
    assert np.abs(picture[alpha == 0].astype(int) - portrait[alpha == 0]).mean() < 8


@pytest.mark.parametrize("strength", [-1, 101, 60.5, 60.0, "60", "much", True, float("nan")])
def test_a_wrong_strength_is_one_line(strength: Any) -> None:
    with pytest.raises(bgblur.UsageError, match=r"^strength is .*: it must be .*$"):
        bgblur.Blurrer(strength)


def test_a_strength_may_be_numpy_s() -> None:
    assert settings_from(np.int64(30), {}).background.strength == 30  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"strength": 60, "mode": "none"}, "strength 60 asks for blur"),
        ({"strength": 60, "background": "#203040"}, "strength 60 asks for blur"),
        ({"strength": 0, "background": "#203040"}, "strength 0 shows the room: leave it out"),
        ({"mode": "blur", "background": "#203040"}, 'for mode "color", not "blur"'),
        ({"mode": "none", "background": "x.png"}, 'for mode "image", not "none"'),
        ({"mode": "fog"}, "mode is"),
        ({"blur": "fog"}, "blur is"),
        ({"mode": "image"}, 'mode "image" has no background'),
        ({"background": "#12345"}, "rrggbb"),
        ({"background": "gone.png"}, "gone.png"),
        ({"background": ""}, "background is empty"),
        ({"background": b"x.png"}, "a string or a path, not bytes"),
        ({"background": 3}, "a string or a path, not int"),
        ({"background": "a\0b"}, "check the name"),
        ({"device": "toaster"}, "device is"),
        ({"precision": "fp8"}, "precision is"),
        ({"input_height": 100}, "multiple of 32"),
        ({"feather": 2}, "feather is 2"),
        ({"smoothing": 0.5}, "live=True"),
        ({"smoothing": 2, "live": True}, "smoothing is 2"),
        ({"strenght": 60}, "no option strenght"),
    ],
)
def test_wrong_options_are_one_line(options: dict[str, Any], says: str) -> None:
    with pytest.raises(bgblur.UsageError) as raised:
        bgblur.Blurrer(**options)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "background." not in str(raised.value)


def test_a_missing_model_is_a_model_error() -> None:
    with pytest.raises(bgblur.ModelError, match=r"gone\.ts"):
        bgblur.Blurrer(model=Path("gone.ts"))


@pytest.mark.parametrize(
    "frame",
    [
        None,
        "portrait.png",
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.uint16),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
    ids=str,
)
def test_what_is_no_picture_is_refused(blur: bgblur.Blurrer, frame: Any) -> None:
    with pytest.raises(bgblur.UsageError, match=r"a picture is a uint8 array .* not "):
        blur(frame)


def test_a_closed_one_is_refused(portrait: Image) -> None:
    with bgblur.Blurrer() as blur:
        pass
    with pytest.raises(bgblur.UsageError, match="closed"):
        blur(portrait)


@pytest.mark.parametrize("stage", ["segment", "compose"])
def test_a_failure_raises_and_returns_no_picture(
    stage: str, portrait: Image, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise bgblur.ModelError("the person cannot be found: out of memory")

    monkeypatch.setattr(Processor, stage, fail)
    with bgblur.Blurrer(60) as blur, pytest.raises(bgblur.ModelError):
        blur(portrait)
    with pytest.raises(bgblur.ModelError):
        bgblur.blur_image("portrait.png", "out.png", strength=60)
    with pytest.raises(bgblur.ModelError):
        bgblur.blur_video("clip.mp4", "out.mp4", strength=60, alpha="alpha.mkv")
    assert sorted(path.name for path in files.iterdir()) == ["clip.mp4", "portrait.png"]


def test_an_engine_that_gives_no_numbers_raises(
    portrait: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bgblur.Blurrer(60) as blur:
        engine = blur._process.load().matting.engine
        monkeypatch.setattr(engine, "infer", lambda _: np.full((90, 160), np.nan, np.float32))
        with pytest.raises(bgblur.ModelError, match="not numbers"):
            blur(portrait)
