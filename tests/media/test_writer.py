from __future__ import annotations

import errno
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.media.known_colors import middles, patches
from support.media.video_files import first_picture, probe, writer

from bgblur.errors import OutputError, UsageError
from bgblur.media.codecs import GRAY, Needs
from bgblur.media.tags import PictureTags

MILLISECONDS = Fraction(1, 1000)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", [1, 6])
def test_colors_are_right_and_tagged(tmp_path: Path, matrix: int, full: bool) -> None:
    path = tmp_path / "a.mp4"
    tags = PictureTags(matrix, 2 if full else 1)
    with writer(path, 192, 128, tags=tags) as video:
        for pts in range(3):
            video.write(patches(), pts)
    shown = middles(first_picture(path, matrix, full)).astype(int)
    assert np.abs(shown - middles(patches())).max() <= 6
    stream = probe(path)["streams"][0]
    assert stream["color_space"] == {1: "bt709", 6: "smpte170m"}[matrix]
    assert stream["color_range"] == ("pc" if full else "tv")


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "h264"), ("a.MOV", "h264"), ("a.mkv", "h264"), ("a.webm", "vp9")],
)
def test_each_ending_gets_its_codec(tmp_path: Path, name: str, codec: str) -> None:
    path = tmp_path / name
    with writer(path) as video:
        for pts in range(10):
            video.write(np.full((48, 64, 3), 20 * pts, np.uint8), pts)
    probed = probe(path, "-count_frames")
    (stream,) = probed["streams"]
    assert stream["codec_name"] == codec
    assert stream["nb_read_frames"] == "10"
    assert (stream["width"], stream["height"]) == (64, 48)
    assert stream["pix_fmt"] == "yuv420p"
    assert float(probed["format"]["duration"]) == pytest.approx(0.4, abs=0.002)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_pixels_that_are_not_square_stay_so(tmp_path: Path) -> None:
    with writer(tmp_path / "a.mp4", tags=PictureTags(6, 1, pixel_aspect=Fraction(16, 15))) as video:
        video.write(np.zeros((48, 64, 3), np.uint8), 0)
    assert probe(tmp_path / "a.mp4")["streams"][0]["sample_aspect_ratio"] == "16:15"


@pytest.mark.parametrize(("name", "size"), [("a.mp4", (66, 50)), ("a.webm", (65, 49))])
def test_odd_sizes_are_padded_only_where_they_must(
    tmp_path: Path, name: str, size: tuple[int, int]
) -> None:
    picture = np.zeros((49, 65, 3), np.uint8)
    picture[:, 56:] = 200
    with writer(tmp_path / name, 65, 49) as video:
        video.write(picture, 0)
    assert bool(video.warnings) == (size != (65, 49))
    with av.open(str(tmp_path / name)) as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height) == size
    assert abs(int(frame.to_ndarray(format="bgr24")[:, -1].min()) - 200) <= 8  # not black


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    height=st.integers(4, 40),
    width=st.integers(4, 40),
    gaps=st.lists(st.integers(1, 500), min_size=1, max_size=6),
    seed=st.integers(0, 99),
)
def test_the_alpha_file_gives_back_every_bit(
    tmp_path: Path, height: int, width: int, gaps: list[int], seed: int
) -> None:
    path = tmp_path / "alpha.mkv"
    mattes = np.random.default_rng(seed).integers(0, 256, (len(gaps), height, width), np.uint8)
    stamps = np.cumsum(gaps).tolist()
    more = {"needs": GRAY, "time_base": MILLISECONDS, "if_exists": "replace"}
    with writer(path, width, height, **more) as video:
        for matte, pts in zip(mattes, stamps, strict=True):
            video.write(matte, pts)
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        assert container.streams.video[0].codec_context.name == "ffv1"
    assert [frame.format.name for frame in frames] == ["gray"] * len(gaps)
    assert [frame.time for frame in frames] == [stamp / 1000 for stamp in stamps]
    assert all((f.to_ndarray() == m).all() for f, m in zip(frames, mattes, strict=True))


def test_an_exception_leaves_nothing(tmp_path: Path) -> None:
    def broken_off() -> None:
        with writer(tmp_path / "a.mp4") as video:
            video.write(np.zeros((48, 64, 3), np.uint8), 0)
            assert len(list(tmp_path.iterdir())) == 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert list(tmp_path.iterdir()) == []


def test_an_older_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("older")
    video = writer(path, if_exists="replace")
    video.write(np.zeros((48, 64, 3), np.uint8), 0)
    assert path.read_text() == "older"
    video.close()
    video.close()
    assert probe(path)["streams"][0]["nb_frames"] == "1"
    with pytest.raises(OutputError, match="closed"):
        video.write(np.zeros((48, 64, 3), np.uint8), 1)


def test_an_older_file_is_refused_before_work_is_spent(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("older")
    with pytest.raises(UsageError, match=r"a\.mp4 exists already: .*--overwrite"):
        writer(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize("old", [True, False])
def test_a_link_is_written_through(tmp_path: Path, old: bool) -> None:
    """The user has put the file on another disk; the link stays, even one that leads nowhere."""
    (tmp_path / "disk").mkdir()
    link, file = tmp_path / "a.mp4", tmp_path / "disk" / "b.mp4"
    link.symlink_to(file)
    if old:
        file.write_bytes(b"old")
    with pytest.raises(UsageError, match="exists already"):
        writer(link)
    with writer(link, if_exists="replace") as video:
        video.write(np.zeros((48, 64, 3), np.uint8), 0)
    assert link.is_symlink()
    assert probe(file)["streams"][0]["codec_name"] == "h264"
    assert [entry.name for entry in (tmp_path / "disk").iterdir()] == ["b.mp4"]
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["a.mp4"]


def test_a_file_made_meanwhile_stays_and_so_does_the_work(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with writer(path) as video:
        video.write(np.zeros((48, 64, 3), np.uint8), 0)
        path.write_text("somebody else's")
    assert path.read_text() == "somebody else's"
    assert video.path == tmp_path / "a-2.mp4"
    assert probe(video.path)["streams"][0]["nb_frames"] == "1"
    assert video.warnings == ["a.mp4 was made by another program meanwhile: this is a-2.mp4"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a-2.mp4", "a.mp4"]


@pytest.mark.parametrize(
    ("name", "gray", "accepted"),
    [
        ("a.wmv", False, r"must end in \.mp4, \.mkv, \.mov or \.webm"),
        ("a", False, r"must end in \.mp4"),
        ("a.mp4", True, r"alpha file a\.mp4: its name must end in \.mkv$"),
    ],
)
def test_other_endings_are_refused(tmp_path: Path, name: str, gray: bool, accepted: str) -> None:
    with pytest.raises(UsageError, match=accepted):
        writer(tmp_path / name, needs=Needs(gray=gray))
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_path_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    for path, reason in (
        (tmp_path / "none" / "a.mp4", "there is no folder"),
        (tmp_path / "folder.mp4", "it is a folder"),
    ):
        with pytest.raises(OutputError, match=reason) as caught:
            writer(path)
        assert "\n" not in str(caught.value)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="/proc is the folder nobody may write")
def test_a_folder_without_permission_is_one_line() -> None:
    with pytest.raises(OutputError, match=r"cannot write /proc/a\.mp4: .*; choose a folder"):
        writer(Path("/proc/a.mp4"))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="/proc is the folder nobody may write")
def test_a_read_only_file_system_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux refuses there even to remove a file that does not exist."""

    def refused(path: Path, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "unlink", refused)
    with pytest.raises(OutputError, match=r"cannot write /proc/a\.mp4: .*; choose a folder"):
        writer(Path("/proc/a.mp4"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a limit on file sizes")
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    noise = np.random.default_rng(0).integers(0, 256, (400, 48, 64, 3), np.uint8)

    def fill() -> None:
        with writer(tmp_path / "a.mkv") as video:
            for pts, picture in enumerate(noise):
                video.write(picture, pts)

    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OutputError, match=r"cannot write .*a\.mkv"):
            fill()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    assert list(tmp_path.iterdir()) == []
