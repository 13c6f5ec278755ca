"""The networks of a ladder as one engine. The one in force works on while another is loaded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from bgblur.errors import one_line
from bgblur.segmentation.engine import CompilingEngine, Engine
from bgblur.segmentation.engine_within import EngineWithin
from bgblur.segmentation.governor import Readiness
from bgblur.segmentation.ladder import Rung

LoadRung = Callable[[Rung], Engine]


class Networks(EngineWithin):
    """An Engine that stands on a rung. It begins on ``rung`` with ``first``; another network is
    loaded by ``load``, once, in a thread of its own, when ``ready`` is first asked for it.

    ``clock`` returns seconds. All but the loading belongs to one thread.
    """

    def __init__(
        self,
        first: Engine,
        rung: Rung,
        load: LoadRung,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(first)
        self.problem: str | None = None  # why a network is not used, for people
        self.inference = 0.0  # seconds of the last one
        self._engines = {rung.model: first}
        self._load = load
        self._clock = clock
        self._shape = (rung.height, rung.height * 16 // 9)  # of the last frame
        self._failed: set[Rung] = set()
        self._loading: tuple[Rung, threading.Thread] | None = None
        self.stand_on(rung)

    @property
    def loaded(self) -> frozenset[str]:
        """The names of the networks that run at once."""
        return frozenset(self._engines)

    def stand_on(self, rung: Rung) -> None:
        """From now on infer by ``rung``, whose network is loaded."""
        self._engine = self._engines[rung.model]
        self._engine.input_height = rung.height

    def forget(self, model: str) -> None:
        """Do not use a network again, which is not the only one."""
        del self._engines[model]

    def ready(self, rung: Rung) -> Readiness:
        """Whether ``stand_on`` and the next inference would be quick. If not, make it so, in the
        background, one rung at a time."""
        if self._loading is not None and not self._loading[1].is_alive():
            self._loading = None
        if rung in self._failed:
            return "failed"
        engine = self._engines.get(rung.model)
        if engine is not None and _compiled(engine, rung, self._shape):
            return "ready"
        if self._loading is None:
            thread = threading.Thread(
                target=self._make_ready, args=(rung, self._shape), name="load", daemon=True
            )
            self._loading = rung, thread
            thread.start()
        return "loading"

    def infer(self, pixels: Any) -> Any:
        self._shape = pixels.shape[:2]
        began = self._clock()
        try:
            return self._engine.infer(pixels)
        finally:
            self.inference = self._clock() - began

    def _make_ready(self, rung: Rung, shape: tuple[int, int]) -> None:
        try:
            engine = self._engines.get(rung.model) or self._load(rung)
            if isinstance(engine, CompilingEngine):
                engine.compile(rung.height, *shape)
        except Exception as error:  # models and drivers raise anything; the stream goes on
            lost = rung if rung.model in self._engines else rung.model
            self.problem = f'"auto" goes on without {lost}: {one_line(error)}'
            self._failed.add(rung)
        else:
            self._engines[rung.model] = engine


def _compiled(engine: Engine, rung: Rung, shape: tuple[int, int]) -> bool:
    return not isinstance(engine, CompilingEngine) or engine.compiled(rung.height, *shape)
