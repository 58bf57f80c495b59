// Operations on rows and on single numbers, one pass over memory each, f32. Formulas and shapes stand at the functions of
// ops/mod.rs. A warp takes a row; sums over rows are taken in parts, and the parts are added by sum_rows.

#include "common.h"

// y = SiLU(x + b); with two signs summed over +x and -x.
extern "C" __global__ void bias_silu(const float* x, const float* b, float* y, u64 n, u32 width, u32 n_signs) {
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (u64)gridDim.x * blockDim.x) {
        float bias = b[i % width], value = silu(x[i] + bias);
        y[i] = n_signs == 2 ? value + silu(bias - x[i]) : value;
    }
}

// Gradients of bias_silu: out holds dx [n_rows, width], then a part of db for each block.
extern "C" __global__ void bias_silu_grad(
    const float* x, const float* b, const float* grad, float* out, u64 n_rows, u32 width, u32 n_signs
) {
    SHARED(held);
    u32 lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, warps = blockDim.x / WARP;
    float* db = held + warp * width;
    for (u32 c = lane; c < width; c += WARP) db[c] = 0.0f;
    for (u64 row = (u64)blockIdx.x * warps + warp; row < n_rows; row += (u64)gridDim.x * warps) {
        for (u32 c = lane; c < width; c += WARP) {
            u64 i = row * width + c;
            float plus = grad[i] * silu_slope(x[i] + b[c]);
            float minus = n_signs == 2 ? grad[i] * silu_slope(b[c] - x[i]) : 0.0f;
            db[c] += plus + minus;
            out[i] = plus - minus;
        }
    }
    store_part(held, out + n_rows * width, width, warps);
}

// Sums of rows, [n_rows, width] to [parts, width]: block (c, p) sums 32 columns over the p-th of equal parts of the rows.
// Blocks are 32 by 32 threads.
extern "C" __global__ void sum_rows(const float* x, float* y, u64 n_rows, u32 width) {
    SHARED(held);
    u64 part = (n_rows + gridDim.y - 1) / gridDim.y;
    u64 start = blockIdx.y * part, end = start + part < n_rows ? start + part : n_rows;
    u32 c = blockIdx.x * WARP + threadIdx.x;
    float sum = 0.0f;
    if (c < width) {
        for (u64 row = start + threadIdx.y; row < end; row += WARP) sum += x[row * width + c];
    }
    held[threadIdx.y * WARP + threadIdx.x] = sum;
    for (u32 half = WARP / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.y < half) held[threadIdx.y * WARP + threadIdx.x] += held[(threadIdx.y + half) * WARP + threadIdx.x];
    }
    if (threadIdx.y == 0 && c < width) y[(u64)blockIdx.y * width + c] = held[threadIdx.x];
}

// What a row is divided by: a rescaling, and a norm of the rescaled row plus guard; false for a zero row without guard.
__device__ bool row_norm(const float* x, u32 width, u32 lane, float guard, float* scale, float* norm) {
    *scale = 1.0f;
    // A guard below zero stands for none.
    if (guard < 0.0f) {
        float largest = 0.0f;
        for (u32 c = lane; c < width; c += WARP) largest = larger(fabsf(x[c]), largest);
        *scale = warp_largest(largest);
        if (*scale == 0.0f) return false;
    }
    float sum = 0.0f;
    for (u32 c = lane; c < width; c += WARP) {
        float scaled = x[c] / *scale;
        sum += scaled * scaled;
    }
    *norm = sqrtf(warp_sum(sum)) + (guard < 0.0f ? 0.0f : guard);
    return true;
}

// y = x / (|x| + guard), and without guard 0 for 0.
extern "C" __global__ void unit_norm(const float* x, float* y, u64 n_rows, u32 width, float guard) {
    u32 lane = threadIdx.x % WARP, warps = blockDim.x / WARP;
    u64 first = (u64)blockIdx.x * warps + threadIdx.x / WARP;
    for (u64 row = first; row < n_rows; row += (u64)gridDim.x * warps) {
        const float* from = x + row * width;
        float scale, norm;
        bool live = row_norm(from, width, lane, guard, &scale, &norm);
        for (u32 c = lane; c < width; c += WARP) y[row * width + c] = live ? from[c] / scale / norm : 0.0f;
    }
}

// Gradient of unit_norm.
extern "C" __global__ void unit_norm_grad(
    const float* x, const float* grad, float* dx, u64 n_rows, u32 width, float guard
) {
    u32 lane = threadIdx.x % WARP, warps = blockDim.x / WARP;
    u64 first = (u64)blockIdx.x * warps + threadIdx.x / WARP;
    for (u64 row = first; row < n_rows; row += (u64)gridDim.x * warps) {
        const float *from = x + row * width, *g = grad + row * width;
        float scale, norm;
        bool live = row_norm(from, width, lane, guard, &scale, &norm);
        // Shorter rows have no gradient: it would leave the range of numbers.
        if (!live || (guard < 0.0f && scale < 0x1p-100f)) {
            for (u32 c = lane; c < width; c += WARP) dx[row * width + c] = 0.0f;
            continue;
        }
        // |x| itself, which the guard is not part of; a row that underflows to length zero has no direction.
        float length = guard < 0.0f ? norm : norm - guard, along = 0.0f;
        for (u32 c = lane; c < width; c += WARP) along += from[c] / scale * g[c];
        along = warp_sum(along);
        along = length == 0.0f ? 0.0f : along / length / norm;
        for (u32 c = lane; c < width; c += WARP) dx[row * width + c] = (g[c] - from[c] / scale * along) / norm / scale;
    }
}
