// What all kernels share: number types, sums over a warp, the memory that the threads of a block share.
//
// Nothing in these files depends on timing: no atomics, every sum has one order that shapes alone decide. They are
// written so that a host compiler can run them as well (testdata/cuda): no intrinsics but __syncthreads and
// __shfl_xor_sync, dynamic shared memory through SHARED, whole warps in step wherever they exchange numbers.
#pragma once

#ifndef SHARED
#define SHARED(name) extern __shared__ float name[]
#endif

#define WARP 32
// What is known to be short is written out, so that it stays in registers.
#define UNROLL _Pragma("unroll")
// Added to the variance before the root, as on the CPU.
#define NORM_EPS 1e-5f

typedef unsigned int u32;
typedef unsigned long long u64;

__device__ float warp_sum(float value) {
    for (int step = WARP / 2; step > 0; step /= 2) value += __shfl_xor_sync(0xffffffffu, value, step);
    return value;
}

// The larger of two numbers; NaN if either is.
__device__ float larger(float a, float b) { return a >= b || a != a ? a : b; }

__device__ float warp_largest(float value) {
    for (int step = WARP / 2; step > 0; step /= 2) value = larger(value, __shfl_xor_sync(0xffffffffu, value, step));
    return value;
}

__device__ float silu(float z) { return z / (1.0f + expf(-z)); }

__device__ float silu_slope(float z) {
    float s = 1.0f / (1.0f + expf(-z));
    return s * (1.0f + z * (1.0f - s));
}

// Adds up what the warps of a block hold in shared memory, [warps, n], and stores it as the block's part.
__device__ void store_part(const float* held, float* part, u32 n, u32 warps) {
    __syncthreads();
    for (u32 c = threadIdx.x; c < n; c += blockDim.x) {
        float sum = 0.0f;
        for (u32 warp = 0; warp < warps; warp++) sum += held[warp * n + c];
        part[(u64)blockIdx.x * n + c] = sum;
    }
}
