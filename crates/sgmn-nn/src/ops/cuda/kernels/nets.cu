// Many nets of one form on the same inputs, f32: what their units compute, and gradients of inputs or parameters.
//
// A block takes a net and a tile of inputs through all layers. Shared memory holds a row of `tile` numbers, one an input,
// for each unit at each position: z, what the activations of all layers are taken of, and the signal, what the next layer
// reads. The way back overwrites z by its gradients, each number by the thread that needs it. Parameters are read from
// memory: threads side by side want the same one.

#include "common.h"

// Numbers of a layer at the start of the table, which launch/nets.rs writes; each is whole and exact.
#define FIELDS 14

enum Gather { AS_IS, AVERAGE, TAPS };
enum Activation { IDENTITY, LEAKY_RELU, TANH, SINE, SILU, GELU };

struct Layer {
    u32 gather, n_in, positions_in, d_in, n_out, positions, activation;
    // Of the activation.
    float number;
    // Where the layer stands among the parameters, the units, the numbers of z.
    u32 weights, biases, units, z;
    // In the table: for each number of a kernel and each position written the one read, and the other way around.
    u32 taps, turned;
};

__device__ Layer layer_at(const float* table, u32 l) {
    const float* at = table + l * FIELDS;
    Layer layer = {
        (u32)at[0], (u32)at[1], (u32)at[2], (u32)at[3],  (u32)at[4],  (u32)at[5],  (u32)at[6],
        at[7],      (u32)at[8], (u32)at[9], (u32)at[10], (u32)at[11], (u32)at[12], (u32)at[13],
    };
    return layer;
}

// What a block works on.
struct Run {
    const float *params, *table;
    u32 n_layers, tile;
    float *z, *signal;
};

__device__ float activate(Layer layer, float z) {
    switch (layer.activation) {
        case LEAKY_RELU: return z > 0.0f ? z : layer.number * z;
        case TANH: return tanhf(z);
        case SINE: return sinf(layer.number * z);
        case SILU: return silu(z);
        case GELU: return 0.5f * z * (1.0f + erff(z * 0.70710678f));
        default: return z;
    }
}

__device__ float activation_slope(Layer layer, float z) {
    float s;
    switch (layer.activation) {
        case LEAKY_RELU: return z > 0.0f ? 1.0f : layer.number;
        case TANH: s = tanhf(z); return 1.0f - s * s;
        case SINE: return layer.number * cosf(layer.number * z);
        case SILU: return silu_slope(z);
        // The normal distribution function, and z times its density.
        case GELU: return 0.5f * (1.0f + erff(z * 0.70710678f)) + z * 0.39894228f * expf(-0.5f * z * z);
        default: return 1.0f;
    }
}

// b + W gather(signal) of one unit at one position for the t-th input of the tile.
__device__ float product(Run run, Layer layer, u32 unit, u32 position, u32 t) {
    const float* w = run.params + layer.weights + unit * layer.d_in;
    const float* x = run.signal + t;
    float sum = run.params[layer.biases + unit];
    if (layer.gather == AS_IS) {
        for (u32 i = 0; i < layer.d_in; i++) sum += w[i] * x[i * run.tile];
    } else if (layer.gather == AVERAGE) {
        for (u32 i = 0; i < layer.n_in; i++) {
            float values = 0.0f;
            for (u32 q = 0; q < layer.positions_in; q++) values += x[(i * layer.positions_in + q) * run.tile];
            sum += w[i] * (values / (float)layer.positions_in);
        }
    } else {
        u32 n_kernel = layer.d_in / layer.n_in;
        for (u32 k = 0; k < n_kernel; k++) {
            u32 q = (u32)run.table[layer.taps + k * layer.positions + position];
            // The margin holds zeros.
            if (q >= layer.positions_in) continue;
            for (u32 i = 0; i < layer.n_in; i++) {
                sum += w[i * n_kernel + k] * x[(i * layer.positions_in + q) * run.tile];
            }
        }
    }
    return sum;
}

// The gradient of one number of the signal that a layer reads, its `row` one of units times positions, from those of z.
__device__ float product_grad(Run run, Layer layer, u32 row, u32 t) {
    const float* w = run.params + layer.weights;
    const float* d = run.z + layer.z * run.tile + t;
    float sum = 0.0f;
    if (layer.gather == AS_IS) {
        for (u32 u = 0; u < layer.n_out; u++) sum += w[u * layer.d_in + row] * d[u * run.tile];
        return sum;
    }
    u32 i = row / layer.positions_in, q = row % layer.positions_in;
    if (layer.gather == AVERAGE) {
        for (u32 u = 0; u < layer.n_out; u++) sum += w[u * layer.d_in + i] * d[u * run.tile];
        return sum / (float)layer.positions_in;
    }
    u32 n_kernel = layer.d_in / layer.n_in;
    for (u32 k = 0; k < n_kernel; k++) {
        u32 p = (u32)run.table[layer.turned + k * layer.positions_in + q];
        if (p >= layer.positions) continue;
        for (u32 u = 0; u < layer.n_out; u++) {
            sum += w[u * layer.d_in + i * n_kernel + k] * d[(u * layer.positions + p) * run.tile];
        }
    }
    return sum;
}

// The signal is that of the inputs from `first` on, zeros behind the last. The steps say how far apart in x two values of
// an input and two inputs are.
__device__ void load(Run run, const float* x, u32 value_step, u32 input_step, u32 first, u32 n_inputs) {
    Layer layer = layer_at(run.table, 0);
    for (u32 e = threadIdx.x; e < layer.n_in * layer.positions_in * run.tile; e += blockDim.x) {
        u32 input = first + e % run.tile;
        run.signal[e] = input < n_inputs ? x[(u64)(e / run.tile) * value_step + (u64)input * input_step] : 0.0f;
    }
    __syncthreads();
}

// Reads the signal before a layer, writes the layer's z.
__device__ void multiply(Run run, Layer layer) {
    for (u32 e = threadIdx.x; e < layer.n_out * layer.positions * run.tile; e += blockDim.x) {
        u32 row = e / run.tile;
        run.z[layer.z * run.tile + e] = product(run, layer, row / layer.positions, row % layer.positions, e % run.tile);
    }
    __syncthreads();
}

// Reads a layer's z, writes the signal after it.
__device__ void emit(Run run, Layer layer) {
    for (u32 e = threadIdx.x; e < layer.n_out * layer.positions * run.tile; e += blockDim.x) {
        run.signal[e] = activate(layer, run.z[layer.z * run.tile + e]);
    }
    __syncthreads();
}

// Writes the mean over positions of every unit of a layer, for the inputs from `first` on; y is that of the net.
__device__ void store_means(Run run, Layer layer, float* y, u32 first, u32 n_inputs) {
    float* to = y + (u64)layer.units * n_inputs + first;
    if (layer.positions == 1) {
        for (u32 e = threadIdx.x; e < layer.n_out * run.tile; e += blockDim.x) {
            u32 t = e % run.tile;
            if (first + t < n_inputs) to[(u64)(e / run.tile) * n_inputs + t] = run.signal[e];
        }
        return;
    }
    u32 lane = threadIdx.x % WARP, warps = blockDim.x / WARP;
    for (u32 e = threadIdx.x / WARP; e < layer.n_out * run.tile; e += warps) {
        u32 unit = e / run.tile, t = e % run.tile;
        float sum = 0.0f;
        for (u32 q = lane; q < layer.positions; q += WARP) {
            sum += run.signal[(unit * layer.positions + q) * run.tile + t];
        }
        sum = warp_sum(sum);
        if (lane == 0 && first + t < n_inputs) to[(u64)unit * n_inputs + t] = sum / (float)layer.positions;
    }
}

// What every unit computes, the mean over its positions: y [n_nets, n_units, n_inputs] from params [n_nets, n_params] and
// x [values, n_inputs]. n_z rows of z.
extern "C" __global__ void run_nets(
    const float* params, const float* x, const float* table, float* y, u32 n_nets, u32 n_inputs, u32 n_layers, u32 tile,
    u32 n_params, u32 n_units, u32 n_z
) {
    SHARED(held);
    u32 tiles = (n_inputs + tile - 1) / tile;
    for (u64 item = blockIdx.x; item < (u64)n_nets * tiles; item += gridDim.x) {
        u64 net = item / tiles;
        u32 first = (u32)(item % tiles) * tile;
        Run run = {params + net * n_params, table, n_layers, tile, held, held + n_z * tile};
        load(run, x, n_inputs, 1, first, n_inputs);
        for (u32 l = 0; l < n_layers; l++) {
            Layer layer = layer_at(table, l);
            multiply(run, layer);
            emit(run, layer);
            store_means(run, layer, y + net * n_units * n_inputs, first, n_inputs);
        }
        __syncthreads();
    }
}

// Gradient of the inputs: out [parts, values, n_inputs], summed over the nets of each part; grad as the result of
// run_nets. A block a tile of inputs and a part of the nets.
extern "C" __global__ void run_nets_grad(
    const float* params, const float* x, const float* table, const float* grad, float* out, u32 n_nets, u32 n_inputs,
    u32 n_layers, u32 tile, u32 n_params, u32 n_units, u32 n_z, u32 n_signal, u32 nets_of_a_part
) {
    SHARED(held);
    u32 first = blockIdx.x * tile, part = blockIdx.y;
    Layer inputs = layer_at(table, 0);
    u32 n_values = inputs.n_in * inputs.positions_in;
    float* sums = held + (n_z + n_signal) * tile;
    // A thread alone touches the sums e, e + blockDim.x, …
    for (u32 e = threadIdx.x; e < n_values * tile; e += blockDim.x) sums[e] = 0.0f;
    u32 start = part * nets_of_a_part;
    u32 end = n_nets - start < nets_of_a_part ? n_nets : start + nets_of_a_part;
    for (u64 net = start; net < end; net++) {
        Run run = {params + net * n_params, table, n_layers, tile, held, held + n_z * tile};
        const float* g = grad + net * n_units * n_inputs + first;
        load(run, x, n_inputs, 1, first, n_inputs);
        for (u32 l = 0; l < n_layers; l++) {
            Layer layer = layer_at(table, l);
            multiply(run, layer);
            if (l + 1 < n_layers) emit(run, layer);
        }
        for (u32 l = n_layers; l-- > 0;) {
            Layer layer = layer_at(table, l), above = layer_at(table, l + 1 < n_layers ? l + 1 : l);
            float* z = run.z + layer.z * tile;
            for (u32 e = threadIdx.x; e < layer.n_out * layer.positions * tile; e += blockDim.x) {
                u32 row = e / tile, t = e % tile, unit = row / layer.positions;
                float d = first + t < n_inputs ? g[(u64)(layer.units + unit) * n_inputs + t] / (float)layer.positions : 0.0f;
                if (l + 1 < n_layers) d += product_grad(run, above, row, t);
                z[e] = d * activation_slope(layer, z[e]);
            }
            __syncthreads();
        }
        for (u32 e = threadIdx.x; e < n_values * tile; e += blockDim.x) {
            sums[e] += product_grad(run, inputs, e / tile, e % tile);
        }
        __syncthreads();
    }
    float* to = out + (u64)part * n_values * n_inputs + first;
    for (u32 e = threadIdx.x; e < n_values * tile; e += blockDim.x) {
        u32 t = e % tile;
        if (first + t < n_inputs) to[(u64)(e / tile) * n_inputs + t] = sums[e];
    }
}

// The outputs of perceptrons: y [n_nets, n_inputs, n_out] from params [n_nets, n_params] and x [n_inputs, n_in].
extern "C" __global__ void run_mlps(
    const float* params, const float* x, const float* table, float* y, u32 n_nets, u32 n_inputs, u32 n_layers, u32 tile,
    u32 n_params, u32 n_z
) {
    SHARED(held);
    u32 tiles = (n_inputs + tile - 1) / tile;
    u32 n_in = layer_at(table, 0).n_in, n_out = layer_at(table, n_layers - 1).n_out;
    for (u64 item = blockIdx.x; item < (u64)n_nets * tiles; item += gridDim.x) {
        u64 net = item / tiles;
        u32 first = (u32)(item % tiles) * tile;
        Run run = {params + net * n_params, table, n_layers, tile, held, held + n_z * tile};
        load(run, x, 1, n_in, first, n_inputs);
        for (u32 l = 0; l < n_layers; l++) {
            Layer layer = layer_at(table, l);
            multiply(run, layer);
            emit(run, layer);
        }
        float* to = y + (net * n_inputs + first) * n_out;
        for (u32 e = threadIdx.x; e < n_out * tile; e += blockDim.x) {
            if (first + e / n_out < n_inputs) to[e] = run.signal[e % n_out * tile + e / n_out];
        }
        __syncthreads();
    }
}

// Adds the gradients of a layer's weights and biases over a tile to d, or writes them there; the tile's width is a power
// of two. Threads side by side start at different inputs, so that they read different banks of shared memory.
__device__ void add_params(Run run, Layer layer, float* d, bool adds) {
    u32 n_weights = layer.n_out * layer.d_in;
    for (u32 e = threadIdx.x; e < n_weights + layer.n_out; e += blockDim.x) {
        bool is_weight = e < n_weights;
        u32 unit = is_weight ? e / layer.d_in : e - n_weights;
        const float *dz = run.z + (layer.z + unit) * run.tile, *x = run.signal + e % layer.d_in * run.tile;
        float sum = 0.0f;
        for (u32 i = 0; i < run.tile; i++) {
            u32 t = (e + i) & (run.tile - 1);
            sum += is_weight ? dz[t] * x[t] : dz[t];
        }
        float* to = d + (is_weight ? layer.weights + e : layer.biases + unit);
        *to = adds ? *to + sum : sum;
    }
}

// Gradient of the parameters: out [parts, n_nets, n_params], summed over the tiles of inputs of each part; grad as the
// result of run_mlps.
extern "C" __global__ void run_mlps_grad(
    const float* params, const float* x, const float* table, const float* grad, float* out, u32 n_nets, u32 n_inputs,
    u32 n_layers, u32 tile, u32 n_params, u32 n_z, u32 parts, u32 tiles_of_a_part
) {
    SHARED(held);
    u32 tiles = (n_inputs + tile - 1) / tile;
    u32 n_in = layer_at(table, 0).n_in;
    for (u64 item = blockIdx.x; item < (u64)n_nets * parts; item += gridDim.x) {
        u64 net = item % n_nets;
        u32 start = (u32)(item / n_nets) * tiles_of_a_part;
        u32 end = tiles - start < tiles_of_a_part ? tiles : start + tiles_of_a_part;
        Run run = {params + net * n_params, table, n_layers, tile, held, held + n_z * tile};
        for (u32 turn = start; turn < end; turn++) {
            u32 first = turn * tile;
            load(run, x, 1, n_in, first, n_inputs);
            for (u32 l = 0; l < n_layers; l++) {
                Layer layer = layer_at(table, l);
                multiply(run, layer);
                if (l + 1 < n_layers) emit(run, layer);
            }
            Layer last = layer_at(table, n_layers - 1);
            const float* g = grad + (net * n_inputs + first) * last.n_out;
            for (u32 e = threadIdx.x; e < last.n_out * tile; e += blockDim.x) {
                u32 t = e % tile;
                float d = first + t < n_inputs ? g[(u64)t * last.n_out + e / tile] : 0.0f;
                float* z = run.z + last.z * tile + e;
                *z = d * activation_slope(last, *z);
            }
            __syncthreads();
            for (u32 l = n_layers; l-- > 0;) {
                Layer layer = layer_at(table, l), below = layer_at(table, l > 0 ? l - 1 : 0);
                if (l > 0) {
                    emit(run, below);
                } else {
                    load(run, x, 1, n_in, first, n_inputs);
                }
                add_params(run, layer, out + item * n_params, turn > start);
                if (l > 0) {
                    float* z = run.z + below.z * tile;
                    for (u32 e = threadIdx.x; e < below.n_out * tile; e += blockDim.x) {
                        z[e] = product_grad(run, layer, e / tile, e % tile) * activation_slope(below, z[e]);
                    }
                }
                __syncthreads();
            }
        }
    }
}
