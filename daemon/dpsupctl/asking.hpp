// What most commands have in common: ask, and show either the reply or the error.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "dpsupctl/client.hpp"
#include "dpsupctl/commands.hpp"

namespace dpsup::ctl {

// How long the daemon may take where it does not wait for services.
inline constexpr Duration patience = std::chrono::seconds(30);

struct Question {
    std::string_view method = "GET";
    std::string target;
    std::string body = {};
    std::optional<Duration> patience = ctl::patience;
};

// The body of a good reply; an error otherwise.
[[nodiscard]] Result<std::string> ask(const Options& options, const Question& question);

// Asks, and prints the reply: with --json exactly the daemon's bytes, errors included, otherwise what
// `render` makes.
[[nodiscard]] Exit ask_and_print(const Options& options, const Question& question,
                                 const std::function<Result<std::string>(const std::string& body)>& render);

// Prints `text`; reports where that fails.
[[nodiscard]] Exit print_or_report(std::string_view text);

// A name as a part of a target.
[[nodiscard]] std::string escaped(std::string_view name);

}  // namespace dpsup::ctl
