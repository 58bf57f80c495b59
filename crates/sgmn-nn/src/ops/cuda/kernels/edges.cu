// Sums over an axis of an edge block, f32.

#include "common.h"

// Sums over one axis of [outer, n, inner], to [outer, inner]: a thread an output.
extern "C" __global__ void sum_axis(const float* x, float* y, u64 n_outputs, u32 n, u32 inner) {
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < n_outputs; i += (u64)gridDim.x * blockDim.x) {
        const float* from = x + i / inner * n * inner + i % inner;
        float sum = 0.0f;
        for (u32 k = 0; k < n; k++) sum += from[(u64)k * inner];
        y[i] = sum;
    }
}
