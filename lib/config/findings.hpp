// Collects what is found wrong while a configuration is loaded, so that people see all of it at once.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "config/diagnostic.hpp"
#include "config/node.hpp"

namespace dpsup::config {

class Findings {
public:
    // Makes a file known; the result goes into the Positions of its nodes.
    [[nodiscard]] std::uint32_t add_file(std::string name);

    void error(Position position, std::string message, std::string hint = {});
    void warning(Position position, std::string message, std::string hint = {});

    [[nodiscard]] std::size_t errors() const { return errors_; }
    // No further error will be kept: not worth the search for a hint.
    [[nodiscard]] bool full() const { return errors_ >= kept_max; }
    [[nodiscard]] Place place(Position position) const;
    // "dpsup.toml:12:3", for a message that names a second place.
    [[nodiscard]] std::string place_text(Position position) const;

    // All findings, by file, line and column; then nothing is left. At most a few hundred are kept, and a
    // last one says how many more there were.
    [[nodiscard]] std::vector<Diagnostic> take();

private:
    static constexpr std::size_t kept_max = 300;  // of each severity; nobody reads more

    struct Finding {
        Position position;
        Severity severity;
        std::string message;
        std::string hint;
        std::size_t number = 0;  // keeps those of one place in the order in which they were found
    };

    void add(Finding finding);

    std::vector<std::string> files_;
    std::vector<Finding> findings_;
    std::size_t errors_ = 0;
    std::size_t left_out_ = 0;
};

}  // namespace dpsup::config
