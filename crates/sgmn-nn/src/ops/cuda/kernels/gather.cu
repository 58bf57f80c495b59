// What nodes gather from their edges by other means than a sum, f32. Formulas and shapes stand at the functions of
// ops/mod.rs.

#include "common.h"

// Added to the variance before the root, as on the CPU.
#define VARIANCE_EPS 1e-5f

// Of the edges at one node, in one channel.
struct Moments {
    float mean, deviation, low, high;
};

// The moments of n numbers that lie `step` apart, n at least one, in one pass: Welford 1962.
__device__ Moments moments_of(const float* x, u32 n, u64 step) {
    Moments m = {0.0f, 0.0f, x[0], x[0]};
    float squares = 0.0f;
    for (u32 k = 0; k < n; k++) {
        float value = x[k * step], apart = value - m.mean;
        m.mean += apart / (float)(k + 1);
        squares += apart * (value - m.mean);
        m.low = value < m.low ? value : m.low;
        m.high = value > m.high ? value : m.high;
    }
    m.deviation = sqrtf(squares / (float)n + VARIANCE_EPS);
    return m;
}

// Mean, deviation, minimum and maximum over the middle axis of x [outer, n, inner], side by side: y holds 4 * width numbers
// a node, which has `width` channels. A thread a channel of a node.
extern "C" __global__ void aggregate(const float* x, float* y, u64 n_channels, u32 n, u32 inner, u32 width) {
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < n_channels; i += (u64)gridDim.x * blockDim.x) {
        Moments m = moments_of(x + i / inner * n * inner + i % inner, n, inner);
        float* to = y + i / width * 4 * width + i % width;
        to[0] = m.mean;
        to[width] = m.deviation;
        to[2 * width] = m.low;
        to[3 * width] = m.high;
    }
}

// Gradient of aggregate. The moments are computed again: the edges of a node stay near between the two readings.
extern "C" __global__ void aggregate_grad(
    const float* x, const float* grad, float* dx, u64 n_channels, u32 n, u32 inner, u32 width
) {
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < n_channels; i += (u64)gridDim.x * blockDim.x) {
        u64 start = i / inner * n * inner + i % inner;
        Moments m = moments_of(x + start, n, inner);
        const float* g = grad + i / width * 4 * width + i % width;
        float d_mean = g[0] / (float)n, slope = g[width] / (float)n / m.deviation;
        float d_low = g[2 * width], d_high = g[3 * width];
        for (u32 k = 0; k < n; k++) {
            float value = x[start + (u64)k * inner];
            float d = d_mean + (value - m.mean) * slope;
            // All that tie for an extreme get its gradient.
            d += value == m.low ? d_low : 0.0f;
            d += value == m.high ? d_high : 0.0f;
            dx[start + (u64)k * inner] = d;
        }
    }
}

// The rows that nodes attend to: own [B, n, row], incoming [B, n, n_incoming, row], outgoing [B, n_outgoing, n, row].
struct Sources {
    const float *own, *incoming, *outgoing;
    u32 n_nodes, n_incoming, n_outgoing, row;
};

// Where the j-th row of a node is, counted in rows: 0 its own, then edges that enter it, then edges that leave it.
__device__ u64 place_of(Sources s, u64 node, u32 j) {
    if (j == 0) return node;
    if (j <= s.n_incoming) return node * s.n_incoming + (j - 1);
    return (node / s.n_nodes * s.n_outgoing + (j - 1 - s.n_incoming)) * s.n_nodes + node % s.n_nodes;
}

__device__ const float* row_of(Sources s, u64 node, u32 j) {
    const float* group = j == 0 ? s.own : j <= s.n_incoming ? s.incoming : s.outgoing;
    return group + place_of(s, node, j) * s.row;
}

// y = sum over rows of softmax(logits) * values, for each head: a thread a channel of a node.
extern "C" __global__ void attend(
    const float* own, const float* incoming, const float* outgoing, float* y, u64 n_channels, u32 n_nodes,
    u32 n_incoming, u32 n_outgoing, u32 n_heads, u32 width
) {
    Sources s = {own, incoming, outgoing, n_nodes, n_incoming, n_outgoing, n_heads + width};
    u32 n_rows = 1 + n_incoming + n_outgoing;
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < n_channels; i += (u64)gridDim.x * blockDim.x) {
        u64 node = i / width;
        u32 c = i % width, head = c / (width / n_heads);
        float largest = row_of(s, node, 0)[head];
        for (u32 j = 1; j < n_rows; j++) largest = larger(row_of(s, node, j)[head], largest);
        float sum = 0.0f, weighted = 0.0f;
        for (u32 j = 0; j < n_rows; j++) {
            const float* row = row_of(s, node, j);
            float share = expf(row[head] - largest);
            sum += share;
            weighted += share * row[n_heads + c];
        }
        y[i] = weighted / sum;
    }
}

// Gradients of attend: out holds those of own, incoming and outgoing one after the other, in their shapes. A warp a node
// and head, `lanes` threads a row, a power of two.
//
// dv = a g and dlogit = a (<g, v> - sum a <g, v>); the products wait in the places of their logits' gradients.
extern "C" __global__ void attend_grad(
    const float* own, const float* incoming, const float* outgoing, const float* grad, float* out, u64 n_pairs,
    u32 n_nodes, u32 n_incoming, u32 n_outgoing, u32 n_heads, u32 width, u32 lanes
) {
    Sources s = {own, incoming, outgoing, n_nodes, n_incoming, n_outgoing, n_heads + width};
    u32 n_rows = 1 + n_incoming + n_outgoing, d_head = width / n_heads;
    u64 before_incoming = n_pairs / n_heads, before_outgoing = before_incoming * (1 + n_incoming);
    u32 lane = threadIdx.x % WARP, warps = blockDim.x / WARP;
    u32 team = lane / lanes, member = lane % lanes, teams = WARP / lanes;
    u64 first = (u64)blockIdx.x * warps + threadIdx.x / WARP;
    for (u64 pair = first; pair < n_pairs; pair += (u64)gridDim.x * warps) {
        u64 node = pair / n_heads;
        u32 head = pair % n_heads;
        const float* g = grad + node * width + head * d_head;
        float largest = row_of(s, node, 0)[head], sum = 0.0f;
        for (u32 j = lane; j < n_rows; j += WARP) largest = larger(row_of(s, node, j)[head], largest);
        largest = warp_largest(largest);
        for (u32 j = lane; j < n_rows; j += WARP) sum += expf(row_of(s, node, j)[head] - largest);
        sum = warp_sum(sum);
        float along = 0.0f;
        for (u32 start = 0; start < n_rows; start += teams) {
            u32 j = start + team;
            float share = 0.0f, product = 0.0f;
            float* d = out;
            if (j < n_rows) {
                const float* row = row_of(s, node, j);
                u64 before = j == 0 ? 0 : j <= n_incoming ? before_incoming : before_outgoing;
                d = out + (before + place_of(s, node, j)) * s.row;
                share = expf(row[head] - largest) / sum;
                const float* values = row + n_heads + head * d_head;
                for (u32 c = member; c < d_head; c += lanes) {
                    product += g[c] * values[c];
                    d[n_heads + head * d_head + c] = share * g[c];
                }
            }
            for (u32 step = lanes / 2; step > 0; step /= 2) product += __shfl_xor_sync(0xffffffffu, product, step);
            along += share * product;
            if (j < n_rows && member == 0) d[head] = product;
        }
        for (u32 step = WARP / 2; step >= lanes; step /= 2) along += __shfl_xor_sync(0xffffffffu, along, step);
        // The threads that wrote the products read them again.
        for (u32 j = team; member == 0 && j < n_rows; j += teams) {
            u64 before = j == 0 ? 0 : j <= n_incoming ? before_incoming : before_outgoing;
            float* d = out + (before + place_of(s, node, j)) * s.row;
            d[head] = expf(row_of(s, node, j)[head] - largest) / sum * (d[head] - along);
        }
    }
}
