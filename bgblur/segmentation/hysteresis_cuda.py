"""hysteresis.py as six CUDA kernels.

Regions are labelled by union-find with atomics (Playne and Hawick, "A New Algorithm for Parallel
Connected-Component Labelling on GPUs", IEEE TPDS 2018).
"""

from __future__ import annotations

import torch
from torch import Tensor

from bgblur.gpu.kernels import INDEX, Kernel
from bgblur.segmentation.hysteresis import CELL, CERTAIN, LASTS, OVERLAP, SEEN, STAYS

NAMES = ("begin", "runs", "join", "tally", "decide", "show")

# For each cell, root[i] leads to the lowest index of its region; it is -1 outside of regions. The
# region's values are stored at that index.
SOURCE = f"""
#define CELL {CELL}
#define LASTS {LASTS}LL
#define SEEN {SEEN}f
#define CERTAIN {CERTAIN}f
#define STAYS {STAYS}f
#define OVERLAP {OVERLAP}f

// Other threads change the chain meanwhile, but only to indices further down the same chain.
__device__ int root_of(volatile int* root, int i) {{
    while (root[i] != i) i = root[i];
    return i;
}}

__device__ void unite(int* root, int a, int b) {{
    for (;;) {{
        a = root_of(root, a);
        b = root_of(root, b);
        if (a == b) return;
        if (a < b) {{ int c = a; a = b; b = c; }}
        int before = atomicMin(&root[a], b);
        if (before == a) return;
        a = before;  // another thread has linked it elsewhere: unite with that, too
    }}
}}

extern "C" __global__ void begin(int count, const float* alpha, int rows, int columns, int across,
                                 float* peaks, int* root, int* highest, int* cells, int* known,
                                 int* youngest, int* goes) {{
    {INDEX}
    const int top = i / across * CELL, left = i % across * CELL;
    float peak = 0;
    for (int y = top; y < top + CELL && y < rows; ++y)
        for (int x = left; x < left + CELL && x < columns; ++x)
            if (alpha[y * columns + x] > peak) peak = alpha[y * columns + x];
    peaks[i] = peak;
    root[i] = peak > SEEN ? i : -1;
    highest[i] = cells[i] = known[i] = 0;
    youngest[i] = LASTS;
    if (i == 0) *goes = 0;
}}

// A cell leads to the first of its horizontal run, so that fewer cells need to be united.
extern "C" __global__ void runs(int count, int across, int* root) {{
    {INDEX}
    if (root[i] < 0) return;
    const int start = i - i % across;
    int first = i;
    while (first > start && root[first - 1] >= 0) --first;
    root[i] = first;
}}

// Of two runs that touch, only the first touching cells are united.
extern "C" __global__ void join(int count, int across, int* root) {{
    {INDEX}
    if (root[i] < 0 || i < across) return;
    const int x = i % across, above = i - across;
    const bool before = x > 0, after = x + 1 < across;
    const bool left = before && root[i - 1] >= 0, right = after && root[i + 1] >= 0;
    const bool upper_left = before && root[above - 1] >= 0;
    if (root[above] >= 0) {{
        if (!left || !upper_left) unite(root, i, above);
        return;
    }}
    if (upper_left && !left) unite(root, i, above - 1);
    if (after && root[above + 1] >= 0 && !right) unite(root, i, above + 1);
}}

extern "C" __global__ void tally(int count, const float* peaks, int follows, const long long* age,
                                 int* root, int* highest, int* cells, int* known, int* youngest) {{
    {INDEX}
    if (root[i] < 0) return;
    const int region = root_of(root, i);
    root[i] = region;
    union {{ float real; int whole; }} peak;
    peak.real = peaks[i];  // non-negative floats are ordered as their bits
    if (peak.whole > highest[region]) atomicMax(&highest[region], peak.whole);
    if (!follows) return;
    atomicAdd(&cells[region], 1);
    if (age[i] >= LASTS) return;
    atomicAdd(&known[region], 1);
    if ((int)age[i] < youngest[region]) atomicMin(&youngest[region], (int)age[i]);
}}

extern "C" __global__ void decide(int count, int follows, const long long* passed, const int* root,
                                  const int* highest, const int* cells, const int* known,
                                  const int* youngest, long long* age, int* goes) {{
    {INDEX}
    age[i] = LASTS;
    if (root[i] < 0) return;
    const int region = root[i];
    union {{ float real; int whole; }} peak;
    peak.whole = highest[region];
    long long now = peak.real >= CERTAIN ? 0 : LASTS;
    if (follows && peak.real >= STAYS && known[region] >= OVERLAP * cells[region]) {{
        const long long older = youngest[region] + *passed;
        if (older < now) now = older;
    }}
    age[i] = now;
    if (now >= LASTS) *goes = 1;
}}

extern "C" __global__ void show(int count, const float* alpha, int columns, int across,
                                const long long* age, const int* goes, float* shown) {{
    {INDEX}
    const int cell = i / columns / CELL * across + i % columns / CELL;
    // Where no region is dropped, alpha between the regions is kept, too.
    shown[i] = !*goes || age[cell] < LASTS ? alpha[i] : 0;
}}
"""


def keep_certain(
    made: list[Kernel], alpha: Tensor, age: Tensor | None, passed: Tensor
) -> tuple[Tensor, Tensor]:
    """As hysteresis_torch.keep_certain, with the kernels ``NAMES`` of ``SOURCE``."""
    begin, runs, join, tally, decide, show = made
    alpha = alpha.contiguous()
    rows, columns = alpha.shape
    down, across = -(-rows // CELL), -(-columns // CELL)
    cells, follows = down * across, int(age is not None)
    peaks = alpha.new_empty(cells)
    root, highest, counted, known, youngest = torch.empty(
        (5, cells), dtype=torch.int32, device=alpha.device
    )
    goes = root.new_empty(1)
    new = passed.new_empty((down, across))
    before = new if age is None else age.contiguous()  # not read without a frame before
    shown = torch.empty_like(alpha)
    regions = (root, highest, counted, known, youngest)
    begin(cells, alpha, rows, columns, across, peaks, *regions, goes)
    runs(cells, across, root)
    join(cells, across, root)
    tally(cells, peaks, follows, before, *regions)
    decide(cells, follows, passed, *regions, new, goes)
    show(rows * columns, alpha, columns, across, new, goes, shown)
    return shown, new
