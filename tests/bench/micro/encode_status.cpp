// Times the daemon's share of `GET /v1/status`: from the backend's values to JSON text. One JSON line.
// Usage: encode_status [SERVICES]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "control/encode.hpp"
#include "support/fake_backend.hpp"

int main(int argc, char** argv) {
    const std::size_t services = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 500;
    dpsup::test::FakeBackend backend;
    dpsup::test::populate(backend, services);
    std::vector<double> times;
    std::size_t size = 0;
    for (int i = 0; i < 200; ++i) {
        const auto began = std::chrono::steady_clock::now();
        size = dpsup::control::encode(backend.status()).size();
        times.push_back(
            std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count());
    }
    std::sort(times.begin(), times.end());
    std::printf(
        "{\"what\": \"encode status\", \"services\": %zu, \"bytes\": %zu, \"median_ms\": %.3f, \"min_ms\": "
        "%.3f}\n",
        services, size, times[times.size() / 2], times.front());
}
