// The context in which nodes are read into the model: where we are, and whom to tell what is wrong. A reader
// that finds a mistake tells it and leaves its target as it was, so that the rest is read too.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/findings.hpp"
#include "config/node.hpp"

namespace dpsup::config {

class Reading {
public:
    explicit Reading(Findings& findings) : findings_(findings) {}

    // While it lives, messages are about `key` of what was being read: "service.db" becomes
    // "service.db.restart".
    class Inside {
    public:
        Inside(Reading& reading, std::string_view key) : reading_(reading) { reading_.path_.push_back(key); }
        ~Inside() { reading_.path_.pop_back(); }
        Inside(const Inside&) = delete;
        Inside& operator=(const Inside&) = delete;

    private:
        Reading& reading_;
    };

    // "service.db.restart"
    [[nodiscard]] std::string path() const;

    // "service.db.restart: " and the message. Nothing about a node whose mistake was told already.
    void error(const Node& node, const std::string& message, std::string hint = {}) {
        if (!node.told) error(node.position, message, std::move(hint));
    }
    void error(Position position, const std::string& message, std::string hint = {});
    void warning(const Node& node, const std::string& message, std::string hint = {});

    // "expected a duration such as "10s", found the integer 10"
    void expected(const Node& node, std::string_view what, std::string hint = {});
    // The same for a value that may be a secret: it is not shown.
    void expected_privately(const Node& node, std::string_view what, std::string hint = {});

    // The scalar in `node`; a string stands for a number or a boolean only where it came out of a ${VAR}.
    [[nodiscard]] static std::optional<std::int64_t> integer(const Node& node);
    [[nodiscard]] static std::optional<double> number(const Node& node);
    [[nodiscard]] static std::optional<bool> boolean(const Node& node);

    // How many errors there are so far.
    [[nodiscard]] std::size_t mistakes() const { return findings_.errors(); }
    [[nodiscard]] Findings& findings() { return findings_; }

private:
    Findings& findings_;
    std::vector<std::string_view> path_;
};

}  // namespace dpsup::config
