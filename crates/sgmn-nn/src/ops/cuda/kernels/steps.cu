// Steps over all rows of a block of edges, and their gradients, f32. Formulas stand at the functions of ops/steps.
//
// A warp takes a row, whose node at each end follows from the row's number: receivers are counted before senders. What a
// row holds stays in registers between its mean and its result, K channels a lane.

#include "common.h"

// Which operands are there, and at which end of a row its nodes are.
#define HAS_ROWS 1u
#define HAS_MORE 2u
#define HAS_BIAS 4u
#define END_OF_A(flags) ((flags >> 3) & 3u)
#define END_OF_B(flags) ((flags >> 5) & 3u)
#define RECEIVERS 1u
#define SENDERS 2u

// The node at one end of a row of nets with r receivers and s senders.
__device__ u64 node_of(u32 row, u32 end, u32 r, u32 s) {
    return end == RECEIVERS ? row / s : row / (r * s) * s + row % s;
}

// A sum that is not in memory: a row, and rows of its nodes at one end or both.
struct Addends {
    const float *rows, *a, *b;
    u32 flags, width, r, s;
};

// What of a row's sum belongs to a lane.
template <u32 K>
__device__ void load_sum(const Addends& from, u32 row, u32 lane, float* x) {
    u32 width = from.width, end_of_a = END_OF_A(from.flags), end_of_b = END_OF_B(from.flags);
    const float* rows = from.rows + (u64)row * width;
    const float* a = from.a + node_of(row, end_of_a, from.r, from.s) * width;
    const float* b = from.b + node_of(row, end_of_b, from.r, from.s) * width;
    UNROLL for (u32 k = 0; k < K; k++) {
        u32 c = lane + k * WARP;
        float sum = 0.0f;
        if (c < width) {
            if (from.flags & HAS_ROWS) sum = rows[c];
            if (end_of_a) sum += a[c];
            if (end_of_b) sum += b[c];
        }
        x[k] = sum;
    }
}

// What of some parameters, a number a channel, belongs to a lane.
template <u32 K>
__device__ void load_row(const float* from, u32 width, u32 lane, float* x) {
    UNROLL for (u32 k = 0; k < K; k++) x[k] = lane + k * WARP < width ? from[lane + k * WARP] : 0.0f;
}

// h = sign * x + b less its mean, in place of h; returns 1 / sqrt(var + eps).
template <u32 K>
__device__ float normalize(const float* x, const float* b, float sign, u32 width, u32 lane, float* h) {
    float sum = 0.0f;
    UNROLL for (u32 k = 0; k < K; k++) {
        h[k] = sign * x[k] + b[k];
        sum += h[k];
    }
    float mean = warp_sum(sum) / (float)width;
    sum = 0.0f;
    UNROLL for (u32 k = 0; k < K; k++) {
        h[k] = lane + k * WARP < width ? h[k] - mean : 0.0f;
        sum += h[k] * h[k];
    }
    return 1.0f / sqrtf(warp_sum(sum) / (float)width + NORM_EPS);
}

template <u32 K>
__device__ void norm_silu_rows(Addends from, const float* params, float* y, u32 n_rows, u32 n_signs) {
    u32 width = from.width, lane = threadIdx.x % WARP, warps = blockDim.x / WARP;
    float b[K], gamma[K], beta[K], x[K], h[K], sum[K];
    load_row<K>(params, width, lane, b);
    load_row<K>(params + width, width, lane, gamma);
    load_row<K>(params + 2 * width, width, lane, beta);
    for (u64 row = (u64)blockIdx.x * warps + threadIdx.x / WARP; row < n_rows; row += (u64)gridDim.x * warps) {
        load_sum<K>(from, (u32)row, lane, x);
        for (u32 i = 0; i < n_signs; i++) {
            float rstd = normalize<K>(x, b, i == 0 ? 1.0f : -1.0f, width, lane, h);
            UNROLL for (u32 k = 0; k < K; k++) {
                float value = silu(h[k] * rstd * gamma[k] + beta[k]);
                sum[k] = i == 0 ? value : sum[k] + value;
            }
        }
        UNROLL for (u32 k = 0; k < K; k++) {
            u32 c = lane + k * WARP;
            if (c < width) y[row * width + c] = sum[k];
        }
    }
}

// y = SiLU(LayerNorm(x + b)) of a sum; with two signs summed over +x and -x. params is [b, gamma, beta].
extern "C" __global__ void norm_silu_of_sum(
    const float* rows, const float* a, const float* b, const float* params, float* y, u64 n_rows, u32 width, u32 n_signs,
    u32 flags, u32 r, u32 s
) {
    Addends from = {rows, a, b, flags, width, r, s};
    if (width <= 4 * WARP) norm_silu_rows<4>(from, params, y, (u32)n_rows, n_signs);
    else norm_silu_rows<8>(from, params, y, (u32)n_rows, n_signs);
}

template <u32 K>
__device__ void norm_silu_rows_grad(
    Addends from, const float* params, const float* grad, float* out, float* held, u32 n_rows, u32 n_signs
) {
    u32 width = from.width, lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, warps = blockDim.x / WARP;
    float b[K], gamma[K], beta[K], x[K], g[K], h[K], dv[K], dx[K], db[K], dgamma[K], dbeta[K];
    load_row<K>(params, width, lane, b);
    load_row<K>(params + width, width, lane, gamma);
    load_row<K>(params + 2 * width, width, lane, beta);
    UNROLL for (u32 k = 0; k < K; k++) db[k] = dgamma[k] = dbeta[k] = 0.0f;
    for (u64 row = (u64)blockIdx.x * warps + warp; row < n_rows; row += (u64)gridDim.x * warps) {
        load_sum<K>(from, (u32)row, lane, x);
        load_row<K>(grad + row * width, width, lane, g);
        for (u32 i = 0; i < n_signs; i++) {
            float sign = i == 0 ? 1.0f : -1.0f, sum_d = 0.0f, sum_dv = 0.0f;
            float rstd = normalize<K>(x, b, sign, width, lane, h);
            UNROLL for (u32 k = 0; k < K; k++) {
                float v = h[k] * rstd, dz = g[k] * silu_slope(v * gamma[k] + beta[k]);
                dgamma[k] += dz * v;
                dbeta[k] += dz;
                dv[k] = dz * gamma[k];
                sum_d += dv[k];
                sum_dv += dv[k] * v;
            }
            float mean_d = warp_sum(sum_d) / (float)width, mean_dv = warp_sum(sum_dv) / (float)width;
            UNROLL for (u32 k = 0; k < K; k++) {
                float dh = rstd * (dv[k] - mean_d - h[k] * rstd * mean_dv);
                db[k] += dh;
                dx[k] = i == 0 ? dh : dx[k] - dh;
            }
        }
        UNROLL for (u32 k = 0; k < K; k++) {
            u32 c = lane + k * WARP;
            if (c < width) out[row * width + c] = dx[k];
        }
    }
    UNROLL for (u32 k = 0; k < K; k++) {
        u32 c = lane + k * WARP;
        if (c >= width) continue;
        held[warp * 3 * width + c] = db[k];
        held[(warp * 3 + 1) * width + c] = dgamma[k];
        held[(warp * 3 + 2) * width + c] = dbeta[k];
    }
    store_part(held, out + (u64)n_rows * width, 3 * width, warps);
}

// Gradients of norm_silu_of_sum: out holds that of each addend, then a part of [db, dgamma, dbeta] for each block.
extern "C" __global__ void norm_silu_of_sum_grad(
    const float* rows, const float* a, const float* b, const float* params, const float* grad, float* out, u64 n_rows,
    u32 width, u32 n_signs, u32 flags, u32 r, u32 s
) {
    SHARED(held);
    Addends from = {rows, a, b, flags, width, r, s};
    if (width <= 4 * WARP) norm_silu_rows_grad<4>(from, params, grad, out, held, (u32)n_rows, n_signs);
    else norm_silu_rows_grad<8>(from, params, grad, out, held, (u32)n_rows, n_signs);
}

// The sum of what the flags name, in memory.
extern "C" __global__ void add_up(
    const float* rows, const float* more, const float* a, const float* b, const float* bias, float* y, u64 n_rows,
    u32 width, u32 flags, u32 r, u32 s
) {
    u32 lane = threadIdx.x % WARP, warps = blockDim.x / WARP;
    for (u64 row = (u64)blockIdx.x * warps + threadIdx.x / WARP; row < n_rows; row += (u64)gridDim.x * warps) {
        const float* of_a = a + node_of((u32)row, END_OF_A(flags), r, s) * width;
        const float* of_b = b + node_of((u32)row, END_OF_B(flags), r, s) * width;
        for (u32 c = lane; c < width; c += WARP) {
            float sum = flags & HAS_BIAS ? bias[c] : 0.0f;
            if (flags & HAS_ROWS) sum += rows[row * width + c];
            if (flags & HAS_MORE) sum += more[row * width + c];
            if (END_OF_A(flags)) sum += of_a[c];
            if (END_OF_B(flags)) sum += of_b[c];
            y[row * width + c] = sum;
        }
    }
}

// y = a (b + bias).
extern "C" __global__ void mul_biased(
    const float* a, const float* b, const float* bias, float* y, u64 n_rows, u32 width, u32 flags
) {
    u32 lane = threadIdx.x % WARP, warps = blockDim.x / WARP;
    for (u64 row = (u64)blockIdx.x * warps + threadIdx.x / WARP; row < n_rows; row += (u64)gridDim.x * warps) {
        for (u32 c = lane; c < width; c += WARP) {
            u64 i = row * width + c;
            y[i] = a[i] * (flags & HAS_BIAS ? b[i] + bias[c] : b[i]);
        }
    }
}

// Gradients of mul_biased: out holds da, then db.
extern "C" __global__ void mul_biased_grad(
    const float* a, const float* b, const float* bias, const float* grad, float* out, u64 n_rows, u32 width, u32 flags
) {
    u32 lane = threadIdx.x % WARP, warps = blockDim.x / WARP;
    float* db = out + n_rows * width;
    for (u64 row = (u64)blockIdx.x * warps + threadIdx.x / WARP; row < n_rows; row += (u64)gridDim.x * warps) {
        for (u32 c = lane; c < width; c += WARP) {
            u64 i = row * width + c;
            float g = grad[i];
            out[i] = g * (flags & HAS_BIAS ? b[i] + bias[c] : b[i]);
            db[i] = g * a[i];
        }
    }
}

// y = x v with the node at one end; x has one number a row where it is not as wide as v.
extern "C" __global__ void mul_nodes(
    const float* x, const float* v, float* y, u64 n_rows, u32 width, u32 x_width, u32 flags, u32 r, u32 s
) {
    u32 lane = threadIdx.x % WARP, warps = blockDim.x / WARP;
    for (u64 row = (u64)blockIdx.x * warps + threadIdx.x / WARP; row < n_rows; row += (u64)gridDim.x * warps) {
        const float* node = v + node_of((u32)row, END_OF_A(flags), r, s) * width;
        for (u32 c = lane; c < width; c += WARP) {
            y[row * width + c] = x[x_width == 1 ? row : row * width + c] * node[c];
        }
    }
}

// Sums of a (b + bias) over one axis of [outer, n, inner], to [outer, inner]: a thread an output. Rows are width wide; a
// has one number a row where it is not.
extern "C" __global__ void sum_product(
    const float* a, const float* b, const float* bias, float* y, u64 n_outputs, u32 n, u32 inner, u32 width, u32 a_width,
    u32 flags
) {
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < n_outputs; i += (u64)gridDim.x * blockDim.x) {
        u64 start = i / inner * n * inner + i % inner;
        float added = flags & HAS_BIAS ? bias[i % width] : 0.0f, sum = 0.0f;
        for (u32 k = 0; k < n; k++) {
            u64 at = start + (u64)k * inner;
            sum += a[a_width == 1 ? at / width : at] * (b[at] + added);
        }
        y[i] = sum;
    }
}

// Gradients of sum_product for a and b, both width wide: out holds g (b + bias), then g a, g that of the row's node.
extern "C" __global__ void sum_product_grad(
    const float* a, const float* b, const float* bias, const float* grad, float* out, u64 n_rows, u32 width, u32 flags,
    u32 r, u32 s
) {
    u32 lane = threadIdx.x % WARP, warps = blockDim.x / WARP;
    float* db = out + n_rows * width;
    for (u64 row = (u64)blockIdx.x * warps + threadIdx.x / WARP; row < n_rows; row += (u64)gridDim.x * warps) {
        const float* node = grad + node_of((u32)row, END_OF_A(flags), r, s) * width;
        for (u32 c = lane; c < width; c += WARP) {
            u64 i = row * width + c;
            out[i] = node[c] * (flags & HAS_BIAS ? b[i] + bias[c] : b[i]);
            db[i] = node[c] * a[i];
        }
    }
}

// A permutation of the 32-bit numbers: the finalizer of MurmurHash 3, as for the masks of the CPU.
__device__ u32 mix(u32 x) {
    x = (x ^ (x >> 16)) * 0x85ebca6bu;
    x = (x ^ (x >> 13)) * 0xc2b2ae35u;
    return x ^ (x >> 16);
}

// y = x times the mask of its row and column: factor where the draw is at least the threshold, else 0.
extern "C" __global__ void kept(
    const float* x, float* y, u64 n_rows, u32 width, u32 key, u32 second_key, u32 threshold, float factor
) {
    u32 lane = threadIdx.x % WARP, warps = blockDim.x / WARP;
    for (u64 row = (u64)blockIdx.x * warps + threadIdx.x / WARP; row < n_rows; row += (u64)gridDim.x * warps) {
        u32 start = mix((mix((u32)row ^ key) + (u32)(row >> 32)) ^ second_key);
        for (u32 c = lane; c < width; c += WARP) {
            u32 draw = mix(start + c * 0x9e3779b9u);
            y[row * width + c] = draw >= threshold ? x[row * width + c] * factor : 0.0f;
        }
    }
}
