"""The settings in force, and how an edit reaches the running pipeline."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bgblur.compositing.look import Look
from bgblur.config.file import Value, parse, read_text, set_value
from bgblur.config.overrides import Overrides
from bgblur.config.settings import Settings
from bgblur.config.state import Choices
from bgblur.daemon.on_demand import OnDemand
from bgblur.errors import BgblurError
from bgblur.pipeline.backend import LoadBackend
from bgblur.pipeline.build import (
    canvas_of,
    geometry_of,
    load_backend,
    look_of,
    mask_of,
    of_device,
    source_opener,
)
from bgblur.pipeline.pipeline import Pipeline
from bgblur.pipeline.preview import OpenPreview
from bgblur.pipeline.sink_keeper import OpenSink
from bgblur.sources.kept_controls import KeptControls
from bgblur.stats import Stats

SinkOpener = Callable[[str], OpenSink]  # from an output's name to what opens it


class LiveSettings:
    """The file's settings with the command line's options over them, and the pipeline they drive.

    Builds ``pipeline`` and ``on_demand`` from the first settings, then changes only the parts that
    an edit concerns. ``problem`` is one line on why the newest edit is not in force, or not all of
    it. Callable from any thread.

    ``changing`` is held while settings are applied. Whoever reads the file for ``edited`` reads it
    within the lock, too: an older "none" must not follow a newer "blur".

    Raises BgblurError where the first settings cannot be used.
    """

    def __init__(
        self,
        config: Path,
        from_file: Settings,
        options: dict[str, Any],
        open_sink: SinkOpener,
        open_preview: OpenPreview,
        stats: Stats,
    ) -> None:
        self._config = config
        self.from_file = from_file  # the last good settings: a file that vanishes changes nothing
        self._overrides = Overrides(options, from_file)
        self._choices = Choices(config, options)
        self._open_sink = open_sink
        self._open_preview = open_preview
        self._stats = stats
        self.changing = threading.RLock()
        self.problem: str | None = None
        self.now = now = self._overrides.over(from_file)
        camera = now.camera
        self.controls = KeptControls(camera.controls)
        self.pipeline = Pipeline(
            source_opener(camera, self.controls),
            {output: open_sink(output) for output in now.output.names},
            self._backend_loader(now),
            look_of(now),
            mask_of(now),
            stats,
            (camera.width, camera.height, camera.fps),
            canvas_of(now),
            geometry_of(camera),
        )
        self.pipeline.follow = camera.follow
        self.on_demand = OnDemand(self.pipeline, now)
        if _has_preview(now):
            self.pipeline.replace_preview(open_preview)

    def edited(self, from_file: Settings) -> None:
        """Take a good edit of the file; see ``changing``."""
        with self.changing:
            self._apply(from_file)

    def note_problem(self, problem: str | None) -> None:
        """The file cannot be used, and why; None once it can be."""
        with self.changing:
            self.problem = problem

    def take_choices(self) -> None:
        """End the options whose keys were chosen again, see ``Choices``. Call it often."""
        if chosen := self._choices.new():
            with self.changing:
                try:
                    self._end_options(*chosen)
                except BgblurError as error:
                    self.problem = str(error)

    def change(self, key: str, value: Value) -> None:
        """Write a key to the file and apply it, even where an option said otherwise.

        Raises UsageError; nothing is changed then.
        """
        if key == "background.image":  # refused before the file names what cannot be shown
            wanted = {"mode": "image", "image": str(value)}
            background = self.now.background.model_copy(update=wanted)
            look_of(self.now.model_copy(update={"background": background})).close()
        set_value(self._config, key, value, lost=lambda: self.from_file)
        self._end_options(key)

    def _end_options(self, *keys: str) -> None:
        with self.changing:
            for key in keys:
                self._overrides.drop(key)
            self._apply(self._read())

    def _read(self) -> Settings:
        """The file's settings; the last good ones while it is missing or empty."""
        text = read_text(self._config)
        if not text or text.isspace():
            return self.from_file
        return parse(text, self._config.name)

    def _apply(self, from_file: Settings) -> None:
        self.from_file = from_file
        if from_file.output.paused and not self.now.output.paused:
            self._pause()  # first: the rest of the edit may fail, or take long
        try:
            new = self._overrides.over(from_file)
        except BgblurError as error:
            self.problem = str(error)
            return
        self.problem = None
        if new.background.mode == "image" and self.pipeline.look.raw:
            self._blur()  # reading the picture may take long, and fail
        old, look = self.now, None
        try:
            if new.background != old.background or new.camera.mirror != old.camera.mirror:
                look = look_of(new, shown=self.pipeline.look)
        except BgblurError as error:  # the rest of the edit still counts
            self.problem = str(error)
            camera = new.camera.model_copy(update={"mirror": old.camera.mirror})
            new = new.model_copy(update={"background": old.background, "camera": camera})
        self.now = new
        # An edit may show more of the room, and also pause or choose another output: the picture
        # that shows more must not reach the old output first.
        shows_more = look is not None and not look.hides_as_much_as(self.pipeline.look)
        if look is not None and not shows_more:
            self._show(look)
        self.pipeline.mask = mask_of(new)
        self.pipeline.geometry = geometry_of(new.camera)
        self.pipeline.follow = new.camera.follow
        if (canvas := canvas_of(new)) != self.pipeline.canvas:
            self.pipeline.canvas = canvas
        self.controls.wanted = dict(new.camera.controls)
        if of_device(new.camera) != of_device(old.camera):
            self.pipeline.replace_source(source_opener(new.camera, self.controls))
        if (outputs := new.output.names) != old.output.names:
            self.on_demand.outputs(outputs)
            self.pipeline.replace_sinks({output: self._open_sink(output) for output in outputs})
        if new.engine != old.engine:
            self.pipeline.replace_backend(self._backend_loader(new))
        if _has_preview(new) != _has_preview(old):
            self.pipeline.replace_preview(self._open_preview if _has_preview(new) else None)
        self.on_demand.change(new)
        if look is not None and shows_more:
            self._show(look)

    def _show(self, look: Look) -> None:
        former, self.pipeline.look = self.pipeline.look, look
        if former.clip is not look.clip:
            former.close()

    def _pause(self) -> None:
        wanted = {"paused": True, "pause_shows": self.from_file.output.pause_shows}
        output = self.now.output.model_copy(update=wanted)
        self.now = self.now.model_copy(update={"output": output})
        self.on_demand.change(self.now)

    def _blur(self) -> None:
        """A user who asks for a background that cannot be shown, or not yet, does not want to see
        the room."""
        background = self.now.background.model_copy(update={"mode": "blur", "strength": 100})
        self.now = self.now.model_copy(update={"background": background})
        self._show(look_of(self.now))

    def _backend_loader(self, settings: Settings) -> LoadBackend:
        return lambda: load_backend(settings.engine, self._stats, fps=lambda: self.now.camera.fps)


def _has_preview(settings: Settings) -> bool:
    """Whether the page shows the preview in addition to the outputs."""
    return settings.output.preview and "web" not in settings.output.names
