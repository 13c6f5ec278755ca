"""Menu entry, icons and AppStream data are valid, and placed for one user without harm."""

from __future__ import annotations

import configparser
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bgblur import __version__
from bgblur.cli import app
from bgblur.desktop.entry import program
from bgblur.desktop.share_files import APP_ID, ENTRY, ICON, SHARE, install, uninstall
from bgblur.errors import UsageError

pytestmark = pytest.mark.skipif(
    sys.platform in ("win32", "darwin"), reason="this system has no such menus"
)
METAINFO = SHARE / f"metainfo/{APP_ID}.metainfo.xml"


def needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"needs {name}")


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data"


def written(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}


def test_the_command_writes_all_of_them_and_removes_them(data: Path) -> None:
    command = CliRunner()
    shown = command.invoke(app, ["desktop", "install", "--dry-run"])
    assert (shown.exit_code, written(data)) == (0, set())
    for _ in range(2):  # the second replaces the first
        assert command.invoke(app, ["desktop", "install"]).exit_code == 0
        assert written(data) == written(SHARE)
    assert shown.stdout.split() == sorted(str(data / path) for path in written(SHARE))
    assert command.invoke(app, ["desktop", "uninstall"]).exit_code == 0
    assert written(data) == set()


def test_the_menu_starts_this_bgblur(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(program(), lambda _: None)
    parser = configparser.RawConfigParser()
    parser.read(data / ENTRY.relative_to(SHARE), encoding="utf-8")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    *first, tray = shlex.split(parser["Desktop Entry"]["Exec"])
    *second, toggle = shlex.split(parser["Desktop Action toggle"]["Exec"])
    assert (first, tray, toggle) == (second, "--tray", "toggle")
    done = subprocess.run([*first, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == __version__
    assert parser["Desktop Entry"]["Icon"] == ICON.stem == APP_ID


@pytest.mark.parametrize("linked", [False, True])
def test_somebody_elses_file_stays(data: Path, linked: bool, tmp_path: Path) -> None:
    path = data / ICON.relative_to(SHARE)
    path.parent.mkdir(parents=True)
    if linked:  # to another program's file that names the mark
        (tmp_path / "own").write_text("<!-- Part of bgblur. -->")
        path.symlink_to(tmp_path / "own")
    else:
        path.write_text("<svg/>")
    before = path.read_text()
    for change in (install, uninstall):
        with pytest.raises(UsageError, match=rf"^{path} was not written by bgblur-cam: move it"):
            change(program(), lambda _: None)
    assert path.read_text() == before
    assert written(data) == {path.relative_to(data)}


def test_a_folder_that_cannot_be_written(data: Path) -> None:
    data.write_text("")
    with pytest.raises(UsageError, match=r"^cannot (read|write) .*: Not a directory"):
        install(program(), lambda _: None)


def test_nothing_to_remove(data: Path) -> None:
    said: list[str] = []
    uninstall(program(), said.append)
    assert said == [f"nothing to remove below {data}"]


@needs("desktop-file-validate")
def test_the_entry_is_valid(data: Path) -> None:
    install(["/a path/b$c`d\\e%f/bgblur-cam"], lambda _: None)
    for path in (ENTRY, data / ENTRY.relative_to(SHARE)):
        command = ["desktop-file-validate", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "")


@needs("appstreamcli")
def test_the_appstream_data_is_valid() -> None:
    command = ["appstreamcli", "validate", "--no-net", "--no-color", str(METAINFO)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_appstream_data_names_entry_icon_and_version() -> None:
    root = ET.parse(METAINFO).getroot()
    assert root.findtext("id") == APP_ID
    assert root.findtext("launchable") == ENTRY.name
    assert root.findtext("icon") == ICON.stem
    release = root.find("releases/release")
    assert release is not None
    assert release.get("version") == __version__
