// Runs CUDA kernels on a host: the threads of a block are fibers that take turns from one meeting point to the next.
//
// Enough for our kernels: __syncthreads, __shfl_xor_sync of whole warps, dynamic shared memory, blocks one after the
// other. A meeting point that some thread of a warp or block never reaches ends the program with an error.

#pragma once

#include <ucontext.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#define __global__
#define __device__ static
#define SHARED(name) float* name = emulator::shared.data()

struct Index {
    unsigned x, y;
};
static Index threadIdx, blockIdx, blockDim, gridDim;

namespace emulator {

const unsigned WARP_SIZE = 32;
enum State { RUNNING, AT_WARP, AT_BLOCK, DONE };

struct Fiber {
    ucontext_t context;
    State state;
    float offered;
    std::vector<char> stack;
};

static std::vector<float> shared;
static std::vector<Fiber> fibers;
static ucontext_t scheduler;
static unsigned current;
static std::function<void()> body;

static void meet(State state) {
    fibers[current].state = state;
    unsigned me = current;
    swapcontext(&fibers[me].context, &scheduler);
    threadIdx = {me % blockDim.x, me / blockDim.x};
}

static void enter() {
    body();
    fibers[current].state = DONE;
}

static bool all(unsigned first, unsigned end, State state) {
    for (unsigned i = first; i < end; i++) {
        if (fibers[i].state != state) return false;
    }
    return true;
}

static bool any(unsigned first, unsigned end, State state) {
    for (unsigned i = first; i < end; i++) {
        if (fibers[i].state == state) return true;
    }
    return false;
}

static void resume(unsigned i) {
    current = i;
    threadIdx = {i % blockDim.x, i / blockDim.x};
    fibers[i].state = RUNNING;
    swapcontext(&scheduler, &fibers[i].context);
}

static void run_block(unsigned n_shared) {
    unsigned n = blockDim.x * blockDim.y;
    // What a kernel does not write itself is nothing that it may rely on.
    shared.assign(n_shared, NAN);
    if (fibers.size() < n) fibers.resize(n);
    for (unsigned i = 0; i < n; i++) {
        Fiber& fiber = fibers[i];
        fiber.stack.resize(1 << 16);
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack.data();
        fiber.context.uc_stack.ss_size = fiber.stack.size();
        fiber.context.uc_link = &scheduler;
        makecontext(&fiber.context, enter, 0);
        fiber.state = AT_WARP;
    }
    // The start is a meeting point like any other; of a warp, the last thread speaks first, so that order cannot help.
    while (!all(0, n, DONE)) {
        bool moved = false;
        for (unsigned first = 0; first < n; first += WARP_SIZE) {
            unsigned end = first + WARP_SIZE < n ? first + WARP_SIZE : n;
            if (!all(first, end, AT_WARP)) continue;
            moved = true;
            for (unsigned i = end; i-- > first;) resume(i);
        }
        if (moved) continue;
        if (!all(0, n, AT_BLOCK) || any(0, n, DONE)) {
            std::fprintf(stderr, "threads wait for others that never come\n");
            std::exit(1);
        }
        for (unsigned i = n; i-- > 0;) resume(i);
    }
}

// Runs a kernel, already bound to its arguments, on all blocks.
static void launch(Index grid, Index block, unsigned shared_bytes, std::function<void()> kernel) {
    gridDim = grid;
    blockDim = block;
    body = std::move(kernel);
    for (blockIdx.y = 0; blockIdx.y < grid.y; blockIdx.y++) {
        for (blockIdx.x = 0; blockIdx.x < grid.x; blockIdx.x++) run_block(shared_bytes / sizeof(float));
    }
}

}  // namespace emulator

static void __syncthreads() { emulator::meet(emulator::AT_BLOCK); }

static float __shfl_xor_sync(unsigned, float value, int distance) {
    unsigned me = emulator::current;
    emulator::fibers[me].offered = value;
    emulator::meet(emulator::AT_WARP);
    float other = emulator::fibers[me ^ (unsigned)distance].offered;
    // Nobody may offer anew before all have read.
    emulator::meet(emulator::AT_WARP);
    return other;
}
