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
