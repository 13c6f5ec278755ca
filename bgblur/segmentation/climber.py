"""A governor's choice put into force on a ladder's networks, and what becomes of one that fails."""

from __future__ import annotations

from bgblur.errors import one_line
from bgblur.segmentation.governor import Governor, Work
from bgblur.segmentation.ladder import Rung
from bgblur.segmentation.networks import Networks

_FAILURES = 2  # in a row, after which a network is given up for another; see segment.py


class Climber:
    """Belongs to the thread that infers."""

    def __init__(self, networks: Networks, governor: Governor, problem: str | None = None) -> None:
        self.networks = networks
        self._governor = governor
        self._failures = 0
        self._problem = problem

    @property
    def problem(self) -> str | None:
        """Why a network of the ladder is not used, for people."""
        return self._problem or self.networks.problem

    def step(self) -> Rung:
        """Stand on the rung that the governor wants, and return it. Call it between two frames."""
        rung = self._governor.rung
        self.networks.stand_on(rung)
        return rung

    def note(self, began: float, ended: float, work: Work) -> None:
        """Record a frame that was processed from ``began`` to ``ended``, in seconds."""
        self._failures = 0
        # Elsewhere than on the processor the inference only begins in the call.
        known = self.networks.device == "cpu" and work == "inferred"
        self._governor.note(began, ended, work, self.networks.inference if known else None)

    def failed(self, error: Exception) -> None:
        """A frame failed. Where that is the network's fault, others of the ladder are used."""
        self._failures += 1
        model = self._governor.rung.model
        others = self.networks.loaded - {model}
        if self._failures >= _FAILURES and others:
            self._failures = 0
            self._problem = f'"auto" goes on without {model}: {one_line(error)}'
            self._governor.drop(model, others)
            self.networks.forget(model)
