// Collects what differs between two configurations of one thing, and what the differences cost.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dpsup::config {

// What it takes to bring a changed key into effect, from least to most.
enum class ChangeClass : std::uint8_t {
    live,     // holds at once; what runs goes on
    reload,   // what runs is told to reload; where it cannot, it is restarted
    restart,  // what runs is replaced
};

[[nodiscard]] std::string_view to_string(ChangeClass change);

class Comparison {
public:
    // While it lives, causes are about keys below `key`: "timeout" becomes "healthcheck.timeout".
    class Inside {
    public:
        Inside(Comparison& comparison, std::string_view key)
            : comparison_(comparison), size_(comparison.prefix_.size()) {
            comparison_.prefix_ += std::string(key) + ".";
        }
        ~Inside() { comparison_.prefix_.resize(size_); }
        Inside(const Inside&) = delete;
        Inside& operator=(const Inside&) = delete;

    private:
        Comparison& comparison_;
        std::size_t size_;
    };

    // "command changed: ["a"] -> ["b"]", shortened. An empty value stands for none.
    void changed(std::string_view key, std::string_view before, std::string_view after, ChangeClass change);
    // "environment.PASSWORD changed": for what must not be shown.
    void add(std::string_view key, std::string_view what, ChangeClass change);

    [[nodiscard]] const std::vector<std::string>& causes() const { return causes_; }
    [[nodiscard]] bool empty() const { return causes_.empty(); }
    // The most that any of the differences costs.
    [[nodiscard]] ChangeClass cost() const { return cost_; }

private:
    std::string prefix_;
    std::vector<std::string> causes_;
    ChangeClass cost_ = ChangeClass::live;
};

}  // namespace dpsup::config
