"""The command line: the daemon's options, the other commands, exit codes."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from bgblur import __version__
from bgblur.addresses import without_secrets
from bgblur.commands import bench, config, desktop, files, machine, reports, service, tray
from bgblur.commands.options import (
    BackgroundOption,
    BlurOption,
    ConfigOption,
    ModeOption,
    OverwriteOption,
    StrengthOption,
    out,
    say,
)
from bgblur.daemon.notify import Notifier
from bgblur.environment import prepare_process
from bgblur.errors import BgblurError, UsageError
from bgblur.files import IfExists
from bgblur.interrupts import Stop

app = typer.Typer(
    no_args_is_help=False,
    rich_markup_mode=None,
    help="A virtual camera that blurs what is behind you.",
    epilog="With --debug, every command shows the traceback of an error.",
)


@app.callback(invoke_without_command=True)
def daemon(
    context: typer.Context,
    device: Annotated[
        str | None,
        typer.Option(help="Camera number, name, path, address or pipewire; a clip; or demo."),
    ] = None,
    output: Annotated[
        list[str] | None,
        typer.Option(
            help="auto, pipewire, web, a virtual camera's path, or a file (OUT.mp4); "
            "several times for several outputs."
        ),
    ] = None,
    strength: StrengthOption = None,
    blur: BlurOption = None,
    mode: ModeOption = None,
    background: BackgroundOption = None,
    width: Annotated[int | None, typer.Option(help="Camera width in pixels.")] = None,
    height: Annotated[int | None, typer.Option(help="Camera height in pixels.")] = None,
    fps: Annotated[float | None, typer.Option(help="Camera frames per second.")] = None,
    preview: Annotated[
        bool | None, typer.Option("--preview", help="Serve the preview page too.")
    ] = None,
    with_tray: Annotated[bool, typer.Option("--tray", help="Show the tray icon too.")] = False,
    overwrite: OverwriteOption = False,
    config_path: ConfigOption = None,
    duration: Annotated[float | None, typer.Option(help="Stop after this many seconds.")] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Blur the webcam's background into a virtual camera."""
    if version:
        out.print(__version__)
        raise typer.Exit
    if context.invoked_subcommand is not None:
        return
    from bgblur.config.file import default_path, load
    from bgblur.config.overrides import background_values, output_values
    from bgblur.daemon.daemon import Daemon
    from bgblur.tray.process import TrayProcess

    if duration is not None and not duration > 0:  # NaN, too
        raise UsageError(f"--duration is {duration:g}: it must be more than 0 seconds")
    path = config_path or default_path()
    options = {
        "camera.device": device,
        "camera.width": width,
        "camera.height": height,
        "camera.fps": fps,
        "output.preview": preview,
        **output_values(output),
        **background_values(strength, mode, background, blur),
    }
    chosen = {key: value for key, value in options.items() if value is not None}
    stop = Stop()
    stop.at_signals()
    made = Daemon(load(path), path, chosen, say, _if_exists(output, overwrite))
    with TrayProcess(path) if with_tray else nullcontext():
        made.run(stop, duration)


for command in (
    files.video,
    files.image,
    reports.devices,
    reports.status,
    bench.bench,
    machine.doctor,
    machine.setup,
    config.toggle,
    config.pause,
    tray.tray,
):
    app.command()(command)
app.add_typer(config.config_app, name="config")
app.add_typer(service.service_app, name="service")
app.add_typer(desktop.desktop_app, name="desktop")


def _if_exists(output: list[str] | None, overwrite: bool) -> IfExists:
    """For the recording that the daemon starts with. A name in the configuration, or in the
    service's unit, is there for many starts: none of them may fail because of the one before."""
    if overwrite:
        return "replace"
    typed = bool(output) and not Notifier().enabled
    return "refuse" if typed else "number"


def main() -> None:
    """Entry point. An error that a user can fix ends in one line and its exit code."""
    prepare_process()
    debug = _take_debug(sys.argv)
    try:
        code = typer.main.get_command(app).main(standalone_mode=False, prog_name="bgblur-cam")
    except BgblurError as error:
        if debug:
            raise
        say(f"bgblur-cam: {error}")
        Notifier().stopping(str(error))  # shown by systemctl status
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except Exception as error:
        message = getattr(error, "format_message", None)  # typer's own usage errors
        if message is None or debug:
            raise
        said = message().rstrip(".")
        say(without_secrets(f"bgblur-cam: {said}. {_hint(sys.argv[1:])}"))
        code = 2
    _leave(code or 0)


def _hint(arguments: list[str]) -> str:
    for argument in arguments:
        name = Path(argument)
        if argument.startswith("-") and (name.suffix[1:].isalnum() or name.exists()):
            return f"If {argument} is a file, write ./{argument}."
    if arguments[:2] == ["config", "set"] and arguments[4:]:  # after the key and its value
        return 'Write a value of several words in quotes, such as "0.5 0.4".'
    return "See bgblur-cam --help."


def _take_debug(argv: list[str]) -> bool:
    """Remove ``--debug`` from ``argv``, at any place before ``--``. Returns whether it was there.

    What follows ``--`` are the options of ``service install``."""
    end = argv.index("--") if "--" in argv else len(argv)
    kept = [argument for argument in argv[:end] if argument != "--debug"]
    argv[:end] = kept
    return len(kept) < end


def _leave(code: int) -> None:
    for stream in filter(None, (sys.stdout, sys.stderr)):  # a shell's >&- closes them
        stream.flush()
    if any(thread.daemon for thread in threading.enumerate()):
        # Python would unwind a thread inside a driver or a model through C++, which aborts.
        os._exit(code)
    sys.exit(code)
