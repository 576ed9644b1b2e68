#include "dpsupctl/output.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace dpsup::ctl {
namespace {

struct CodeExit {
    std::string_view code;
    Exit exit;
};

constexpr std::array codes{
    CodeExit{"usage", Exit::usage},
    CodeExit{"invalid_request", Exit::usage},
    CodeExit{"unknown_field", Exit::usage},
    CodeExit{"not_running", Exit::unreachable},
    CodeExit{"no_answer", Exit::unreachable},
    CodeExit{"shutting_down", Exit::unreachable},
    CodeExit{"forbidden", Exit::not_allowed},
    CodeExit{"not_allowed", Exit::not_allowed},
    CodeExit{"reexecuting", Exit::unreachable},
};

Result<void> write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const auto written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && errno == EPIPE) return fail("reader_gone", "the reader has gone");
        if (written < 0)
            return fail("write_failed", std::string("cannot write the output: ") + std::strerror(errno));
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

}  // namespace

Result<void> print(std::string_view text) {
    return write_all(STDOUT_FILENO, text);
}

Exit exit_of(const Error& error) {
    if (error.code == "reader_gone") return Exit::done;
    for (const CodeExit& known : codes)
        if (known.code == error.code) return known.exit;
    return Exit::failed;
}

Exit report(const Error& error, bool json) {
    if (error.code == "reader_gone") return Exit::done;
    if (json && error.code != "write_failed") {
        const boost::json::object body{
            {"code", error.code}, {"message", error.message}, {"hint", error.hint}};
        const auto printed = print(boost::json::serialize(boost::json::object{{"error", body}}) + "\n");
        return printed ? exit_of(error) : report(printed.error(), false);
    }
    std::string text = "dpsupctl: " + error.message + "\n";
    if (!error.hint.empty()) text += "  " + error.hint + "\n";
    (void)write_all(STDERR_FILENO, text);  // nobody is left to be told of its failure
    return exit_of(error);
}

Terminal terminal() {
    if (::isatty(STDOUT_FILENO) == 0) return {};
    Terminal found{80, 24, false};
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        found.width = size.ws_col;
        found.height = size.ws_row;
    }
    const char* no_colour = std::getenv("NO_COLOR");
    const char* kind = std::getenv("TERM");
    found.colour =
        (no_colour == nullptr || *no_colour == '\0') && kind != nullptr && std::strcmp(kind, "dumb") != 0;
    return found;
}

}  // namespace dpsup::ctl
