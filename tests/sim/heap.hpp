// Counts bytes that this thread allocates, so that the size of the core's state can be watched: a copy of it
// allocates just what it holds.
#pragma once

#include <cstddef>

namespace dpsup::sim {

// Bytes asked for by this thread between construction and bytes().
class HeapMeter {
public:
    HeapMeter();
    ~HeapMeter();
    HeapMeter(const HeapMeter&) = delete;
    HeapMeter& operator=(const HeapMeter&) = delete;
    [[nodiscard]] std::size_t bytes() const;
};

}  // namespace dpsup::sim
