"""The entries of the tray's menu that stand for settings: what is ticked, what a click writes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from bgblur.config.file import Value
from bgblur.config.settings import Settings
from bgblur.devices.choices import camera_choices
from bgblur.devices.listing import Device

Changes = tuple[tuple[str, Value], ...]  # dotted keys with values, in the order to write them


@dataclass(frozen=True)
class Choice:
    """One of several entries. ``ask`` is what the user picks first; it then gives the changes."""

    text: str
    ticked: bool
    changes: Changes = ()
    ask: Literal["picture", "color"] | None = None


def presets(settings: Settings) -> list[Choice]:
    background = settings.background
    return [
        Choice(
            preset.name,
            background.mode == "blur" and background.strength == preset.strength,
            strength_changes(settings, preset.strength),
        )
        for preset in settings.tray.presets
    ]


def strength_changes(settings: Settings, strength: int) -> Changes:
    """Set the strength, and then mode "blur" if another one is set: in this order no moment shows
    more of the room than the settings before and after."""
    changes: Changes = (("background.strength", strength),)
    if settings.background.mode != "blur":
        changes += (("background.mode", "blur"),)
    return changes


def backgrounds(settings: Settings, last_strength: int) -> list[Choice]:
    """``last_strength``, 1..100, is what "Blur" sets while the strength is 0."""
    background = settings.background
    raw = background.mode == "none" or (background.mode == "blur" and background.strength == 0)
    shown = "none" if raw else background.mode
    return [
        *(
            Choice(
                text,
                shown == "blur" and background.blur == blur,
                (() if background.blur == blur else (("background.blur", blur),))
                + strength_changes(settings, background.strength or last_strength),
            )
            for text, blur in (("Blur", "gaussian"), ("Lens blur: lights become discs", "lens"))
        ),
        Choice("Picture…", shown == "image", ask="picture"),
        Choice("Colour…", shown == "color", ask="color"),
        Choice("None: show the room", shown == "none", (("background.mode", "none"),)),
    ]


def picture_changes(path: str) -> Changes:
    return ("background.image", path), ("background.mode", "image")


def color_changes(color: str) -> Changes:
    """``color`` is "#rrggbb"."""
    return ("background.color", color), ("background.mode", "color")


def pauses(settings: Settings) -> list[Choice]:
    """What others see in a pause."""
    shown = settings.output.pause_shows
    return [
        Choice(text, shown == value, (("output.pause_shows", value),))
        for text, value in (("A card", "card"), ("The last picture, blurred", "blurred"))
    ]


def turns(settings: Settings) -> list[Choice]:
    """Which way up the camera's picture is."""
    now = settings.camera.rotate
    words = {0: "Not turned", 90: "Turned right", 180: "Upside down", 270: "Turned left"}
    return [
        Choice(text, now == degrees, (("camera.rotate", degrees),))
        for degrees, text in words.items()
    ]


def zooms(settings: Settings) -> list[Choice]:
    """How much the picture is enlarged; the one in force, too, if it is another."""
    now = settings.camera.zoom
    return [
        Choice(f"{zoom:g}×", now == zoom, (("camera.zoom", zoom),))
        for zoom in sorted({1.0, 1.5, 2.0, 3.0, now})
    ]


def sizes(settings: Settings) -> list[Choice]:
    """Sizes of the output; the one in force, too, if it is another."""
    output = settings.output
    now = output.width, output.height
    known: list[tuple[int | Literal["auto"], int | Literal["auto"]]] = [
        ("auto", "auto"),
        (640, 360),
        (1280, 720),
        (1920, 1080),
        (720, 1280),
    ]
    if now not in known:
        known.append(now)
    return [
        Choice(
            "As the camera" if width == height == "auto" else f"{width} × {height}",
            (width, height) == now,
            (("output.width", width), ("output.height", height)),
        )
        for width, height in known
    ]


def fits(settings: Settings) -> list[Choice]:
    """How a camera of another shape is shown."""
    now = settings.output.fit
    return [
        Choice(text, now == fit, (("output.fit", fit),))
        for fit, text in (("contain", "Whole, with bars"), ("cover", "Filled, cut off"))
    ]


def cameras(settings: Settings, devices: Iterable[Device]) -> list[Choice]:
    """The cameras found; before them a configured device that is none of them, such as a clip."""
    return [
        Choice(camera.text, camera.chosen, (("camera.device", camera.device),))
        for camera in camera_choices(settings.camera.device, devices)
    ]
