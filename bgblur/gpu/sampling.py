"""CUDA C++ that several kernels share: how the pixels of two sizes lie over each other."""

# ``covered``: the share of a cell that a pixel covers, along one axis. In whole numbers: pixel p
# covers p * target .. (p + 1) * target of source * target, a cell c of the result c * source ..
# (c + 1) * source. ``first_of`` and ``ends`` bound the pixels to ask for.
AREA = """
__device__ int first_of(int cell, int source, int target) { return cell * source / target; }

__device__ bool ends(int pixel, int cell, int source, int target) {
    return pixel * target >= (cell + 1) * source;
}

__device__ float covered(int pixel, int cell, int source, int target) {
    const int first = max(pixel * target, cell * source);
    return (min((pixel + 1) * target, (cell + 1) * source) - first) / (float)source;
}
"""

# ``between``: the two pixels of a line that an enlarged one lies between, as torch's bilinear
# interpolation has it without aligned corners. ``bilinear`` reads a plane of ``width``.
BILINEAR = """
struct Between { int first, second; float share; };

__device__ Between between(int at, int source, int target) {
    float place = (at + 0.5f) * ((float)source / target) - 0.5f;
    if (place < 0) place = 0;
    const int first = (int)place;
    return {first, first + (first < source - 1), place - first};
}

__device__ float bilinear(const float* plane, int width, Between down, Between across) {
    const float* upper = plane + down.first * width;
    const float* lower = plane + down.second * width;
    const float above =
        (1 - across.share) * upper[across.first] + across.share * upper[across.second];
    const float below =
        (1 - across.share) * lower[across.first] + across.share * lower[across.second];
    return (1 - down.share) * above + down.share * below;
}
"""
