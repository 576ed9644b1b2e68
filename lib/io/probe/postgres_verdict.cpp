#include "io/probe/postgres_verdict.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>

namespace dpsup::io {
namespace {

bool busy_with_itself(std::string_view sqlstate) {
    return sqlstate == "57P01" || sqlstate == "57P02" || sqlstate == "57P03" || sqlstate == "53300";
}

bool is_sqlstate(std::string_view text) {
    return text.size() == 5 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
               return std::isdigit(c) != 0 || (c >= 'A' && c <= 'Z');
           });
}

std::string_view first_line(std::string_view text) {
    return text.substr(0, text.find('\n'));
}

// What libpq could not do for a reason on this side.
bool is_own_shortage(std::string_view text) {
    for (const int number : {EMFILE, ENFILE, ENOMEM, ENOBUFS, EADDRNOTAVAIL, EACCES, EPERM})
        if (text.ends_with(std::strerror(number))) return true;
    return text.starts_with("out of memory");
}

// libpq puts the reason of one host behind "connection to server ... failed: ".
std::string_view without_preamble(std::string_view line) {
    constexpr std::string_view failed = " failed: ";
    const auto at = line.starts_with("connection to ") ? line.find(failed) : std::string_view::npos;
    return at == std::string_view::npos ? line : line.substr(at + failed.size());
}

std::string as_clause(std::string_view text) {
    std::string clause(text);
    if (clause.size() > 1 && std::islower(static_cast<unsigned char>(clause[1])) != 0)
        clause[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(clause[0])));
    return clause;
}

}  // namespace

PostgresError last_error_of(std::string_view message) {
    PostgresError error;
    while (!message.empty()) {
        const auto line = first_line(message);
        message.remove_prefix(std::min(line.size() + 1, message.size()));
        const bool new_error = line.starts_with("connection to ") || error.text.empty();
        if (!new_error) continue;
        const auto reason = without_preamble(line);
        error = {"", as_clause(reason)};
        const auto severity_end =
            reason.find(":  ");  // "FATAL:  57P03: text"; the word depends on lc_messages
        if (severity_end == std::string_view::npos) continue;
        const auto rest = reason.substr(severity_end + 3);
        if (rest.size() > 7 && rest.substr(5, 2) == ": " && is_sqlstate(rest.substr(0, 5)))
            error = {std::string(rest.substr(0, 5)), std::string(rest.substr(7))};
    }
    return error;
}

Verdict verdict_of_login(std::string_view message, bool needs_password, bool has_query) {
    const auto error = last_error_of(message);
    if (busy_with_itself(error.sqlstate)) return unknown(error.text);
    if (needs_password || error.sqlstate.starts_with("28")) {
        const std::string why = needs_password ? "it asks for a password" : error.text;
        if (!has_query) return passed("accepts connections (login refused: " + why + ")");
        return unknown("the server answers, but the query cannot run: " + why +
                       "; check user and password in the probe's conninfo, and pg_hba.conf");
    }
    if (error.sqlstate == "3D000" && !has_query) return passed("accepts connections (" + error.text + ")");
    if (error.sqlstate.empty() && is_own_shortage(error.text)) return unknown("cannot probe: " + error.text);
    return failed(error.text.empty() ? "the connection failed" : error.text);
}

Verdict verdict_of_query(std::string_view sqlstate, std::string_view message) {
    const auto error = last_error_of(message);
    const std::string text = error.text.empty() ? "the connection broke" : error.text;
    if (busy_with_itself(sqlstate)) return unknown(text);
    return failed("the query failed: " + text);
}

}  // namespace dpsup::io
