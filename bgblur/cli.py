"""The command line: one thin function a command; what they do stands elsewhere."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bgblur import __version__
from bgblur.errors import BgblurError, UsageError

app = typer.Typer(
    no_args_is_help=False,
    add_completion=False,
    rich_markup_mode=None,
    help="A virtual camera that blurs what is behind you.",
)
config_app = typer.Typer(help="Show and change the configuration.", no_args_is_help=True)
app.add_typer(config_app, name="config")

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


ConfigOption = Annotated[Path | None, typer.Option("--config", help="Another config.toml.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
StrengthOption = Annotated[int | None, typer.Option(help="0 (off) to 100.")]
ModeOption = Annotated[str | None, typer.Option(help="blur, image, color or none.")]
BackgroundOption = Annotated[
    str | None, typer.Option(help="A picture (sets --mode image) or #rrggbb (--mode color).")
]


@app.callback(invoke_without_command=True)
def daemon(
    context: typer.Context,
    device: Annotated[
        str | None, typer.Option(help="Camera index or path, a clip, or demo.")
    ] = None,
    output: Annotated[
        str | None, typer.Option(help="auto, a virtual camera's path, web, or OUT.mp4.")
    ] = None,
    strength: StrengthOption = None,
    mode: ModeOption = None,
    background: BackgroundOption = None,
    width: Annotated[int | None, typer.Option(help="Wanted of the camera, pixels.")] = None,
    height: Annotated[int | None, typer.Option(help="Wanted of the camera, pixels.")] = None,
    fps: Annotated[float | None, typer.Option(help="Wanted of the camera.")] = None,
    config: ConfigOption = None,
    duration: Annotated[float | None, typer.Option(help="Stop after so many seconds.")] = None,
    debug: Annotated[bool, typer.Option(help="Show tracebacks.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Blur the webcam's background into a virtual camera."""
    if version:
        out.print(__version__)
        raise typer.Exit
    if context.invoked_subcommand is not None:
        return
    from bgblur.config_file import default_path, load
    from bgblur.daemon import Daemon

    path = config or default_path()
    options = {
        "camera.device": device,
        "camera.width": width,
        "camera.height": height,
        "camera.fps": fps,
        "output.device": output,
        **_background_options(strength, mode, background),
    }
    chosen = {key: value for key, value in options.items() if value is not None}
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    Daemon(load(path), path, chosen, _say).run(stop, duration)


@app.command()
def video(
    source: Annotated[Path, typer.Argument(metavar="IN")],
    target: Annotated[Path, typer.Argument(metavar="OUT")],
    alpha: Annotated[Path | None, typer.Option(help="Write alpha too: FFV1 gray, .mkv.")] = None,
    strength: StrengthOption = None,
    mode: ModeOption = None,
    background: BackgroundOption = None,
    save_every: Annotated[int | None, typer.Option(help="Save every Nth frame as PNG.")] = None,
    frames_dir: Annotated[Path | None, typer.Option(help="Where --save-every saves.")] = None,
    config: ConfigOption = None,
    debug: Annotated[bool, typer.Option(help="Show tracebacks.")] = False,
) -> None:
    """Blur a recording; every frame is kept, and its sound."""
    from bgblur.files import Processor
    from bgblur.offline import VideoJob, blur_video
    from bgblur.progress import VideoProgress

    settings = _effective(config, _background_options(strength, mode, background))
    job = VideoJob(source, target, alpha, save_every, frames_dir)
    with VideoProgress(err) as progress:
        report = blur_video(job, Processor(settings), on_progress=progress.update)
    for warning in report.warnings:
        _say(warning)
    _say(f"{target}: {report.frames} frames in {report.seconds:.1f} s")


@app.command()
def image(
    sources: Annotated[list[Path], typer.Argument(metavar="IN...")],
    out_dir: Annotated[Path, typer.Option(help="Where NAME.png goes.")],
    save: Annotated[str, typer.Option(help="Of composite,alpha,mask.")] = "composite",
    strength: StrengthOption = None,
    mode: ModeOption = None,
    background: BackgroundOption = None,
    config: ConfigOption = None,
    debug: Annotated[bool, typer.Option(help="Show tracebacks.")] = False,
) -> None:
    """Blur photos."""
    from bgblur.files import Processor
    from bgblur.offline import blur_images

    settings = _effective(config, _background_options(strength, mode, background))
    report = blur_images(sources, out_dir, _save_kinds(save), Processor(settings, stills=True))
    for path in report.written:
        out.print(str(path), markup=False)
    if report.problems:
        raise UsageError("; ".join(report.problems))


@app.command()
def devices(as_json: JsonOption = False) -> None:
    """List cameras and virtual cameras."""
    from bgblur.devices import list_devices

    found = list_devices()
    if as_json:
        print(json.dumps({"devices": [device.as_dict() for device in found]}))
        return
    if not found:
        _say("no camera and no virtual camera found: try --device demo --output web")
        return
    table = Table("device", "name", "kind", "formats", box=None)
    for entry in found:
        formats = entry.problem or ", ".join(entry.formats[:4])
        more = f" (+{len(entry.formats) - 4})" if len(entry.formats) > 4 else ""
        table.add_row(entry.path, entry.name, entry.kind, formats + more)
    out.print(table)


@app.command()
def status(as_json: JsonOption = False) -> None:
    """Show what the running daemon does."""
    from bgblur.status import running

    reports = running()
    if as_json:
        runs = [run for report in reports for run in report["runs"]]
        print(json.dumps({"machine": reports[0]["machine"] if reports else {}, "runs": runs}))
        return
    if not reports:
        raise UsageError("no bgblur-cam is running: start one with `bgblur-cam`")
    for report in reports:
        for run in report["runs"]:
            _say(
                f"{run['source']} -> {run['output']}: {run['state']}, strength {run['strength']}, "
                f"{run['fps']:.0f} fps, latency {run['latency_ms']['p50']:.0f} ms, "
                f"{run['cpu_cores']} cores, {run['rss_mb']:.0f} MB"
            )
            if run["problem"]:
                _say(run["problem"])


@app.command()
def toggle(config: ConfigOption = None) -> None:
    """Turn the blur off, or back on as strong as it was."""
    from bgblur import config_file

    strength = config_file.toggle(config or config_file.default_path())
    out.print(f"strength {strength}")


@app.command()
def bench(
    source: Annotated[str, typer.Option(help="demo or a clip.")] = "demo",
    size: Annotated[list[str] | None, typer.Option(help="WIDTHxHEIGHT, may be repeated.")] = None,
    seconds: Annotated[float, typer.Option(help="Measured a run.")] = 10.0,
    fps: Annotated[float, typer.Option(help="Offered by the demo source.")] = 30.0,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: Annotated[bool, typer.Option(help="Show tracebacks.")] = False,
) -> None:
    """Measure speed, latency and memory of the whole pipeline on this machine."""
    from bgblur.bench import bench as run_bench

    settings = _effective(config, {"camera.device": source, "camera.fps": fps})
    report = run_bench(settings, [_size(text) for text in size or ["1280x720"]], seconds)
    if as_json:
        print(json.dumps(report))
        return
    out.print(f"{report['machine']['cpu']}, {report['machine']['cores']} cores", markup=False)
    table = Table("size", "device", "fps", "latency p50/p95 ms", "cores", "MB", "start s", box=None)
    for run in report["runs"]:
        latency = run["latency_ms"]
        table.add_row(
            f"{run['width']}x{run['height']}",
            f"{run['device']} {run['precision']} at {run['input_height']}",
            f"{run['fps']:.1f}",
            f"{latency['p50']:.0f}/{latency['p95']:.0f}",
            f"{run['cpu_cores']:.2f}",
            f"{run['rss_mb']:.0f}",
            f"{run['startup_s']:.1f}",
        )
    out.print(table)


@config_app.command("path")
def config_path(config: ConfigOption = None) -> None:
    """Print where the configuration lies."""
    from bgblur.config_file import default_path

    print(config or default_path())


@config_app.command("show")
def config_show(config: ConfigOption = None) -> None:
    """Print every key with its value in force."""
    from bgblur.config_file import dump

    print(dump(_effective(config, {})), end="")


@config_app.command("validate")
def config_validate(config: ConfigOption = None) -> None:
    """Check the file; exit code 2 if something is wrong."""
    _effective(config, {})
    _say("the configuration is valid")


@config_app.command("set")
def config_set(key: str, value: str, config: ConfigOption = None) -> None:
    """Change one key, such as background.strength; a running daemon follows."""
    from bgblur.config_file import default_path, set_value

    set_value(config or default_path(), key, value)


def _effective(config: Path | None, options: dict[str, Any]) -> Any:
    from bgblur.config_file import default_path, load
    from bgblur.overrides import Overrides

    settings = load(config or default_path())
    chosen = {key: value for key, value in options.items() if value is not None}
    return Overrides(chosen, settings).over(settings)


def _background_options(
    strength: int | None, mode: str | None, background: str | None
) -> dict[str, Any]:
    options: dict[str, Any] = {"background.strength": strength, "background.mode": mode}
    if background is not None:
        kind = "color" if background.startswith("#") else "image"
        options[f"background.{kind}"] = background
        options["background.mode"] = mode or kind
    return options


def _save_kinds(text: str) -> frozenset[str]:
    kinds = frozenset(part.strip() for part in text.split(","))
    known = {"composite", "alpha", "mask"}
    if not kinds <= known:
        raise UsageError(f'--save is "{text}": name some of {", ".join(sorted(known))}')
    return kinds


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise UsageError(f'--size is "{text}": write it as WIDTHxHEIGHT, like 1280x720')
    return int(width), int(height)


def _say(line: str) -> None:
    err.print(line, markup=False)


def main() -> None:
    """The entry point: errors a user can mend end in one line and their exit code."""
    try:
        code = typer.main.get_command(app).main(standalone_mode=False, prog_name="bgblur-cam")
    except BgblurError as error:
        if "--debug" in sys.argv:
            raise
        _say(f"bgblur-cam: {error}")
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except Exception as error:
        message = getattr(error, "format_message", None)  # typer's own usage errors
        if message is None or "--debug" in sys.argv:
            raise
        _say(f"bgblur-cam: {message()} See bgblur-cam --help.")
        code = 2
    _leave(code or 0)


def _leave(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    if any(thread.daemon for thread in threading.enumerate()):
        # A thread still inside a driver or a model would be unwound through C++, which aborts.
        os._exit(code)
    sys.exit(code)
