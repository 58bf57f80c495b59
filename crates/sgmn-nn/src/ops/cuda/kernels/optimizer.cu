// What follows the gradients: their common length, and a step of the optimizer, f32.

#include "common.h"

// One number: total plus the sum of squares of x. One block, whose threads are a power of two.
extern "C" __global__ void add_squares(const float* x, const float* total, float* y, u64 n) {
    SHARED(held);
    float sum = 0.0f;
    for (u64 i = threadIdx.x; i < n; i += blockDim.x) sum += x[i] * x[i];
    held[threadIdx.x] = sum;
    for (u32 half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) held[threadIdx.x] += held[threadIdx.x + half];
    }
    if (threadIdx.x == 0) y[0] = total[0] + held[0];
}

// A step of AdamW; out holds the new running mean, the new running square and the new variable, n numbers each.
// keep_* and take_* are the decays and what is left of one; unbias_* divide by 1 - decay^steps.
extern "C" __global__ void adamw(
    const float* grad, const float* mean, const float* square, const float* var, float* out, u64 n,
    float keep_mean, float take_mean, float keep_square, float take_square, float unbias_mean, float unbias_square,
    float eps, float keep_var, float rate
) {
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (u64)gridDim.x * blockDim.x) {
        float g = grad[i];
        float m = mean[i] * keep_mean + g * take_mean;
        float v = square[i] * keep_square + g * g * take_square;
        out[i] = m;
        out[n + i] = v;
        out[2 * n + i] = var[i] * keep_var - m * unbias_mean / (sqrtf(v * unbias_square) + eps) * rate;
    }
}
