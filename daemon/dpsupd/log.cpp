#include "log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/systemd_sink.h>
#include <spdlog/spdlog.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "io/log_queue.hpp"

namespace dpsup {
namespace {

constexpr const char* decision_message_id = "MESSAGE_ID=8f0e2b6f4c5d4b6f9a1f6a3f1d7c2e90";

// Some thousand messages, which a start of a thousand services may well make in a moment.
constexpr std::size_t queue_max = std::size_t{1024} * 1024;

constexpr Duration close_patience = std::chrono::seconds(1);
constexpr Duration flush_patience = std::chrono::milliseconds(200);

bool to_journal = false;
std::unique_ptr<io::LogQueue> queue;

spdlog::level::level_enum level_of(core::State state) {
    switch (state) {
        case core::State::failed:
            return spdlog::level::err;
        case core::State::backoff:
        case core::State::unhealthy:
        case core::State::unknown:
            return spdlog::level::warn;
        case core::State::stopped:
        case core::State::waiting:
        case core::State::starting:
        case core::State::ready:
        case core::State::stopping:
        case core::State::done:
            return spdlog::level::info;
    }
    return spdlog::level::info;
}

int syslog_priority(spdlog::level::level_enum level) {
    if (level >= spdlog::level::err) return LOG_ERR;
    return level == spdlog::level::warn ? LOG_WARNING : LOG_INFO;
}

void send_to_journal(const std::vector<std::string>& fields) {
    std::vector<iovec> parts;
    parts.reserve(fields.size());
    for (const std::string& field : fields) parts.push_back({const_cast<char*>(field.data()), field.size()});
    (void)sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));  // no log is worth stopping for
}

void queue_for_journal(spdlog::level::level_enum level, std::vector<std::string> fields) {
    if (!spdlog::should_log(level)) return;
    fields.push_back("PRIORITY=" + std::to_string(syslog_priority(level)));
    std::size_t bytes = 0;
    for (const std::string& field : fields) bytes += sizeof(std::string) + field.size();
    queue->push(bytes, [fields = std::move(fields)] { send_to_journal(fields); });
}

void write(std::chrono::system_clock::time_point at, spdlog::level::level_enum level,
           const std::string& message) {
    spdlog::default_logger_raw()->log(at, spdlog::source_loc{}, level, message);
}

void log(spdlog::level::level_enum level, std::string message) {
    if (!spdlog::should_log(level)) return;
    const std::size_t bytes = message.size();
    queue->push(bytes, [at = std::chrono::system_clock::now(), level, message = std::move(message)] {
        write(at, level, message);
    });
}

void tell_dropped(std::size_t count) {
    write(std::chrono::system_clock::now(), spdlog::level::warn,
          std::to_string(count) + " messages were dropped: the log did not take them in time");
}

void log_of_service(spdlog::level::level_enum level, const std::string& service, const std::string& message) {
    if (to_journal)
        queue_for_journal(level, {"MESSAGE=" + service + ": " + message, "SYSLOG_IDENTIFIER=dpsupd",
                                  "DPSUP_SERVICE=" + service});
    else
        log(level, service + ": " + message);
}

}  // namespace

void set_up_log(LogTarget target, const std::string& level) {
    to_journal = target == LogTarget::journal;
    std::shared_ptr<spdlog::logger> logger;
    if (to_journal)
        logger =
            std::make_shared<spdlog::logger>("dpsupd", std::make_shared<spdlog::sinks::systemd_sink_st>());
    else
        logger =
            std::make_shared<spdlog::logger>("dpsupd", std::make_shared<spdlog::sinks::stderr_sink_st>());
    if (!to_journal) logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %-7l %v");
    spdlog::set_default_logger(std::move(logger));
    set_log_level(level);
    queue = std::make_unique<io::LogQueue>(queue_max, tell_dropped);
}

void flush_log() {
    (void)queue->flush(flush_patience);
}

bool close_log() {
    return queue->close(close_patience);
}

void set_log_level(const std::string& level) {
    spdlog::set_level(spdlog::level::from_str(level));
}

void log_info(const std::string& message) {
    log(spdlog::level::info, message);
}
void log_warning(const std::string& message) {
    log(spdlog::level::warn, message);
}
void log_error(const std::string& message) {
    log(spdlog::level::err, message);
}

void log_error(const Error& error) {
    log_error(error.hint.empty() ? error.message : error.message + " (" + error.hint + ")");
}

void log_service_warning(const std::string& service, const std::string& message) {
    if (service.empty())
        log_warning(message);
    else
        log_of_service(spdlog::level::warn, service, message);
}

void log_decision(const control::Decision& decision) {
    const spdlog::level::level_enum level = level_of(decision.to);
    const std::string action(to_string(decision.to));
    if (!to_journal) {
        log(level, decision.service + ": " + action + ": " + decision.reason);
        return;
    }
    queue_for_journal(
        level, {"MESSAGE=" + decision.service + ": " + action + ": " + decision.reason,
                "SYSLOG_IDENTIFIER=dpsupd", "DPSUP_SERVICE=" + decision.service, "DPSUP_ACTION=" + action,
                "DPSUP_REASON=" + decision.reason, decision_message_id});
}

}  // namespace dpsup
