// Strong identifiers: a ServiceId cannot be passed where a Generation is wanted.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace dpsup {

template <class Tag, class Value>
struct Id {
    Value value{};
    constexpr auto operator<=>(const Id&) const = default;
};

// Names one service for the life of the daemon; never reused after the service is removed.
using ServiceId = Id<struct ServiceIdTag, std::uint32_t>;

// Counts the instances of one service. Every effect carries it; an answer to an older one is dropped.
using Generation = Id<struct GenerationTag, std::uint64_t>;

}  // namespace dpsup

template <class Tag, class Value>
struct std::hash<dpsup::Id<Tag, Value>> {
    std::size_t operator()(const dpsup::Id<Tag, Value>& id) const noexcept {
        return std::hash<Value>{}(id.value);
    }
};
