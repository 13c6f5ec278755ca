"""CUDA C++ that several kernels share: area averaging and bilinear interpolation."""

# Area averaging along one axis. ``covered`` is the fraction of a cell of the result that a source
# pixel covers. In units of 1 / (source * target), pixel p spans p * target .. (p + 1) * target, and
# cell c spans c * source .. (c + 1) * source. ``first_of`` and ``ends`` bound a cell's pixels.
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

# ``between``: the two source pixels around a pixel of the result, as in torch's bilinear
# interpolation with align_corners=False. ``bilinear`` samples a plane of ``width``.
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
