"""The man page has what the commands have; the shells complete them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.docs.examples import options

from bgblur import __version__
from bgblur.desktop.share_files import SHARE

PAGE = SHARE / "man/man1/bgblur-cam.1"
AGAIN = "scripts/packaging/man_page.py writes it again"
OF_TYPER = {"--help"}  # in every command


def test_the_page_has_every_command_and_option_and_no_other() -> None:
    text = PAGE.read_text("utf-8").replace(r"\-", "-")
    assert f'"bgblur {__version__}"' in text, AGAIN
    found: dict[str, set[str]] = {}
    command = ""
    for line in text.partition(".SH OPTIONS")[2].partition(".SH EXIT STATUS")[0].splitlines():
        if line.startswith(".SS "):
            command = re.split(r" [\[{\-(A-Z]", line.removeprefix(".SS "))[0]
        found.setdefault(command, set()).update(re.findall(r"\\fB(--[a-z-]+)\\fR", line))
    wanted = {path: set(names) - OF_TYPER for path, names in options("bgblur-cam").items()}
    assert found == wanted, AGAIN


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
def test_the_page_is_well_formed() -> None:
    command = ["groff", "-man", "-ww", "-b", "-Tutf8", str(PAGE)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "bgblur-cam" in done.stdout


COMPLETED = {"bgblur-cam serv": "service", "bgblur-cam video --ke": "--keep-interlaced"}
ASKED = {
    "bash": (
        ["bash", "--norc", "-c"],
        "source {share}/bash-completion/completions/bgblur-cam;"
        'COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_LINE="{words}";'
        '_bgblur_cam_completion bgblur-cam; printf "%s\\n" "${{COMPREPLY[@]}}"',
    ),
    # What zsh would show goes through _arguments or compadd; the text that it gets is enough here.
    "zsh": (
        ["zsh", "-f", "-c"],
        "fpath=({share}/zsh/site-functions $fpath); autoload -U compinit; compinit -D;"
        "_describe() {{ print -l -- ${{(P)2}} }}; _arguments() {{ print -l -- $* }};"
        "words=({words}); CURRENT=$#words; $_comps[bgblur-cam]",
    ),
    "fish": (
        ["fish", "--no-config", "-c"],
        "source {share}/fish/vendor_completions.d/bgblur-cam.fish; complete -C '{words}'",
    ),
}


@pytest.mark.parametrize("shell", ASKED)
def test_a_shell_completes_commands_and_options(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    program = tmp_path / "bgblur-cam"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bgblur "$@"\n')
    program.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    command, script = ASKED[shell]
    for words, wanted in {
        "bgblur-cam serv": "service",
        "bgblur-cam video --ke": "--keep-i",
    }.items():
        done = subprocess.run(
            [*command, script.format(share=SHARE, words=words)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert wanted in done.stdout, done.stdout + done.stderr
        assert "bgblur: " not in done.stderr
        assert "toggle" not in done.stdout
