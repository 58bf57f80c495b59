// What follows the gradients, for all variables at once: their common length, and a step of the optimizer, f32.
//
// Variables lie anywhere in memory, so a kernel finds them through a table of words: a row for each variable, with the
// addresses of its arrays, its length, and the number of chunks up to its end. Chunks have one length, the last of a
// variable may be shorter; blocks take turns among them, so that large and small variables share the grid.

#include "common.h"

// Where a chunk lies: its variable's row, and what it covers of the arrays.
struct Chunk {
    const u64* row;
    u64 first, end;
};

// The chunk of a number. Its row is the first whose chunks end after it: rows without any are never found.
__device__ Chunk find_chunk(const u64* table, u32 width, u64 n_rows, u64 chunk, u32 length) {
    u64 low = 0, high = n_rows - 1;
    while (low < high) {
        u64 middle = (low + high) / 2;
        if (table[middle * width + width - 1] > chunk) high = middle;
        else low = middle + 1;
    }
    const u64* row = table + low * width;
    // The word before a row is the last one of the row before.
    u64 first = (chunk - (low == 0 ? 0 : row[-1])) * length;
    u64 n = row[width - 2];
    return {row, first, first + length < n ? first + length : n};
}

// Adds what the threads of a block hold, a power of two of them; the first thread gets the sum.
__device__ float block_sum(float* held, float value) {
    held[threadIdx.x] = value;
    for (u32 half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) held[threadIdx.x] += held[threadIdx.x + half];
    }
    return held[0];
}

// The sum of squares of all arrays in parts, one a block. Rows are [x, length, end].
extern "C" __global__ void sum_squares(const u64* table, float* parts, u64 n_rows, u64 n_chunks, u32 length) {
    SHARED(held);
    float sum = 0.0f;
    for (u64 chunk = blockIdx.x; chunk < n_chunks; chunk += gridDim.x) {
        Chunk at = find_chunk(table, 3, n_rows, chunk, length);
        const float* x = (const float*)at.row[0];
        for (u64 i = at.first + threadIdx.x; i < at.end; i += blockDim.x) sum += x[i] * x[i];
    }
    sum = block_sum(held, sum);
    if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

// The sum of a few numbers, by one block.
extern "C" __global__ void add_parts(const float* parts, float* y, u64 n) {
    SHARED(held);
    float sum = 0.0f;
    for (u64 i = threadIdx.x; i < n; i += blockDim.x) sum += parts[i];
    sum = block_sum(held, sum);
    if (threadIdx.x == 0) y[0] = sum;
}

// Added to the norm before dividing by it, as in PyTorch.
#define CLIP_GUARD 1e-6f

// A step of AdamW in place. Rows are [gradient, running mean, running square, variable, length, end].
// Gradients are scaled by min(1, max_norm / (norm + guard)), where squares, if it is not null, is the square of their
// norm. A norm that is not finite makes the factor NaN, and so every variable.
// keep_* and take_* are the decays and what is left of one; unbias_* divide by 1 - decay^steps.
extern "C" __global__ void adamw(
    const u64* table, const float* squares, u64 n_rows, u64 n_chunks, u32 length, float max_norm,
    float keep_mean, float take_mean, float keep_square, float take_square, float unbias_mean, float unbias_square,
    float eps, float keep_var, float rate
) {
    float factor = 1.0f;
    if (squares) {
        float norm = sqrtf(squares[0]);
        factor = (norm * 0.0f + max_norm) / (norm + CLIP_GUARD);
        if (factor > 1.0f) factor = 1.0f;
    }
    for (u64 chunk = blockIdx.x; chunk < n_chunks; chunk += gridDim.x) {
        Chunk at = find_chunk(table, 6, n_rows, chunk, length);
        const float* grad = (const float*)at.row[0];
        float *mean = (float*)at.row[1], *square = (float*)at.row[2], *var = (float*)at.row[3];
        for (u64 i = at.first + threadIdx.x; i < at.end; i += blockDim.x) {
            float g = grad[i] * factor;
            float m = mean[i] * keep_mean + g * take_mean;
            float v = square[i] * keep_square + g * g * take_square;
            mean[i] = m;
            square[i] = v;
            var[i] = var[i] * keep_var - m * unbias_mean / (sqrtf(v * unbias_square) + eps) * rate;
        }
    }
}
