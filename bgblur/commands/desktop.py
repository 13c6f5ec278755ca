"""``bgblur-cam desktop ...``: menu entry, icon, man page and completions for one user."""

from __future__ import annotations

from typing import Annotated

import typer

from bgblur.commands.options import say

desktop_app = typer.Typer(
    help="The menu entry, man page and completions of your account.", no_args_is_help=True
)


@desktop_app.command()
def install(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print the files' names.")
    ] = False,
) -> None:
    """Write them to your data folder; needed after pipx, not after a system's package."""
    from importlib.util import find_spec

    from bgblur.desktop import share_files
    from bgblur.desktop.entry import program

    if dry_run:
        for path in share_files.files(program()):
            print(path)
        return
    share_files.install(program(), say)
    if find_spec("PySide6") is None:
        say('the menu entry starts the tray, which needs PySide6: pip install "bgblur[tray]"')


@desktop_app.command()
def uninstall() -> None:
    """Remove them."""
    from bgblur.desktop import share_files
    from bgblur.desktop.entry import program

    share_files.uninstall(program(), say)
