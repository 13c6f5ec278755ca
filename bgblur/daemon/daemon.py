"""The running daemon: it drives the pipeline, and reports to the user and to systemd."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bgblur.addresses import shown
from bgblur.config.settings import Settings
from bgblur.config.watch import ConfigWatcher
from bgblur.daemon.live_settings import LiveSettings
from bgblur.daemon.notify import Notifier
from bgblur.daemon.status import StatusFile
from bgblur.devices.choices import CameraChoice, camera_choices
from bgblur.devices.listing import list_devices
from bgblur.files import IfExists
from bgblur.interrupts import Stop
from bgblur.pipeline.build import open_sink
from bgblur.pipeline.report import Meter, machine, run_report
from bgblur.pipeline.sink_keeper import OpenSink
from bgblur.pipeline.state import Part
from bgblur.pipeline.words import STATE_WORDS, working_again
from bgblur.sinks import Sink
from bgblur.stats import Stats

_TICK = 0.1  # seconds between two checks of the clock and the pipeline
_STATUS_EVERY = 1.0  # seconds

Say = Callable[[str], None]


class Daemon:
    """The pipeline, its live settings, and what the user hears of them.

    ``settings`` are those of the file at ``config_path``; ``options``, dotted keys with values, are
    the command line's. ``say`` shows one line to the user.

    ``if_exists`` is for a recording that the daemon starts with. Every later one gets a numbered
    name where its own is taken: it may be another part of the same.

    Raises BgblurError where the settings cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        config_path: Path,
        options: dict[str, Any],
        say: Say,
        if_exists: IfExists = "number",
    ) -> None:
        self._config_path = config_path
        self._say = _unfailing(say)
        self._meter = Meter()
        self._status_file = StatusFile()
        self._said: dict[tuple[Part, str], str] = {}
        self._said_outputs: dict[str, str] | None = None  # by output, what was last said to be open
        self._stats = Stats()
        self.live = LiveSettings(
            config_path, settings, options, self._sink_opener, self._open_preview, self._stats
        )
        self._if_exists = dict.fromkeys(self.live.now.output.names, if_exists)
        self.pipeline = self.live.pipeline
        self._on_demand = self.live.on_demand

    def run(self, stop: Stop | threading.Event, duration: float | None = None) -> None:
        """Run until ``stop`` is set, or for ``duration`` seconds.

        Raises the BgblurError that keeps the daemon from starting, or ends a recording.
        """
        began = time.monotonic()
        next_status = 0.0
        notifier = Notifier()
        try:
            self.pipeline.start()
            self._announce()
            live = self.live
            watcher = ConfigWatcher(
                self._config_path,
                live.edited,
                live.note_problem,
                current=lambda: live.from_file,
                within=live.changing,
            )
            with watcher:
                while not stop.wait(_TICK):
                    if self.pipeline.fatal is not None:
                        raise self.pipeline.fatal
                    self.live.take_choices()
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
        """The figures of the run, the state, the problems and the main settings."""
        settings = self.live.now
        problems = self._problems()
        state = self.pipeline.state
        page = self._on_demand.page
        return {
            **run_report(self.pipeline, self._meter),
            "latency_histogram": self.pipeline.stats.latency_histogram(),
            "state": state,
            "words": STATE_WORDS[state],
            "problem": "; ".join(problems.values()) or None,
            "strength": settings.background.strength,
            "blur": settings.background.blur,
            "mode": settings.background.mode,
            "image": settings.background.image,
            "color": settings.background.color,
            "mirror": settings.camera.mirror,
            "geometry": self._geometry(settings),
            "output": ", ".join(settings.output.names),
            "outputs": self._outputs(),
            "paused": settings.output.paused,
            "pause_shows": settings.output.pause_shows,
            "clients": self._on_demand.clients,
            "preview": page.url if page is not None and page.is_open else None,
        }

    def _outputs(self) -> list[dict[str, str | None]]:
        """Each output as the user named it, and what is open; None where nothing is."""
        return [
            {"device": device, "name": "preview page" if name and device == "web" else name}
            for device, name in self.pipeline.outputs  # the page's own name has its address
        ]

    def _geometry(self, settings: Settings) -> dict[str, Any]:
        """What is shown of the camera's picture; ``crop`` is what "follow" shows of the rest."""
        camera, output = settings.camera, settings.output
        return {
            **camera.model_dump(include={"rotate", "flip", "zoom", "center", "follow"}),
            "crop": [round(value, 4) for value in self.pipeline.crop],
            **output.model_dump(include={"width", "height", "fit", "bars"}),
        }

    def _in_words(self) -> str:
        return "; ".join([self.pipeline.state, *self._problems().values()])

    def _problems(self) -> dict[tuple[Part, str], str]:
        """By part, and by which of several outputs."""
        clip = self.pipeline.look.clip
        others = {
            Part.CONFIG: self.live.problem,
            Part.STATUS: self._status_file.problem,
            Part.CONTROLS: self.live.controls.problem,
            Part.BACKGROUND: clip.problem if clip is not None else None,
        }
        problems = self.pipeline.problems.each()
        return problems | {(part, ""): line for part, line in others.items() if line is not None}

    def _announce(self) -> None:
        pipeline = self.pipeline
        width, height = pipeline.size
        source = pipeline.source_name or f"camera {shown(self.live.now.camera.device)} (not open)"
        self._said_outputs = {each.device: each.name for each in pipeline.outputs if each.name}
        self._say(f"{source}, {width}x{height} -> {pipeline.sink_names}")
        if pipeline.source_remark is not None:
            self._say(pipeline.source_remark)
        self._say(f"settings: {self._config_path}; stop with Ctrl-C")

    def _say_problems(self) -> None:
        problems = self._problems()
        for key, problem in problems.items():
            if self._said.get(key) != problem:
                self._say(problem)
        outputs = self.live.now.output.names
        for part, which in self._said.keys() - problems.keys():
            if part is not Part.OUTPUT:
                self._say(working_again(part))
            elif which in outputs:
                self._say(working_again(part, which if len(outputs) > 1 else ""))
        self._said = problems

    # ------------------------------------------------------------ outputs

    def _sink_opener(self, device: str) -> OpenSink:
        def opened(width: int, height: int, fps: float) -> Sink:
            # First: v4l2loopback 0.13 keeps its size for as long as anybody has the device open.
            self._on_demand.close(device)
            if_exists = self._if_exists.pop(device, "number")
            sink = open_sink(device, width, height, fps, self._open_page, if_exists)
            self._on_demand.output_opened(device, sink)
            if remark := getattr(sink, "remark", None):  # recordings alone have one
                self._say(remark)
            self._say_opened(device, sink.name)
            return sink

        return opened

    def _say_opened(self, device: str, name: str) -> None:
        """Unless it was open before, or is said by ``_announce``."""
        said = self._said_outputs
        if said is None or said.get(device) == name:
            return
        wanted = self.live.now.output.names
        self._said_outputs = {each: said[each] for each in said if each in wanted} | {device: name}
        self._say(f"output: {name}")

    def _open_preview(self) -> Sink:
        page = self._open_page()
        self._say(page.name)
        return page

    def _open_page(self) -> Sink:
        from bgblur.sinks.web.sink import WebSink

        page = WebSink(
            status=self.status,
            change=self.live.change,
            cameras=self._cameras,
            before=self.pipeline.before,
            matte=self.pipeline.matte,
        )
        self._on_demand.page = page
        return page

    def _cameras(self) -> list[CameraChoice]:
        return camera_choices(self.live.now.camera.device, list_devices())


def _unfailing(say: Say) -> Say:
    """A log on a full disk, or whose reader has gone, must not end the stream."""

    def said(line: str) -> None:
        with contextlib.suppress(OSError):
            say(line)

    return said
