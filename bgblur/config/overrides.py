"""Command-line options, which take the place of the file's values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bgblur.config.file import default_path, load
from bgblur.config.problems import value_problem
from bgblur.config.settings import Settings
from bgblur.errors import UsageError

MODE, STRENGTH = "background.mode", "background.strength"
_OUTPUTS = {"output.device", "output.devices"}  # one option sets both


class Overrides:
    """Dotted keys with the values given on the command line.

    An option holds until the file's own value of its key changes: a user who moves the slider on
    the page, or edits the file, wants that now, and no longer what was typed at the start.
    A strength above 0 asks for blur: it ends the file's mode "none". Two keys choose the outputs: a
    change of either ends the option.

    Raises UsageError if the options ask for both blur and the mode "none".
    """

    def __init__(self, values: dict[str, Any], base: Settings) -> None:
        self._values = dict(values)
        self._base = base
        self._asks_for_blur = bool(values.get(STRENGTH)) and MODE not in values
        if values.get(STRENGTH) and values.get(MODE) == "none":
            raise UsageError(
                f'strength {values[STRENGTH]} asks for blur, but mode "none" shows the room: '
                "leave out one of the two"
            )

    def drop(self, key: str) -> None:
        """End the option ``key``: the user has chosen its value elsewhere."""
        for each in _OUTPUTS if key in _OUTPUTS else {key}:
            self._values.pop(each, None)
        if key in (MODE, STRENGTH):
            self._asks_for_blur = False
        if key == STRENGTH:
            self._drop_mode_none()

    def over(self, settings: Settings) -> Settings:
        """The settings in force, given the newest ones of the file. Raises UsageError."""
        for key in {*self._values, *_OUTPUTS}:
            if _get(settings, key) != _get(self._base, key):
                self.drop(key)
        if _get(settings, MODE) != _get(self._base, MODE):
            self._asks_for_blur = False
        if _get(settings, STRENGTH) != _get(self._base, STRENGTH):
            self._asks_for_blur = False
            self._drop_mode_none()
        self._base = settings
        data = settings.model_dump()
        if self._asks_for_blur and data["background"]["mode"] == "none":
            data["background"]["mode"] = "blur"
        for key, value in self._values.items():
            area, name = key.split(".")
            data[area][name] = value
        try:
            return Settings.model_validate(data)
        except ValidationError as error:
            raise UsageError(value_problem(error)) from None

    def _drop_mode_none(self) -> None:
        """A strength was chosen elsewhere, which asks for blur."""
        if self._values.get(MODE) == "none":
            del self._values[MODE]


def effective(path: Path | None, values: dict[str, Any]) -> Settings:
    """The file's settings with ``values`` (dotted keys, None where not given) laid over them.
    Without ``path`` it is the user's own file. Raises UsageError."""
    settings = load(path or default_path())
    chosen = {key: value for key, value in values.items() if value is not None}
    return Overrides(chosen, settings).over(settings)


def background_values(
    strength: int | None, mode: str | None, background: str | None, blur: str | None = None
) -> dict[str, Any]:
    """A strength, a mode, a picture's name or "#rrggbb", and a kind of blur as configuration keys;
    None where not given. A background sets its mode."""
    values: dict[str, Any] = {
        "background.strength": strength,
        "background.mode": mode,
        "background.blur": blur,
    }
    if background is not None:
        kind = "color" if background.startswith("#") else "image"
        values[f"background.{kind}"] = background
        values["background.mode"] = mode or kind
    return values


def output_values(outputs: list[str] | None) -> dict[str, Any]:
    """What ``--output`` asks for, which may be given several times, as configuration keys. One
    output takes the place of the file's list, too."""
    if not outputs:
        return {}
    if len(outputs) == 1:
        return {"output.device": outputs[0], "output.devices": []}
    return {"output.devices": outputs}


def _get(settings: Settings, key: str) -> Any:
    area, name = key.split(".")
    return getattr(getattr(settings, area), name)
