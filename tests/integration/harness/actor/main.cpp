#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "actor.hpp"

namespace dpsup::actor {

Manners& manners() {
    static Manners one;
    return one;
}

void die(const std::string& message) {
    const std::string text = "actor: " + message + "\n";
    (void)!::write(STDERR_FILENO, text.data(), text.size());
    ::_exit(2);
}

std::string Script::next() {
    if (over()) die("a word is missing at the end");
    return words_[at_++];
}

long Script::number() {
    return std::strtol(next().c_str(), nullptr, 10);
}

namespace {

long long monotonic_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

// One write, so that lines of several actors do not mix.
void append(const std::string& file, const std::string& line) {
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0) die("cannot open " + file);
    (void)!::write(fd, line.data(), line.size());
    ::close(fd);
}

bool exists(const std::string& file) {
    return ::access(file.c_str(), F_OK) == 0;
}

int signals() {
    static const int fd = [] {
        sigset_t set;
        ::sigemptyset(&set);
        for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) ::sigaddset(&set, number);
        ::sigprocmask(SIG_BLOCK, &set, nullptr);
        return ::signalfd(-1, &set, SFD_CLOEXEC);
    }();
    return fd;
}

void answer_signal() {
    signalfd_siginfo info{};
    if (::read(signals(), &info, sizeof info) != sizeof info) return;
    const int number = static_cast<int>(info.ssi_signo);
    if (number == SIGHUP || number == SIGUSR1 || number == SIGUSR2) {
        if (!manners().signal_file.empty())
            append(manners().signal_file, std::string(::sigabbrev_np(number)) + "\n");
        return;
    }
    if (manners().deaf) return;
    record("term");
    if (manners().stop_takes_ms > 0) {
        manners().deaf = true;
        idle(manners().stop_takes_ms);
    }
    end(0);
}

// How long poll may sleep; pings the watchdog on the way.
int nap(long long deadline_ns) {
    if (manners().watchdog_ms > 0 && !exists(manners().watchdog_until)) notify("WATCHDOG=1");
    long long wait_ms =
        deadline_ns < 0 ? -1 : std::max(0LL, (deadline_ns - monotonic_ns() + 999'999) / 1'000'000);
    if (manners().watchdog_ms > 0 && (wait_ms < 0 || wait_ms > manners().watchdog_ms))
        wait_ms = manners().watchdog_ms;
    return static_cast<int>(wait_ms);
}

}  // namespace

void own_signals() {
    (void)signals();
}

void record(const std::string& event) {
    const Manners& own = manners();
    if (own.record_file.empty()) return;
    append(own.record_file, event + " " + own.name + " " + std::to_string(monotonic_ns()) + " " +
                                std::to_string(::getpid()) + "\n");
}

void end(int code) {
    record("stop");
    ::_exit(code);
}

void idle(long milliseconds) {
    const long long deadline = milliseconds < 0 ? -1 : monotonic_ns() + milliseconds * 1'000'000LL;
    while (deadline < 0 || monotonic_ns() < deadline) {
        std::vector<pollfd> polled{{signals(), POLLIN, 0}};
        for (const int listener : manners().listeners) polled.push_back({listener, POLLIN, 0});
        if (::poll(polled.data(), polled.size(), nap(deadline)) <= 0) continue;
        if (polled[0].revents != 0) answer_signal();
        for (std::size_t i = 1; i < polled.size(); ++i)
            if (polled[i].revents != 0) answer_one(polled[i].fd);
    }
}

namespace {

// A descendant that does nothing until it is killed, or until SIGTERM where it is not deaf.
[[noreturn]] void loiter(bool deaf) {
    std::signal(SIGTERM, deaf ? SIG_IGN : SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    while (true) ::pause();
}

void have_children(long count, bool deaf) {
    for (long i = 0; i < count; ++i)
        if (::fork() == 0) loiter(deaf);
}

// Away from us by all that POSIX offers: another session, another process group, and init for a parent.
void leave_orphan(bool deaf) {
    if (::fork() != 0) return;
    ::setsid();
    if (::fork() == 0) loiter(deaf);
    ::_exit(0);
}

void take_lock(const std::string& file) {
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT, 0666);  // no O_CLOEXEC: descendants hold it too
    if (fd >= 0 && ::flock(fd, LOCK_EX | LOCK_NB) == 0) return;
    append(file + ".double", std::to_string(::getpid()) + "\n");
    ::_exit(99);
}

void flood(long bytes) {
    std::string block;
    while (block.size() < 8192) block += "the quick brown fox jumps over the lazy dog, once more\n";
    for (long written = 0; bytes < 0 || written < bytes; written += static_cast<long>(block.size()))
        if (::write(STDOUT_FILENO, block.data(), block.size()) < 0) return;
}

// The rest of the script is taken by a child, which is then the main process (sd_notify MAINPID).
void hand_over() {
    const pid_t child = ::fork();
    if (child == 0) return;
    notify("MAINPID=" + std::to_string(child));
    idle(-1);
}

void wait_for(const std::string& file) {
    while (!exists(file)) idle(2);
}

void keep(Manners& own, Script& script, const std::string& step) {
    if (step == "record") {
        own.record_file = script.next();
        own.name = script.next();
        record("start");
    } else if (step == "stop-takes") {
        own.stop_takes_ms = script.number();
    } else if (step == "note-signals") {
        own.signal_file = script.next();
    } else if (step == "pet-watchdog") {
        own.watchdog_ms = static_cast<int>(script.number());
        own.watchdog_until = script.next();
    } else if (step == "serve") {
        listen_at(script.next());
        own.serve_mode = script.next();
    } else if (step == "serve-passed") {
        listen_at_passed();
        own.serve_mode = script.next();
    } else {
        die("unknown step " + step);
    }
}

void say(const std::string& text) {
    const std::string line = text + "\n";
    (void)!::write(STDOUT_FILENO, line.data(), line.size());
}

void take(Script& script) {
    const std::string step = script.next();
    if (step == "exit") end(static_cast<int>(script.number()));
    if (step == "die-of")
        ::raise(static_cast<int>(script.number()));
    else if (step == "sleep")
        idle(script.number());
    else if (step == "wait-for")
        wait_for(script.next());
    else if (step == "note")
        record(script.next());
    else if (step == "lock")
        take_lock(script.next());
    else if (step == "ignore-term")
        manners().deaf = true;
    else if (step == "children")
        have_children(script.number(), false);
    else if (step == "deaf-children")
        have_children(script.number(), true);
    else if (step == "orphan")
        leave_orphan(false);
    else if (step == "deaf-orphan")
        leave_orphan(true);
    else if (step == "say")
        say(script.next());
    else if (step == "flood")
        flood(script.number());
    else if (step == "notify")
        notify(script.next());
    else if (step == "hand-over")
        hand_over();
    else if (step == "describe")
        describe_self(script.next());
    else
        keep(manners(), script, step);
}

}  // namespace
}  // namespace dpsup::actor

int main(int argc, char** argv) {
    dpsup::actor::Script script(argc - 1, argv + 1);
    dpsup::actor::own_signals();
    while (!script.over()) dpsup::actor::take(script);
    dpsup::actor::idle(-1);
}
