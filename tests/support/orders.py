"""What a user may order, after which an older frame must not be shown."""

from __future__ import annotations

from collections.abc import Callable

from bgblur.compositing.look import Look
from bgblur.pipeline.in_force import InForce
from bgblur.pipeline.state import Rest

BLUR, RAW = Look(), Look(mode="none")


def another_camera(in_force: InForce) -> None:
    in_force.another_camera()


def a_rest(in_force: InForce) -> None:
    in_force.rest = Rest.PAUSED
    in_force.rest = None


def raw_chosen(in_force: InForce) -> None:
    in_force.look = BLUR
    in_force.look = RAW


def raw_and_another_camera(in_force: InForce) -> None:
    in_force.another_camera()
    raw_chosen(in_force)


ORDERS = [another_camera, a_rest, raw_chosen, raw_and_another_camera]
Order = Callable[[InForce], None]
