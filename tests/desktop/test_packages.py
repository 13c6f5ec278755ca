"""The Debian folder and the Flatpak manifest name this version, this program and its files."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bgblur import __version__
from bgblur.desktop.share_files import APP_ID, SHARE

PACKAGING = Path(__file__).resolve().parents[2] / "scripts/packaging"
MANIFEST = PACKAGING / f"flatpak/{APP_ID}.yaml"


def test_debians_changelog_begins_with_this_version() -> None:
    first = (PACKAGING / "debian/changelog").read_text("utf-8").splitlines()[0]
    assert re.match(rf"bgblur \({re.escape(__version__)}-\d+\) ", first)


def test_debians_rules_move_what_debian_keeps_elsewhere() -> None:
    rules = (PACKAGING / "debian/rules").read_text("utf-8")
    assert (SHARE / "zsh/site-functions").is_dir()
    assert "share/zsh/site-functions debian/bgblur/usr/share/zsh/vendor-completions" in rules


def test_the_flatpak_has_the_id_of_entry_and_icon() -> None:
    text = MANIFEST.read_text("utf-8")
    assert f"\nid: {APP_ID}\n" in text
    assert "\ncommand: bgblur-cam\n" in text


@pytest.mark.skipif(shutil.which("flatpak-builder") is None, reason="needs flatpak-builder")
def test_flatpak_builder_reads_the_manifest(tmp_path: Path) -> None:
    command = ["flatpak-builder", "--show-manifest", str(MANIFEST)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert f'"id" : "{APP_ID}"' in done.stdout
