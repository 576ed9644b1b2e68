#include "sim/program.hpp"

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace dpsup::sim {
namespace {

std::uint64_t seeds_by_size(const Program& program) {
    const char* size = std::getenv("DPSUP_TEST_SIZE");
    const std::string_view word = size ? size : "default";
    return word == "quick" ? program.seeds_quick : word == "full" ? program.seeds_full : program.seeds;
}

struct Arguments {
    std::uint64_t seeds = 0;
    std::uint64_t start = 1;
    std::uint64_t threads = std::max(1U, std::thread::hardware_concurrency());
    Options options;
    bool trace = false;
};

struct Total {
    std::uint64_t runs = 0;
    std::uint64_t events = 0;
    std::uint64_t achieved = 0;
    std::uint64_t refused = 0;
    double seconds = 0;
};

int usage(const char* name) {
    std::fprintf(
        stderr,
        "%s: that is no argument of mine, or its number is missing\nusage: %s [--seeds N] [--start S] "
        "[--services M] [--minutes V] [--threads T] [--trace]\n",
        name, name);
    return 2;
}

bool read_number(const char* text, std::uint64_t& into) {
    const auto* end = text + std::strlen(text);
    const auto read = std::from_chars(text, end, into);
    return read.ec == std::errc() && read.ptr == end;
}

std::optional<Arguments> read(const Program& program, int count, char** words) {
    Arguments arguments;
    arguments.seeds = seeds_by_size(program);
    arguments.options = program.options;
    for (int i = 1; i < count; ++i) {
        const std::string word = words[i];
        if (word == "--trace") {
            arguments.trace = true;
            continue;
        }
        std::uint64_t number = 0;
        if (i + 1 >= count || !read_number(words[++i], number)) return std::nullopt;
        if (word == "--seeds")
            arguments.seeds = number;
        else if (word == "--start")
            arguments.start = number;
        else if (word == "--services")
            arguments.options.services = number;
        else if (word == "--threads")
            arguments.threads = std::max<std::uint64_t>(number, 1);
        else if (word == "--minutes")
            arguments.options.wild = std::chrono::minutes(number);
        else
            return std::nullopt;
    }
    return arguments;
}

// The lowest seed that breaks a promise, whatever the order in which the threads come to it.
std::optional<std::uint64_t> search(const Program& program, const Arguments& arguments, Total& total) {
    std::atomic<std::uint64_t> next = arguments.start;
    std::atomic<std::uint64_t> broken = UINT64_MAX;
    std::mutex lock;
    const auto work = [&] {
        for (auto seed = next++; seed < arguments.start + arguments.seeds && seed < broken; seed = next++) {
            const auto outcome = program.run(seed, arguments.options);
            const std::scoped_lock held(lock);
            ++total.runs;
            total.events += outcome.events;
            total.achieved += outcome.achieved;
            total.refused += outcome.refused;
            total.seconds += std::chrono::duration<double>(outcome.simulated).count();
            if (!outcome.promise.empty() && seed < broken) broken = seed;
        }
    };
    std::vector<std::jthread> threads;
    for (std::uint64_t i = 0; i < arguments.threads; ++i) threads.emplace_back(work);
    threads.clear();
    if (broken == UINT64_MAX) return std::nullopt;
    return broken;
}

// The same life again, now with its trace.
int replay(const Program& program, std::uint64_t seed, Arguments arguments) {
    arguments.options.keep_trace = true;
    if (arguments.trace) arguments.options.on_line = [](const std::string& line) { std::puts(line.c_str()); };
    const auto outcome = program.run(seed, arguments.options);
    if (outcome.promise.empty()) return 0;
    if (!arguments.trace) {
        std::printf("the last %zu events:\n", outcome.trace.size());
        for (const auto& line : outcome.trace) std::printf("  %s\n", line.c_str());
    }
    std::printf("seed %llu broke the promise \"%s\": %s\n", static_cast<unsigned long long>(seed),
                outcome.promise.c_str(), outcome.how.c_str());
    return 1;
}

}  // namespace

int run_program(const Program& program, int count, char** words) {
    const auto arguments = read(program, count, words);
    if (!arguments) return usage(program.name);
    if (arguments->trace && arguments->seeds == 1) return replay(program, arguments->start, *arguments);
    const auto begun = std::chrono::steady_clock::now();
    Total total;
    const auto broken = search(program, *arguments, total);
    const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    std::printf(
        "%llu lives from seed %llu: %.0f virtual hours, %llu events, %llu %s, %llu commands refused, "
        "in %.1f s\n",
        static_cast<unsigned long long>(total.runs), static_cast<unsigned long long>(arguments->start),
        total.seconds / 3600, static_cast<unsigned long long>(total.events),
        static_cast<unsigned long long>(total.achieved), program.achieved,
        static_cast<unsigned long long>(total.refused), took);
    return broken ? replay(program, *broken, *arguments) : 0;
}

}  // namespace dpsup::sim
