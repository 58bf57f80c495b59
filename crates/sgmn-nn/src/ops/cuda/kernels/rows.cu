// Operations on rows and on single numbers, one pass over memory each, f32. Formulas and shapes stand at the functions of
// ops/mod.rs. A warp takes a row; sums over rows are taken in parts, and the parts are added by sum_rows.

#include "common.h"

// Mean and 1 / sqrt(var + eps) of sign * x + b.
__device__ void row_stats(const float* x, const float* b, float sign, u32 width, u32 lane, float* mean, float* rstd) {
    float sum = 0.0f;
    for (u32 c = lane; c < width; c += WARP) sum += sign * x[c] + b[c];
    *mean = warp_sum(sum) / (float)width;
    sum = 0.0f;
    for (u32 c = lane; c < width; c += WARP) {
        float d = sign * x[c] + b[c] - *mean;
        sum += d * d;
    }
    *rstd = 1.0f / sqrtf(warp_sum(sum) / (float)width + NORM_EPS);
}

// y = SiLU(LayerNorm(x + b)); with two signs summed over +x and -x. params is [b, gamma, beta].
extern "C" __global__ void norm_silu(const float* x, const float* params, float* y, u64 n_rows, u32 width, u32 n_signs) {
    const float *b = params, *gamma = params + width, *beta = params + 2 * width;
    u32 lane = threadIdx.x % WARP, warps = blockDim.x / WARP;
    u64 first = (u64)blockIdx.x * warps + threadIdx.x / WARP;
    for (u64 row = first; row < n_rows; row += (u64)gridDim.x * warps) {
        const float* from = x + row * width;
        float* to = y + row * width;
        for (u32 i = 0; i < n_signs; i++) {
            float sign = i == 0 ? 1.0f : -1.0f, mean, rstd;
            row_stats(from, b, sign, width, lane, &mean, &rstd);
            for (u32 c = lane; c < width; c += WARP) {
                float value = silu((sign * from[c] + b[c] - mean) * rstd * gamma[c] + beta[c]);
                to[c] = i == 0 ? value : to[c] + value;
            }
        }
    }
}

// Gradients of norm_silu: out holds dx [n_rows, width], then a part of [db, dgamma, dbeta] for each block.
extern "C" __global__ void norm_silu_grad(
    const float* x, const float* params, const float* grad, float* out, u64 n_rows, u32 width, u32 n_signs
) {
    SHARED(held);
    const float *b = params, *gamma = params + width, *beta = params + 2 * width;
    u32 lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, warps = blockDim.x / WARP;
    // Lane l of a warp alone touches the columns l, l + 32, … of that warp's sums.
    float *db = held + warp * 3 * width, *dgamma = db + width, *dbeta = dgamma + width;
    for (u32 c = lane; c < width; c += WARP) db[c] = dgamma[c] = dbeta[c] = 0.0f;
    for (u64 row = (u64)blockIdx.x * warps + warp; row < n_rows; row += (u64)gridDim.x * warps) {
        const float *from = x + row * width, *g = grad + row * width;
        float* dx = out + row * width;
        for (u32 i = 0; i < n_signs; i++) {
            float sign = i == 0 ? 1.0f : -1.0f, mean, rstd, sum_d = 0.0f, sum_dv = 0.0f;
            row_stats(from, b, sign, width, lane, &mean, &rstd);
            for (u32 c = lane; c < width; c += WARP) {
                float v = (sign * from[c] + b[c] - mean) * rstd;
                float dz = g[c] * silu_slope(v * gamma[c] + beta[c]);
                float dv = dz * gamma[c];
                dgamma[c] += dz * v;
                dbeta[c] += dz;
                sum_d += dv;
                sum_dv += dv * v;
            }
            float mean_d = warp_sum(sum_d) / (float)width, mean_dv = warp_sum(sum_dv) / (float)width;
            for (u32 c = lane; c < width; c += WARP) {
                float v = (sign * from[c] + b[c] - mean) * rstd;
                float dv = g[c] * silu_slope(v * gamma[c] + beta[c]) * gamma[c];
                float dh = rstd * (dv - mean_d - v * mean_dv);
                db[c] += dh;
                dx[c] = i == 0 ? dh : dx[c] - dh;
            }
        }
    }
    store_part(held, out + n_rows * width, 3 * width, warps);
}

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

// y = x + b.
extern "C" __global__ void add_bias(const float* x, const float* b, float* y, u64 n, u32 width) {
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (u64)gridDim.x * blockDim.x) {
        y[i] = x[i] + b[i % width];
    }
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

// y = |x|.
extern "C" __global__ void absolute(const float* x, float* y, u64 n) {
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (u64)gridDim.x * blockDim.x) {
        y[i] = fabsf(x[i]);
    }
}

// dx = sign(x) g, with 0 for the sign of 0.
extern "C" __global__ void absolute_grad(const float* x, const float* grad, float* dx, u64 n) {
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (u64)gridDim.x * blockDim.x) {
        dx[i] = x[i] > 0.0f ? grad[i] : x[i] < 0.0f ? -grad[i] : 0.0f * grad[i];
    }
}

// y = x times the mask: factor where the element's own random number is at least the threshold, else 0.
//
// The number is that of SplitMix64 after i + 1 steps from the key: Steele, Lea and Flood 2014.
extern "C" __global__ void dropout(const float* x, float* y, u64 n, u64 key, u32 threshold, float factor) {
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (u64)gridDim.x * blockDim.x) {
        u64 z = key + (i + 1) * 0x9e3779b97f4a7c15ull;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        z ^= z >> 31;
        y[i] = (u32)(z >> 32) >= threshold ? x[i] * factor : 0.0f;
    }
}
