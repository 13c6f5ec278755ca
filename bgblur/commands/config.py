"""``bgblur-cam config ...`` and ``toggle``: show and change the configuration."""

from __future__ import annotations

import typer

from bgblur.commands.options import ConfigOption, out, say

config_app = typer.Typer(help="Show and change the configuration.", no_args_is_help=True)


def toggle(config: ConfigOption = None) -> None:
    """Turn the blur off, or back on at the strength before."""
    from bgblur.config import file as config_file

    strength = config_file.toggle(config or config_file.default_path())
    out.print(f"strength {strength}")


def pause(config: ConfigOption = None) -> None:
    """Pause: close the camera; or go on."""
    from bgblur.config import file as config_file

    paused = config_file.toggle_pause(config or config_file.default_path())
    out.print("paused" if paused else "not paused")


@config_app.command("path")
def config_path(config: ConfigOption = None) -> None:
    """Print the path of the configuration file."""
    from bgblur.config.file import default_path

    print(config or default_path())


@config_app.command("show")
def config_show(config: ConfigOption = None) -> None:
    """Print every key with its current value; of a camera's address, the host alone."""
    from bgblur.addresses import shown
    from bgblur.config.file import dump
    from bgblur.config.overrides import effective

    settings = effective(config, {})
    camera = settings.camera.model_copy(update={"device": shown(settings.camera.device)})
    print(dump(settings.model_copy(update={"camera": camera})), end="")


@config_app.command("validate")
def config_validate(config: ConfigOption = None) -> None:
    """Check the file; the exit code is 2 if something is wrong."""
    from bgblur.config.overrides import effective

    effective(config, {})
    say("the configuration is valid")


@config_app.command("set")
def config_set(key: str, value: str, config: ConfigOption = None) -> None:
    """Change one key, such as background.strength; a running daemon applies it."""
    from bgblur.config.file import default_path, load, set_value

    path = config or default_path()
    set_value(path, key, value)
    if key == "output.device" and load(path).output.devices:
        say(
            "output.devices is not empty, so that output.device has no effect: empty it with "
            'bgblur-cam config set output.devices ""'
        )
