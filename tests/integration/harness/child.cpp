#include "child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <utility>

#include "files.hpp"

namespace dpsup::test {
namespace {

constexpr int exec_failed = 127;

void redirect(int fd, const std::string& path) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file < 0 || ::dup2(file, fd) < 0) ::_exit(exec_failed);
}

[[noreturn]] void become(const Spawn& spawn) {
    if (spawn.dies_with_us) ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    const int empty = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::dup2(empty, STDIN_FILENO);
    redirect(STDOUT_FILENO, spawn.out);
    redirect(STDERR_FILENO, spawn.err);
    for (const auto& [name, value] : spawn.environment) ::setenv(name.c_str(), value.c_str(), 1);
    // Nothing of the outside that the daemon would act on: who supervises the tests is not its supervisor.
    for (const char* name : {"NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "INVOCATION_ID", "JOURNAL_STREAM"})
        if (!spawn.environment.contains(name)) ::unsetenv(name);
    if (spawn.before_exec && !spawn.before_exec()) ::_exit(exec_failed);
    std::vector<char*> words;
    for (const std::string& word : spawn.command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    ::execvp(words[0], words.data());
    ::_exit(exec_failed);
}

// A file without a name, and its path for our own children.
class Capture {
public:
    Capture() : fd_(::memfd_create("captured", 0)) {}
    ~Capture() { ::close(fd_); }
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;
    [[nodiscard]] std::string path() const {
        return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd_);
    }
    [[nodiscard]] std::string text() const { return read_file(path()); }

private:
    int fd_;
};

}  // namespace

Child::Child(const Spawn& spawn) {
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("fork failed");
    if (pid_ == 0) become(spawn);
    pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
    if (pidfd_ < 0) throw std::runtime_error("pidfd_open failed");
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), pidfd_(std::exchange(other.pidfd_, -1)), end_(other.end_) {}

Child::~Child() {
    if (pidfd_ < 0) return;
    if (running()) {
        signal(SIGKILL);
        (void)wait();
    }
    ::close(pidfd_);
}

void Child::signal(int number) const {
    if (!end_) ::kill(pid_, number);
}

std::optional<End> Child::wait(Clock::duration limit) {
    if (end_) return end_;
    pollfd readable{.fd = pidfd_, .events = POLLIN, .revents = 0};
    const auto deadline = Clock::now() + limit;
    while (::poll(&readable, 1, left_ms(deadline)) <= 0)
        if (Clock::now() >= deadline) return std::nullopt;
    int status = 0;
    if (::waitpid(pid_, &status, 0) != pid_) return std::nullopt;
    end_ = WIFEXITED(status) ? End{.code = WEXITSTATUS(status), .signal = 0}
                             : End{.code = -1, .signal = WTERMSIG(status)};
    return end_;
}

Finished run(Spawn spawn, Clock::duration limit) {
    const Capture out;
    const Capture err;
    spawn.out = out.path();
    spawn.err = err.path();
    Finished finished;
    {
        Child child(spawn);
        const auto end = child.wait(limit);
        finished.timed_out = !end;
        if (end) finished.end = *end;
    }
    finished.out = out.text();
    finished.err = err.text();
    return finished;
}

bool runs(pid_t pid) {
    const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
    const auto end = stat.rfind(')');
    return end != std::string::npos && stat.size() > end + 2 && stat[end + 2] != 'Z';
}

}  // namespace dpsup::test
