// Reads descriptions of launches from one file, runs them through the emulator, writes their outputs to another.
//
// A launch is a line `kernel grid.x grid.y block.x block.y shared n_out n_arguments n_inputs n_words n_arrays`, then the
// arguments, 8 bytes each, then for each input its length in 8 bytes and its numbers as f32, then the words of a table, 8
// bytes each, then for each array which word is to be its address, in 8 bytes, its length and its numbers. Behind the
// output stand the arrays as the kernel left them.

#include "emulator.h"

#include <cstdint>
#include <cstring>
#include <fstream>
#include <map>
#include <string>

#include "kernels/edges.cu"
#include "kernels/gather.cu"
#include "kernels/nets.cu"
#include "kernels/optimizer.cu"
#include "kernels/rows.cu"
#include "kernels/steps.cu"

struct Launch {
    Index grid, block;
    unsigned shared;
    std::vector<uint64_t> arguments;
    std::vector<std::vector<float>> inputs;
    std::vector<unsigned long long> table;
    std::vector<std::vector<float>> arrays;
    std::vector<float> out;
};

static uint64_t read_word(std::ifstream& from) {
    uint64_t word;
    from.read((char*)&word, 8);
    return word;
}

static std::vector<float> read_numbers(std::ifstream& from) {
    std::vector<float> numbers(read_word(from));
    from.read((char*)numbers.data(), 4 * numbers.size());
    return numbers;
}

// The next value of a signature: the table first, then inputs, the output where a plain float* stands, then plain
// arguments. An input without numbers is a null pointer.
struct Values {
    Launch& launch;
    size_t input = 0, argument = 0;
    void get(const unsigned long long*& value) { value = launch.table.data(); }
    void get(const float*& value) {
        std::vector<float>& numbers = launch.inputs.at(input++);
        value = numbers.empty() ? nullptr : numbers.data();
    }
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
    KERNEL(bias_silu);
    KERNEL(bias_silu_grad);
    KERNEL(sum_rows);
    KERNEL(sum_axis);
    KERNEL(unit_norm);
    KERNEL(unit_norm_grad);
    KERNEL(sum_squares);
    KERNEL(add_parts);
    KERNEL(adamw);
    KERNEL(aggregate);
    KERNEL(aggregate_grad);
    KERNEL(attend);
    KERNEL(attend_grad);
    KERNEL(run_nets);
    KERNEL(run_nets_grad);
    KERNEL(run_mlps);
    KERNEL(run_mlps_grad);
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
        size_t n_out, n_arguments, n_inputs, n_words, n_arrays;
        from >> launch.grid.x >> launch.grid.y >> launch.block.x >> launch.block.y >> launch.shared >> n_out >>
            n_arguments >> n_inputs >> n_words >> n_arrays;
        from.get();
        launch.arguments.resize(n_arguments);
        from.read((char*)launch.arguments.data(), 8 * n_arguments);
        for (size_t i = 0; i < n_inputs; i++) {
            launch.inputs.push_back(read_numbers(from));
            // What is read behind an input is seen in the output.
            std::vector<float>& input = launch.inputs.back();
            if (!input.empty()) input.insert(input.end(), emulator::MARGIN, NAN);
        }
        for (size_t i = 0; i < n_words; i++) launch.table.push_back(read_word(from));
        for (size_t i = 0; i < n_arrays; i++) {
            uint64_t word = read_word(from);
            launch.arrays.push_back(read_numbers(from));
            launch.table.at(word) = (unsigned long long)launch.arrays.back().data();
        }
        // A device's fresh memory holds anything.
        launch.out.assign(n_out, NAN);
        launch.out.insert(launch.out.end(), emulator::MARGIN, emulator::UNTOUCHED);
        kernels.at(name)(launch);
        emulator::check_margin(launch.out, n_out, "the output");
        to.write((char*)launch.out.data(), 4 * n_out);
        for (auto& array : launch.arrays) to.write((char*)array.data(), 4 * array.size());
    }
}
