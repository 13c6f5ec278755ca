"""The running daemon: settings drive the pipeline, edits of the file reach it live."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bgblur.compositing.look import Look
from bgblur.config.file import load, set_value
from bgblur.config.overrides import Overrides
from bgblur.config.settings import Settings
from bgblur.config.state import Choices
from bgblur.config.watch import ConfigWatcher
from bgblur.daemon.notify import Notifier
from bgblur.daemon.on_demand import OnDemand
from bgblur.daemon.status import StatusFile
from bgblur.errors import BgblurError
from bgblur.interrupts import Stop
from bgblur.pipeline.build import load_backend, look_of, mask_of, open_sink, source_opener
from bgblur.pipeline.pipeline import Pipeline
from bgblur.pipeline.report import Meter, machine, run_report
from bgblur.pipeline.state import Part
from bgblur.pipeline.words import STATE_WORDS, working_again
from bgblur.sinks import Sink
from bgblur.stats import Stats

_TICK = 0.1  # seconds between looks at the clock and the pipeline
_STATUS_EVERY = 1.0

Say = Callable[[str], None]


class Daemon:
    """Runs until ``stop`` is set. ``say`` shows one line to the user."""

    def __init__(
        self, settings: Settings, config_path: Path, options: dict[str, Any], say: Say
    ) -> None:
        self._config_path = config_path
        self._from_file = settings
        self._overrides = Overrides(options, settings)
        self._choices = Choices(config_path, options)
        self._settings = self._overrides.over(settings)
        self._say = _unfailing(say)
        self._meter = Meter()
        self._status_file = StatusFile()
        self._config_problem: str | None = None
        self._said: dict[Part, str] = {}
        self._told_output: str | None = None  # where the pictures were last said to go
        self._changing = threading.Lock()
        stats = Stats()
        self._stats = stats
        effective = self._settings
        camera = effective.camera
        self.pipeline = Pipeline(
            source_opener(effective.camera),
            self._sink_opener(effective.output.device),
            lambda: load_backend(effective.engine, stats, fps=self._wanted_fps),
            look_of(effective),
            mask_of(effective),
            stats,
            (camera.width, camera.height, camera.fps),
        )
        self._on_demand = OnDemand(self.pipeline, effective)
        if self._has_preview(effective):
            self.pipeline.replace_preview(self._open_preview)

    def run(self, stop: Stop | threading.Event, duration: float | None = None) -> None:
        """Raises the BgblurError that keeps the daemon from starting, or ends a recording."""
        began = time.monotonic()
        next_status = 0.0
        notifier = Notifier()
        try:
            self.pipeline.start()
            self._announce()
            watcher = ConfigWatcher(
                self._config_path, self._changed, self._note_config_problem, self._from_file
            )
            with watcher:
                while not stop.wait(_TICK):
                    if self.pipeline.fatal is not None:
                        raise self.pipeline.fatal
                    self._take_choices()
                    self._say_problems()
                    self._on_demand.update()
                    notifier.tick(self._stats.published, self._in_words())
                    now = time.monotonic()
                    if now >= next_status:
                        self._status_file.write(self.report())
                        next_status = now + _STATUS_EVERY
                    if duration is not None and now - began >= duration:
                        break
        finally:
            notifier.stopping()
            self._on_demand.close()
            self.pipeline.stop()
            self.pipeline.look.close()
            self._status_file.remove()
        if self.pipeline.fatal is not None:  # a recording that could not be completed
            raise self.pipeline.fatal

    # ------------------------------------------------------------ reports

    def report(self) -> dict[str, Any]:
        """What ``status --json`` prints for this daemon."""
        return {
            "pid": os.getpid(),
            "config": str(self._config_path.resolve()),
            "machine": machine(),
            "runs": [self.status()],
        }

    def status(self) -> dict[str, Any]:
        """A run's figures, and what the daemon does and suffers."""
        background = self._settings.background
        problems = self._problems()
        state = self.pipeline.state
        page = self._on_demand.page
        return {
            **run_report(self.pipeline, self._meter),
            "state": state,
            "words": STATE_WORDS[state],
            "problem": "; ".join(problems.values()) or None,
            "strength": background.strength,
            "mode": background.mode,
            "image": background.image,
            "color": background.color,
            "mirror": self._settings.camera.mirror,
            "output": self._settings.output.device,
            "paused": self._settings.output.paused,
            "clients": self._on_demand.clients,
            "preview": page.url if page is not None and page.is_open else None,
        }

    def _in_words(self) -> str:
        return "; ".join([self.pipeline.state, *self._problems().values()])

    def _problems(self) -> dict[Part, str]:
        problems = self.pipeline.problems.now()
        if self._config_problem is not None:
            problems[Part.CONFIG] = self._config_problem
        if self._status_file.problem is not None:
            problems[Part.STATUS] = self._status_file.problem
        clip = self.pipeline.look.clip
        if clip is not None and clip.problem is not None:
            problems[Part.BACKGROUND] = clip.problem
        return problems

    def _announce(self) -> None:
        pipeline = self.pipeline
        width, height = pipeline.size
        source = pipeline.source_name or f"camera {self._settings.camera.device} (not open)"
        self._told_output = pipeline.sink_name
        self._say(f"{source}, {width}x{height} -> {self._told_output}")
        if pipeline.source_remark is not None:
            self._say(pipeline.source_remark)
        self._say(f"settings: {self._config_path}; stop with Ctrl-C")

    def _say_problems(self) -> None:
        problems = self._problems()
        for part, problem in problems.items():
            if self._said.get(part) != problem:
                self._say(problem)
        for part in self._said.keys() - problems.keys():
            self._say(working_again(part))
        self._said = problems

    # ------------------------------------------------------------ live settings

    def _changed(self, from_file: Settings) -> None:
        """Called by the watcher with every good edit of the file."""
        with self._changing:
            self._apply(from_file)

    def _take_choices(self) -> None:
        """What is chosen counts, even where the file says so already and an option of the command
        line says otherwise."""
        chosen = self._choices.new()
        if not chosen:
            return
        with self._changing:
            for key in chosen:
                self._overrides.drop(key)
            try:
                self._apply(load(self._config_path))
            except BgblurError as error:
                self._config_problem = str(error)

    def _apply(self, from_file: Settings) -> None:
        old = self._settings
        pipeline = self.pipeline
        try:
            new = self._overrides.over(from_file)
            mask = mask_of(new)
        except BgblurError as error:
            self._config_problem = str(error)
            return
        self._config_problem = None
        look = None
        try:
            # Its background is read and fitted anew: only where something changed.
            if new.background != old.background or new.camera.mirror != old.camera.mirror:
                look = look_of(new)
        except BgblurError as error:  # no reason to ignore the rest, least of all a pause
            self._config_problem = str(error)
            new, look = self._without_its_background(new)
        self._settings = new
        if look is not None:
            pipeline.look, former = look, pipeline.look
            former.close()
        pipeline.mask = mask
        if new.camera.model_copy(update={"mirror": old.camera.mirror}) != old.camera:
            pipeline.replace_source(source_opener(new.camera))
        if new.output.device != old.output.device:
            pipeline.replace_sink(self._sink_opener(new.output.device))
        if new.engine != old.engine:
            pipeline.replace_backend(
                lambda: load_backend(new.engine, self._stats, fps=self._wanted_fps)
            )
        if self._has_preview(new) != self._has_preview(old):
            pipeline.replace_preview(self._open_preview if self._has_preview(new) else None)
        self._on_demand.change(new)

    def _without_its_background(self, new: Settings) -> tuple[Settings, Look | None]:
        """``new`` with what is shown now, and a look where that is to change: who wants something
        laid over the room and cannot have it does not want to see the room."""
        background, look = self._settings.background, None
        mirror = self._settings.camera.mirror
        if self.pipeline.look.raw:
            background = background.model_copy(update={"mode": "blur", "strength": 100})
        camera = new.camera.model_copy(update={"mirror": mirror})
        kept = new.model_copy(update={"background": background, "camera": camera})
        if background is not self._settings.background:
            look = look_of(kept)
        return kept, look

    def _note_config_problem(self, problem: str | None) -> None:
        self._config_problem = problem

    def _wanted_fps(self) -> float:
        return self._settings.camera.fps

    @staticmethod
    def _has_preview(settings: Settings) -> bool:
        return settings.output.preview and settings.output.device != "web"

    def _sink_opener(self, device: str) -> Callable[[int, int, float], Sink]:
        def opened(width: int, height: int, fps: float) -> Sink:
            # First: v4l2loopback 0.13 keeps its size for as long as anybody has the device open.
            self._on_demand.close()
            sink = open_sink(device, width, height, fps, self._open_page)
            self._on_demand.output_opened(sink)
            if self._told_output not in (None, sink.name):
                self._told_output = sink.name
                self._say(f"output: {sink.name}")
            return sink

        return opened

    def _open_preview(self) -> Sink:
        page = self._open_page()
        self._say(page.name)
        return page

    def _open_page(self) -> Sink:
        from bgblur.sinks.web.sink import WebSink

        page = WebSink(
            status=self.status,
            change=self._change,
            before=self.pipeline.before,
            matte=self.pipeline.matte,
        )
        self._on_demand.page = page
        return page

    def _change(self, key: str, value: str | int | float | bool) -> None:
        """The page changes the file, and the file changes the daemon.

        What the user chooses there counts even where the file says the same already and an option
        of the command line said otherwise. Raises UsageError.
        """
        if key == "background.image":  # refused before the file names what cannot be shown
            wanted = {"mode": "image", "image": str(value)}
            background = self._settings.background.model_copy(update=wanted)
            look_of(self._settings.model_copy(update={"background": background})).close()
        set_value(self._config_path, key, value)
        with self._changing:  # read within: what another has written since would be undone
            self._overrides.drop(key)
            self._apply(load(self._config_path))


def _unfailing(say: Say) -> Say:
    """A log on a full disk, or whose reader has gone, is no reason to end the stream."""

    def said(line: str) -> None:
        with contextlib.suppress(OSError):
            say(line)

    return said
