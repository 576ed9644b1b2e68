#include "dpsupctl/journal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

namespace dpsup::ctl {
namespace {

std::vector<std::string> arguments_of(const JournalQuestion& question) {
    std::vector<std::string> words{"journalctl", "--no-pager", "--quiet", "-n",
                                   std::to_string(question.lines)};
    if (question.follow) words.emplace_back("-f");
    if (question.json) words.insert(words.end(), {"-o", "json"});
    for (const auto& identifier : question.identifiers) words.insert(words.end(), {"-t", identifier});
    if (!question.unit.empty()) words.push_back("_SYSTEMD_UNIT=" + question.unit);
    return words;
}

// Only what may be done between fork and exec.
[[noreturn]] void exec_or_end(const std::vector<char*>& words) {
    ::signal(SIGPIPE, SIG_DFL);
    ::execvp(words.front(), words.data());
    ::_exit(127);
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
    std::vector<char*> pointers;
    for (auto& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    return pointers;
}

// What comes out of `fd` until its end, for two seconds at most.
std::string read_soon(int fd) {
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + std::chrono::seconds(2);
    std::string text;
    std::array<char, 4096> buffer{};
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
        pollfd waiting{fd, POLLIN, 0};
        if (left <= 0 || ::poll(&waiting, 1, static_cast<int>(left)) <= 0) return text;
        const auto got = ::read(fd, buffer.data(), buffer.size());
        if (got <= 0) return text;
        text.append(buffer.data(), static_cast<std::size_t>(got));
    }
}

std::vector<std::string> lines_in(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t start = 0; start < text.size();) {
        const auto end = std::min(text.find('\n', start), text.size());
        lines.push_back(text.substr(start, end - start));
        start = end + 1;
    }
    return lines;
}

}  // namespace

Error become_journalctl(const JournalQuestion& question) {
    auto words = arguments_of(question);
    const auto pointers = pointers_to(words);
    ::signal(SIGPIPE, SIG_DFL);
    ::execvp(pointers.front(), pointers.data());
    return {"log_unreadable", std::string("cannot run journalctl: ") + std::strerror(errno),
            "the output of these services is in the systemd journal"};
}

Result<pid_t> start_journalctl(const JournalQuestion& question) {
    auto words = arguments_of(question);
    const auto pointers = pointers_to(words);
    const pid_t child = ::fork();
    if (child < 0)
        return fail("log_unreadable", std::string("cannot start journalctl: ") + std::strerror(errno));
    if (child == 0) exec_or_end(pointers);
    return child;
}

std::vector<std::string> last_journal_lines(const std::string& identifier, const std::string& unit,
                                            std::size_t most) {
    auto words = arguments_of({.identifiers = {identifier}, .unit = unit, .lines = most});
    words.insert(words.end(), {"-o", "cat"});
    const auto pointers = pointers_to(words);
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return {};
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(pipe[1], STDOUT_FILENO);
        const int nowhere = ::open("/dev/null", O_WRONLY);
        if (nowhere >= 0) ::dup2(nowhere, STDERR_FILENO);
        exec_or_end(pointers);
    }
    ::close(pipe[1]);
    const std::string text = child < 0 ? std::string() : read_soon(pipe[0]);
    ::close(pipe[0]);
    if (child > 0) {
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
    }
    return lines_in(text);
}

}  // namespace dpsup::ctl
