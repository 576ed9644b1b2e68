// What one sd_notify datagram says.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/supervise/event.hpp"

namespace dpsup::io {

struct NotifyMessage {
    core::Notified fact;
    std::optional<std::string> status;  // STATUS=: valid UTF-8 without control characters, cut to 256 bytes
    [[nodiscard]] bool says_something() const {
        return fact.ready || fact.reloading || fact.stopping || fact.watchdog || fact.extend_timeout ||
               fact.main_pid;
    }
};

// Lines that are not known, or hold no number where one belongs, are passed over, as sd_notify's readers do.
[[nodiscard]] NotifyMessage parse_notify(std::string_view text);

// Valid UTF-8 of at most `bytes_max`, cut between characters; what is no text becomes U+FFFD or a blank.
[[nodiscard]] std::string clean_text(std::string_view text, std::size_t bytes_max);

}  // namespace dpsup::io
