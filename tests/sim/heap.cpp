#include "sim/heap.hpp"

#include <cstdlib>
#include <new>

namespace {

thread_local bool metering = false;
thread_local std::size_t metered = 0;

void* allocate(std::size_t size) {
    if (metering) metered += size;
    if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) {
    return allocate(size);
}
void* operator new[](std::size_t size) {
    return allocate(size);
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete[](void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace dpsup::sim {

HeapMeter::HeapMeter() {
    metered = 0;
    metering = true;
}
HeapMeter::~HeapMeter() {
    metering = false;
}
std::size_t HeapMeter::bytes() const {
    return metered;
}

}  // namespace dpsup::sim
