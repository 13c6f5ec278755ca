"""The words for people: the one table that cards, tray, preview page and log read."""

from __future__ import annotations

from bgblur.pipeline.state import Part, State

STATE_WORDS = {
    State.STARTING: "Starting",
    State.BLURRING: "Your background is hidden",
    State.OFF: "Off: others see your room",
    State.IDLE: "Camera off: nobody is watching",
    State.PAUSED: "Paused: others see no live picture, the camera is off",
    State.NO_CAMERA: "No camera",
    State.NO_MASK: "Person not found: the whole picture is blurred",
}

# What others see instead of a picture. In the other states they see one.
CARDS = {
    State.STARTING: "bgblur is starting",
    State.IDLE: "bgblur: the camera is off until somebody watches",
    State.PAUSED: "bgblur: paused",
    State.NO_CAMERA: "bgblur: no camera",
}
ENDED_CARD = "bgblur has ended"
PROBLEM_CARD = "bgblur: a problem, see its messages"
ALL_CARDS = (*CARDS.values(), ENDED_CARD, PROBLEM_CARD)

_PART_WORDS = {
    Part.CAMERA: "camera",
    Part.CONTROLS: "camera.controls",
    Part.MASK: "finding the person",
    Part.MODEL: "model",
    Part.PACE: "speed",
    Part.PICTURE: "picture",
    Part.OUTPUT: "output",
    Part.PREVIEW: "preview",
    Part.CONFIG: "configuration",
    Part.STATUS: "status file",
    Part.BACKGROUND: "background",
}

# By the part whose thread hangs in a call that does not return.
HANGS = {
    Part.CAMERA: "the camera does not respond: opening it again",
    Part.MASK: "the model does not respond: loading it again",
}


def working_again(part: Part, which: str = "") -> str:
    """The line for the user once the problem of ``part`` is gone; ``which`` of several."""
    return f"{_PART_WORDS[part]} {which}".rstrip() + ": working again"
