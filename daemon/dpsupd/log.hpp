// The daemon's log: the journal with structured fields where systemd runs dpsupd, else stderr. Logging never waits for
// either: messages are queued for a thread that writes them, and dropped, and counted, where it cannot keep up.
#pragma once

#include <string>

#include "base/result.hpp"
#include "control/backend.hpp"

namespace dpsup {

enum class LogTarget : std::uint8_t { journal, standard_error };

// `level`: trace, debug, info, warning or error.
void set_up_log(LogTarget target, const std::string& level);

// Writes what is queued, where the log takes it in a moment.
void flush_log();

// Writes what is queued. False: the log did not take it in time, and its thread hangs; end with _exit.
[[nodiscard]] bool close_log();

void set_log_level(const std::string& level);

void log_info(const std::string& message);
void log_warning(const std::string& message);
void log_error(const std::string& message);
void log_error(const Error& error);

// About one service; the journal's entry carries DPSUP_SERVICE=.
void log_service_warning(const std::string& service, const std::string& message);

// A decision; the journal's entry carries DPSUP_SERVICE=, DPSUP_ACTION= (the state entered), DPSUP_REASON=
// and a MESSAGE_ID= of its own.
void log_decision(const control::Decision& decision);

}  // namespace dpsup
