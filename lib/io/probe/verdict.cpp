#include "io/probe/verdict.hpp"

#include <cctype>
#include <cerrno>
#include <cstring>

#include "base/text.hpp"

namespace dpsup::io {

Verdict passed(std::string detail) {
    return {core::ProbeOutcome::passed, std::move(detail)};
}
Verdict failed(std::string detail) {
    return {core::ProbeOutcome::failed, std::move(detail)};
}
Verdict unknown(std::string detail) {
    return {core::ProbeOutcome::unknown, std::move(detail)};
}

std::string errno_text(int error_number) {
    std::string text = std::strerror(error_number);
    if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])) != 0)
        text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
    return text;
}

bool is_local_shortage(int error_number) {
    switch (error_number) {
        case EMFILE:
        case ENFILE:
        case ENOMEM:
        case ENOBUFS:
        case EADDRNOTAVAIL:  // all local ports are in use
        case EPERM:          // a local firewall rule
        case EACCES:         // the daemon may not: says nothing about the server
            return true;
        default:
            return false;
    }
}

Verdict verdict_of_errno(int error_number) {
    if (is_local_shortage(error_number)) return unknown("cannot probe: " + errno_text(error_number));
    if (error_number == EAGAIN) return failed("its accept queue is full");  // only Unix sockets say so
    return failed(errno_text(error_number));
}

std::string excerpt(std::string_view text) {
    constexpr std::size_t length_max = 60;
    if (text.size() <= length_max) return quoted(text);
    const auto within_character = [](char byte) {
        return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
    };
    std::size_t length = length_max;
    while (length > length_max - 4 && within_character(text[length])) --length;
    return quoted(text.substr(0, length)) + "...";
}

}  // namespace dpsup::io
