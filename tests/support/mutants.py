"""Damaged files: flipped bits, missing ends, repeated or blank parts."""

from __future__ import annotations

import random


def mutant(data: bytes, seed: int) -> bytes:
    """A damaged copy of ``data``, the same one for each ``seed``."""
    chance = random.Random(seed)
    kind = seed % 6
    if kind == 0:
        return data[: chance.randrange(len(data))]
    changed = bytearray(data)
    if kind == 1:  # a sector that was never written
        start = chance.randrange(len(data))
        changed[start : start + 512] = bytes(len(changed[start : start + 512]))
    elif kind == 2:  # a part copied to another place
        start, there = chance.randrange(len(data)), chance.randrange(len(data))
        changed[there:there] = data[start : start + chance.randrange(1, 4096)]
    elif kind == 3:  # damage in the header
        for _ in range(chance.randrange(1, 6)):
            changed[chance.randrange(min(1024, len(data)))] = chance.randrange(256)
    elif kind == 4:  # damage in the last bytes, where some formats have their index
        for _ in range(chance.randrange(1, 6)):
            changed[-1 - chance.randrange(min(1024, len(data)))] = chance.randrange(256)
    else:
        for _ in range(chance.choice([1, 3, 30])):
            changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(changed)
