// Reads descriptions of launches from one file, runs them through the emulator, writes their outputs to another.
//
// A launch is a line `kernel grid.x grid.y block.x block.y shared n_out n_arguments n_inputs`, then the arguments, 8 bytes
// each, then for each input its length in 8 bytes and its numbers as f32.

#include "emulator.h"

#include <cstdint>
#include <cstring>
#include <fstream>
#include <map>
#include <string>

#include "kernels/edges.cu"
#include "kernels/optimizer.cu"
#include "kernels/rows.cu"
#include "kernels/steps.cu"

struct Launch {
    Index grid, block;
    unsigned shared;
    std::vector<uint64_t> arguments;
    std::vector<std::vector<float>> inputs;
    std::vector<float> out;
};

// The next value of a signature: inputs first, the output where a plain float* stands, then plain arguments.
struct Values {
    Launch& launch;
    size_t input = 0, argument = 0;
    void get(const float*& value) { value = launch.inputs.at(input++).data(); }
    void get(float*& value) { value = launch.out.data(); }
    void get(unsigned long long& value) { value = launch.arguments.at(argument++); }
    void get(unsigned& value) { value = (unsigned)launch.arguments.at(argument++); }
    void get(float& value) {
        uint32_t bits = (uint32_t)launch.arguments.at(argument++);
        std::memcpy(&value, &bits, 4);
    }
};

template <typename... T>
static void call(void (*kernel)(T...), Launch& launch) {
    Values values{launch};
    std::tuple<T...> arguments;
    std::apply([&](auto&... one) { (values.get(one), ...); }, arguments);
    if (values.input != launch.inputs.size() || values.argument != launch.arguments.size()) {
        std::fprintf(stderr, "the launch has other arguments than the kernel\n");
        std::exit(1);
    }
    emulator::launch(launch.grid, launch.block, launch.shared, [=] { std::apply(kernel, arguments); });
}

int main(int, char** argv) {
    std::map<std::string, std::function<void(Launch&)>> kernels;
#define KERNEL(name) kernels[#name] = [](Launch& launch) { call(name, launch); }
    KERNEL(norm_silu);
    KERNEL(norm_silu_grad);
    KERNEL(bias_silu);
    KERNEL(bias_silu_grad);
    KERNEL(add_bias);
    KERNEL(sum_rows);
    KERNEL(sum_axis);
    KERNEL(repeat_axis);
    KERNEL(unit_norm);
    KERNEL(unit_norm_grad);
    KERNEL(absolute);
    KERNEL(absolute_grad);
    KERNEL(dropout);
    KERNEL(add_squares);
    KERNEL(adamw);
    KERNEL(norm_silu_of_sum);
    KERNEL(norm_silu_of_sum_grad);
    KERNEL(add_up);
    KERNEL(mul_biased);
    KERNEL(mul_biased_grad);
    KERNEL(mul_nodes);
    KERNEL(sum_product);
    KERNEL(sum_product_grad);
    KERNEL(kept);
    std::ifstream from(argv[1], std::ios::binary);
    std::ofstream to(argv[2], std::ios::binary);
    std::string name;
    while (from >> name) {
        Launch launch;
        size_t n_out, n_arguments, n_inputs;
        from >> launch.grid.x >> launch.grid.y >> launch.block.x >> launch.block.y >> launch.shared >> n_out >>
            n_arguments >> n_inputs;
        from.get();
        launch.arguments.resize(n_arguments);
        from.read((char*)launch.arguments.data(), 8 * n_arguments);
        for (size_t i = 0; i < n_inputs; i++) {
            uint64_t length;
            from.read((char*)&length, 8);
            launch.inputs.emplace_back(length);
            from.read((char*)launch.inputs.back().data(), 4 * length);
        }
        // A device's fresh memory holds anything.
        launch.out.assign(n_out, NAN);
        kernels.at(name)(launch);
        to.write((char*)launch.out.data(), 4 * n_out);
    }
}
