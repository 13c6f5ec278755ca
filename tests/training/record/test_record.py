from __future__ import annotations

import errno
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.media.clips import composited, with_matte
from support.training.room_clips import camera_pictures, room_of, write_lossless
from support.web.preview import eventually

from bgblur.errors import CameraError, OutputError, UsageError
from bgblur.frame import Alpha, Frame, Image
from bgblur.sources.demo import DemoSource
from bgblur.training.data.sets import read_photo
from bgblur.training.data.split import load_collections
from bgblur.training.evaluate.metrics import iou
from bgblur.training.record import record as recording
from bgblur.training.record.clean_plate import CleanPlate, moved
from bgblur.training.record.folder import RecordFolder
from bgblur.training.record.record import Recorder, RecordPlan

RECORD = Path(__file__).resolve().parents[3] / "scripts" / "record.py"


def bright(image: Image) -> Alpha:
    return (image.mean(2) > 127).astype(np.float32)


# ---- the clean plate ----


@pytest.mark.parametrize("gain", [(1.0, 1.0, 1.0), (0.85, 0.9, 1.0)], ids=["same", "warmer"])
def test_the_plate_corrects_the_model(data: Path, gain: tuple[float, float, float]) -> None:
    clip = next(clip for clip in composited(data) if clip.stem == "brbk7n")
    frames = list(with_matte(clip))
    plate = CleanPlate(camera_pictures(room_of(frames), gain, 9))
    image, truth = frames[40]
    wrong = truth.copy()
    wrong[120:300, 20:120] = 1  # the curtain
    wrong[250:330, 260:330] *= 0  # a part of the person is missing
    assert iou(wrong, truth) < 0.75
    corrected = plate.correct(image, wrong)
    assert iou(corrected, truth) > 0.95
    assert corrected.dtype == np.float32
    assert corrected.shape == truth.shape
    assert plate.correct(plate.image, np.zeros_like(truth)).max() == 0  # no person


def test_movement_is_detected(data: Path) -> None:
    demo = DemoSource(320, 180)
    assert moved([demo.picture(0.5 * i) for i in range(8)])
    assert not moved(camera_pictures(demo.picture(0), (1, 1, 1), 8))


# ---- the folder ----


def test_numbers_continue_and_nothing_is_overwritten(tmp_path: Path) -> None:
    folder = RecordFolder(tmp_path)
    image = np.full((40, 60, 3), 90, np.uint8)
    alpha = np.full((40, 60), 0.5, np.float32)
    names = [folder.add(image, alpha).name for _ in range(3)]
    assert names == ["0001", "0002", "0003"]
    folder.accept(folder.find("0001"))
    folder.reject(folder.find("0003"))
    assert [shot.name for shot in folder.waiting()] == ["0002"]

    again = RecordFolder(tmp_path)  # a later session
    assert again.add(image, alpha).name == "0003"
    again.accept(again.find("0003"))
    assert again.add(image, alpha).name == "0004"
    assert again.accepted == 2
    mask = cv2.imread(str(tmp_path / "masks" / "0001.png"), cv2.IMREAD_UNCHANGED)
    assert mask is not None
    assert mask.shape == (40, 60)
    assert (mask == 128).all()
    with pytest.raises(UsageError, match="no picture 0001 waits"):
        again.find("0001")
    with pytest.raises(UsageError, match="no picture"):
        again.find("../../etc/passwd")


def test_a_mask_edited_by_hand(tmp_path: Path) -> None:
    folder = RecordFolder(tmp_path)
    shot = folder.add(np.zeros((40, 60, 3), np.uint8), np.zeros((40, 60), np.float32))
    small = cv2.imencode(".png", np.zeros((9, 9), np.uint8))[1].tobytes()
    for wrong in (b"", b"no picture", small):
        with pytest.raises(UsageError, match="must be a PNG"):
            folder.accept(shot, wrong)
    drawn = np.zeros((40, 60, 4), np.uint8)
    drawn[10:20] = 255
    folder.accept(shot, cv2.imencode(".png", drawn)[1].tobytes())
    _, alpha, _ = read_photo(load_collections(tmp_path)[0].all_photos[0])
    assert (alpha[10:20] == 1).all()
    assert alpha.sum() == 600
    folder.tidy()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "masks"]


def test_a_full_disk_damages_no_mask_and_leaves_no_partial_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RecordFolder(tmp_path)
    image, alpha = np.zeros((40, 60, 3), np.uint8), np.full((40, 60), 0.5, np.float32)
    shot = folder.add(image, alpha)
    drawn = cv2.imencode(".png", np.zeros((40, 60), np.uint8))[1].tobytes()
    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", write_half)
        with pytest.raises(OutputError, match="free some space"):
            folder.accept(shot, drawn)
        with pytest.raises(OutputError, match="free some space"):
            folder.add(image, alpha)
    assert sorted(path.name for path in tmp_path.rglob("0*")) == ["0001.jpg", "0001.png"]
    before = cv2.imread(str(shot.mask), cv2.IMREAD_GRAYSCALE)
    assert before is not None
    assert (before == 128).all()
    folder.accept(shot, drawn)
    assert folder.accepted == 1


def write_half(path: Path, data: bytes) -> int:
    with path.open("wb") as file:
        file.write(data[: len(data) // 2])
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write to"):
        RecordFolder(tmp_path / "file")


# ---- the session ----


class Clip:
    """A source of these pictures; it repeats the last one for ever, or fails after it."""

    name, width, height, fps = "test clip", 64, 48, 30.0
    remark: str | None = None

    def __init__(self, pictures: list[Image], fails: bool = False) -> None:
        self._pictures = pictures
        self._fails = fails
        self._index = 0

    def read(self) -> Frame:
        if self._fails and self._index >= len(self._pictures):
            raise CameraError("the camera was unplugged: plug it in")
        frame = Frame(self._pictures[min(self._index, len(self._pictures) - 1)], self._index)
        self._index += 1
        return frame

    def close(self) -> None:
        pass


def test_a_session_with_an_empty_room_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "PLATE_SECONDS", 0)
    rng = np.random.default_rng(1)
    room = cv2.GaussianBlur(rng.integers(0, 120, (96, 128, 3)).astype(np.uint8), (0, 0), 3)
    someone = room.copy()
    cv2.circle(someone, (64, 60), 25, (60, 200, 240), -1)
    said: list[str] = []
    source = Clip([room] * (recording.PLATE_PICTURES + 3) + [someone])
    folder = RecordFolder(tmp_path)
    recorder = Recorder(source, bright, folder, RecordPlan(3, 0.01, True, 0), tell=said.append)
    recorder.resume()
    recorder.run()
    assert recorder.problem is None
    assert (recorder.taken, recorder.phase) == (3, "done")
    assert said[:3] == [recording.LEAVE, recording.PLATE, recording.RETURN]
    assert said[3] == recording.POSES[0]
    masks = [cv2.imread(str(shot.mask), cv2.IMREAD_GRAYSCALE) for shot in folder.waiting()]
    shares = [float((mask > 127).mean()) for mask in masks if mask is not None]
    assert shares[0] == 0  # the empty room
    assert shares[1:] == pytest.approx([np.pi * 25**2 / room[..., 0].size] * 3, rel=0.1)


def test_a_room_that_never_stops_moving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "PLATE_SECONDS", 0)
    demo = DemoSource(320, 180)
    source = Clip([demo.picture(0.3 * i) for i in range(80)])
    recorder = Recorder(source, bright, RecordFolder(tmp_path), RecordPlan(3, 0.01, True, 0))
    recorder.resume()
    recorder.run()
    assert recorder.problem is not None
    assert "record without --plate" in recorder.problem


def test_pictures_stay_when_the_camera_fails(tmp_path: Path) -> None:
    pictures = [np.full((48, 64, 3), 200, np.uint8)] * 500
    folder = RecordFolder(tmp_path)
    recorder = Recorder(Clip(pictures, fails=True), bright, folder, RecordPlan(900, 0, False, 0))
    recorder.resume()
    recorder.run()
    assert recorder.problem == "the camera was unplugged: plug it in"
    assert len(folder.waiting()) == recorder.taken == 500


def test_pause_and_take_more(tmp_path: Path) -> None:
    source, free = DemoSource(64, 48, 200), threading.Event()
    free.set()

    def held(image: Image) -> Alpha:
        assert free.wait(60)
        return bright(image)

    recorder = Recorder(
        source, held, RecordFolder(tmp_path), RecordPlan(2, 0.01, False, 0), show=lambda _: None
    )
    thread = threading.Thread(target=recorder.run)
    thread.start()
    try:
        assert recorder.taken == 0  # Start was not pressed
        recorder.resume()
        assert eventually(lambda: recorder.phase == "done")
        free.clear()  # or it would be done before the pause, on a busy machine
        recorder.resume()
        assert recorder.plan.count == 4
        recorder.pause()
        assert recorder.phase == "paused"
        free.set()
        recorder.resume()
        assert eventually(lambda: recorder.phase == "done")
        assert recorder.taken == 4
    finally:
        recorder.stop()
        thread.join()


# ---- the command ----


def test_recording_a_clip_without_a_review(tmp_path: Path) -> None:
    clip, mine = tmp_path / "me.mkv", tmp_path / "mine"
    demo = DemoSource(320, 180)
    write_lossless(clip, [demo.picture(i / 25) for i in range(50)])
    command = [sys.executable, str(RECORD), str(mine), "--device", str(clip), "--yes"]
    command += ["--interval", "0.1", "--count", "3", "--countdown", "0"]
    for total in (3, 6):  # the second session continues the numbers
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        assert f"{total} pictures in {mine}" in done.stderr
    assert sorted(path.name for path in mine.iterdir()) == ["images", "masks"]
    train, held_out = load_collections(mine)
    pictures = train.all_photos + held_out.all_photos
    assert sorted(p.image.stem for p in pictures) == [f"{i:04}" for i in range(1, 7)]
    assert all(0.2 < read_photo(p)[1].mean() < 0.8 for p in pictures)

    none = subprocess.run(
        [*command[:3], "--device", str(tmp_path / "none.mp4"), "--yes"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert none.returncode == 3
    assert "none.mp4" in none.stderr
