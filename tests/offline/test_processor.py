from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.looks import detail
from support.model_files import BRIGHT_AT_ITS_HEIGHT, SHADE, write_model
from support.scenes import checkerboard, portrait

from bgblur.config.settings import Settings
from bgblur.errors import ModelError, UsageError
from bgblur.offline.processor import Processor

FAILS_ON_A_PICTURE = {
    # All of these pass the warm-up, which shows the model a black frame.
    "nan": "    return image.float()[:, :, 0] * 0 / (1 - (image.max() > 0).float())",
    "raise": "    assert image.max() == 0, 'too bright'\n    return image.float()[:, :, 0]",
    "error": "    return image.float()[:, :, 0].view(-1, 1 + int(image.max()) * 9973)",
    "planes": """
        if bool(image.max() > 0):
            return image.float()
        return image.float()[:, :, 0]""",
}


def bright_person(width: int = 320, height: int = 180) -> Any:
    image = checkerboard(width, height) // 2
    image[height // 3 :, width // 4 : width // 2] = 220
    return image


def settings(model: Path, **areas: dict[str, Any]) -> Settings:
    engine = {"model": str(model), "device": "cpu", "precision": "fp32", "input_height": 96}
    return Settings.model_validate({"engine": engine, **areas})


@pytest.fixture
def bright(tmp_path: Path) -> Path:
    return write_model(tmp_path / "bright.ts", BRIGHT_AT_ITS_HEIGHT)


def test_room_is_blurred_and_the_person_is_not(bright: Path) -> None:
    process = Processor(settings(bright))
    image = bright_person()
    picture, alpha = process(image)
    assert picture.shape == image.shape
    assert alpha.shape == image.shape[:2]
    assert alpha.dtype == np.float32
    np.testing.assert_array_equal(picture[80:, 90:150], image[80:, 90:150])
    assert detail(picture)[:, 200:].sum() < 0.1 * detail(image)[:, 200:].sum()
    stages: Any = process.stats.snapshot()["stages_ms"]
    assert {"inference", "edges", "blur"} <= stages.keys()


@pytest.mark.parametrize("name", FAILS_ON_A_PICTURE)
def test_an_engine_that_fails_gives_no_picture(tmp_path: Path, name: str) -> None:
    process = Processor(settings(write_model(tmp_path / "m.ts", FAILS_ON_A_PICTURE[name])))
    with pytest.raises(ModelError, match="the person cannot be found") as caught:
        process(portrait(160, 96))
    assert "\n" not in str(caught.value)


def test_stills_do_not_smooth_into_each_other(bright: Path) -> None:
    grey, white = np.full((96, 160, 3), 100, np.uint8), np.full((96, 160, 3), 255, np.uint8)
    shade = write_model(bright.with_name("shade.ts"), SHADE)
    mask = {"smoothing": 1.0, "refine_edges": False}
    wanted = Processor(settings(shade, mask=mask), stills=True)(white)[1]
    stills = Processor(settings(shade, mask=mask), stills=True)
    video = Processor(settings(shade, mask=mask))
    for process in (stills, video):
        process(grey)
    np.testing.assert_array_equal(stills(white)[1], wanted)
    assert video(white)[1].mean() < wanted.mean() - 0.02


def test_a_mirrored_camera_does_not_mirror_files(bright: Path) -> None:
    image = bright_person()
    plain, alpha = Processor(settings(bright))(image)
    same, unturned = Processor(settings(bright, camera={"mirror": True}))(image)
    np.testing.assert_array_equal(same, plain)
    np.testing.assert_array_equal(unturned, alpha)


def test_the_person_keeps_16_bits(bright: Path) -> None:
    image = bright_person()
    fine = np.random.default_rng(0).integers(-100, 101, image.shape)
    deep = (257 * image.astype(int) + fine).clip(0, 65535).astype(np.uint16)
    picture, alpha = Processor(settings(bright))(deep)
    shallow, same = Processor(settings(bright))(image)
    assert picture.dtype == np.uint16
    np.testing.assert_array_equal(alpha, same)
    np.testing.assert_array_equal(picture[80:, 90:150], deep[80:, 90:150])
    room = alpha == 0
    assert np.abs(picture[room] / 257 - shallow[room]).max() < 3
    off = {"mode": "none"}
    np.testing.assert_array_equal(Processor(settings(bright, background=off))(deep)[0], deep)


def test_the_blurred_room_of_16_bits_has_no_steps_of_8(bright: Path) -> None:
    image = bright_person().astype(np.uint16) * 257
    ramp = np.linspace(8000, 12000, image.shape[1]).astype(np.uint16)[None, :, None]
    dark = image.max(2) < 128 * 257
    image[dark] = np.broadcast_to(ramp, image.shape)[dark]
    picture, alpha = Processor(settings(bright))(image)
    row = picture[4, :, 1]
    assert (alpha[4] == 0).all()
    assert len(np.unique(row)) > 60  # the ramp has 16 levels of 8 bits
    assert np.abs(np.diff(row.astype(int))).max() < 128


def test_the_networks_own_output_is_available(bright: Path) -> None:
    image = bright_person()
    found = Processor(settings(bright), stills=True).probability(image)
    assert found.dtype == np.float32
    assert found.shape == (96, 170)
    assert (found[60:, 48:80] == 1).all()
    assert (found[:30] == 0).all()


def test_restart_forgets_the_frames_before(bright: Path) -> None:
    shade = write_model(bright.with_name("shade.ts"), SHADE)
    grey, white = np.full((96, 160, 3), 100, np.uint8), np.full((96, 160, 3), 255, np.uint8)
    process = Processor(settings(shade, mask={"smoothing": 1.0, "refine_edges": False}))
    wanted = process(white)[1]
    process(grey)
    assert process(white)[1].mean() < wanted.mean() - 0.01
    process.restart()
    np.testing.assert_array_equal(process(white)[1], wanted)


def test_a_bad_model_or_background_raises(tmp_path: Path, bright: Path) -> None:
    with pytest.raises(ModelError, match="there is no model file"):
        Processor(settings(tmp_path / "none.ts"))(portrait(64, 48))
    background = {"mode": "image", "image": str(tmp_path / "none.jpg")}
    with pytest.raises(UsageError, match=r"none\.jpg"):
        Processor(settings(bright, background=background))
