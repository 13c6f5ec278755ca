"""Files that are replaced whole, and names as users write them."""

from __future__ import annotations

import errno
import os
import platform
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bgblur.errors import CameraError, UsageError
from bgblur.files import remove_unfinished, replacing, unfinished_name, user_path, write_atomically

needs_modes = pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "figures.json"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_the_old_file_stands_until_the_new_one_is_whole(path: Path) -> None:
    path.write_text("old")
    with replacing(path) as unfinished:
        unfinished.write_text("new, but not complete")
        assert path.read_text() == "old"
        assert unfinished.parent == path.parent
        unfinished.write_text("new")
    assert path.read_text() == "new"
    assert names_in(path.parent) == [path.name]


@pytest.mark.parametrize("old", ["old", None])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_write_leaves_what_was_there(
    path: Path, old: str | None, error: type[BaseException]
) -> None:
    if old is not None:
        path.write_text(old)

    def write() -> None:
        with replacing(path) as unfinished:
            unfinished.write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert names_in(path.parent) == ([path.name] if old else [])
    assert not old or path.read_text() == old


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_killed_writer_leaves_the_old_file_and_a_hidden_one(path: Path) -> None:
    path.write_text("old")
    writer = (
        "import os, signal, sys; from pathlib import Path; from bgblur.files import replacing\n"
        "with replacing(Path(sys.argv[1])) as unfinished:\n"
        "    unfinished.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    with subprocess.Popen([sys.executable, "-c", writer, str(path)]) as process:
        process.wait()
    assert process.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    (left,) = set(names_in(path.parent)) - {path.name}
    assert left.startswith(".")
    assert Path(left).suffix != path.suffix, "readers of *.json do not take it for one"
    remove_unfinished(path.parent, os.getpid())
    assert left in names_in(path.parent), "that is another process's"
    remove_unfinished(path.parent, process.pid)
    assert names_in(path.parent) == [path.name]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_full_disk_leaves_what_was_there(
    path: Path, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if failing == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"), replacing(path) as unfinished:
        unfinished.write_text("new")
    assert path.read_text() == "old"
    assert names_in(path.parent) == [path.name]


def test_file_and_folder_are_on_the_disk_before_it_returns(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[bool, str]] = []
    real = os.fsync

    def noted(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synced.append((is_folder, path.read_text() if path.exists() else ""))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    with replacing(path) as unfinished:
        unfinished.write_text("new")
    assert synced[0] == (False, ""), "the file before it gets its name"
    if os.name != "nt":
        assert synced[1:] == [(True, "new")], "the folder after it"
    synced.clear()
    with replacing(path, durable=False) as unfinished:
        unfinished.write_text("newer")
    assert synced == []


def test_a_folder_that_cannot_be_synced_is_no_failure(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on some network file systems: the new file is in place by then."""
    real = os.fsync

    def files_only(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", files_only)
    write_atomically(path, "new")
    assert path.read_text() == "new"


@needs_modes
@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize("bits", [0o644, 0o640, 0o600, 0o755])
def test_an_existing_file_keeps_its_mode(path: Path, bits: int, private: bool) -> None:
    path.touch()
    path.chmod(bits)
    with replacing(path, private=private) as unfinished:
        assert mode(unfinished) == 0o600, "nobody else may open it yet"
    assert mode(path) == bits


@needs_modes
@pytest.mark.parametrize(("private", "bits"), [(True, 0o600), (False, 0o640)])
def test_the_mode_of_a_new_file(path: Path, private: bool, bits: int) -> None:
    before = os.umask(0o027)
    try:
        with replacing(path, private=private):
            pass
    finally:
        os.umask(before)
    assert mode(path) == bits


@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_replaced_and_its_target_stays(path: Path, there: bool) -> None:
    target = path.with_name("target")
    if there:
        target.write_text("precious")
        target.chmod(0o644)
    path.symlink_to(target)
    write_atomically(path, "new")
    assert not path.is_symlink()
    assert path.read_text() == "new"
    assert target.exists() is there
    if there:
        assert target.read_text() == "precious"
    if os.name != "nt":
        assert mode(path) == 0o600, "the mode of what a link names is not its own"


@pytest.mark.parametrize("what", ["no folder", "a folder of that name", "a file as its folder"])
def test_what_cannot_be_written_raises_and_leaves_nothing(path: Path, what: str) -> None:
    if what == "a folder of that name":
        path.mkdir()
    elif what == "a file as its folder":
        path.write_text("file")
    target = {"no folder": path / "x", "a file as its folder": path / "x"}.get(what, path)
    with pytest.raises(OSError), replacing(target) as unfinished:  # noqa: PT011
        unfinished.write_text("new")
    assert names_in(path.parent) == ([] if what == "no folder" else [path.name])


def test_a_name_as_long_as_a_name_may_be(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 250 + ".json")
    write_atomically(path, "new")
    assert path.read_text() == "new"


def test_write_atomically_makes_private_folders(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "text"
    write_atomically(path, "grüß Gott\n")
    assert path.read_bytes() == "grüß Gott\n".encode()
    if os.name != "nt":
        assert mode(path) == 0o600
        assert mode(path.parent) == 0o700


def test_unfinished_names_are_hidden_and_never_the_same(path: Path) -> None:
    one, two = unfinished_name(path, ".mp4"), unfinished_name(path, ".mp4")
    assert one != two
    assert one.name.startswith(".")
    assert (one.parent, one.suffix) == (path.parent, ".mp4")


# ------------------------------------------------------------ names


def test_user_path_expands_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("USERPROFILE" if platform.system() == "Windows" else "HOME", str(tmp_path))
    assert user_path("~/room.jpg") == tmp_path / "room.jpg"


def test_user_path_takes_a_file_that_is_not_there(path: Path) -> None:
    assert user_path(str(path)) == path
    path.write_text("a file, not a folder")
    assert user_path(str(path / "x")) == path / "x"


@pytest.mark.skipif(os.name == "nt", reason="other names are wrong there")
@pytest.mark.parametrize("text", ["a\0b", "x" * 300, "~nobody-has-this-name/x"])
def test_user_path_refuses_what_no_file_can_be_called(text: str) -> None:
    for kind in (UsageError, CameraError):
        with pytest.raises(kind, match=r"^cannot use .*: .*; check the name$") as caught:
            user_path(text, kind)
        assert len(str(caught.value)) < 200
