"""The number of inputs of the fuzz tests, and the errors that a bad input may cause.

The suite tries a few inputs, the same ones each time. ``BGBLUR_FUZZ=100`` tries a hundred times as
many, at random.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import HealthCheck, settings

from bgblur.errors import BgblurError

FACTOR = int(os.environ.get("BGBLUR_FUZZ", "1"))
ALL = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture)


def tries(count: int) -> settings:
    return settings(
        max_examples=count * FACTOR,
        derandomize=FACTOR == 1,
        deadline=None,
        suppress_health_check=ALL,
        print_blob=True,
    )


@contextmanager
def one_line_at_most() -> Iterator[None]:
    """Only a BgblurError with one printable line may be raised."""
    try:
        yield
    except BgblurError as error:
        text = str(error)
        assert text.isprintable(), text
        assert 10 < len(text) < 700, text
