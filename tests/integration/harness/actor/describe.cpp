// What a service really got: identity, limits, environment, descriptors.
#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "actor.hpp"

extern char** environ;

namespace dpsup::actor {
namespace {

std::string whole(const std::string& file) {
    std::string text;
    std::array<char, 4096> chunk{};
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    for (ssize_t size = 0; fd >= 0 && (size = ::read(fd, chunk.data(), chunk.size())) > 0;)
        text.append(chunk.data(), static_cast<std::size_t>(size));
    if (fd >= 0) ::close(fd);
    return text;
}

std::string groups() {
    std::array<gid_t, 256> all{};
    const int count = ::getgroups(all.size(), all.data());
    std::string text;
    for (int i = 0; i < count; ++i) text += " " + std::to_string(all.at(static_cast<std::size_t>(i)));
    return text;
}

// Descriptors beyond stdin, stdout and stderr that came with us.
std::string descriptors() {
    std::string text;
    DIR* directory = ::opendir("/proc/self/fd");
    if (directory == nullptr) return " ?";
    while (const dirent* entry = ::readdir(directory)) {
        const int fd = std::atoi(entry->d_name);
        if (fd <= STDERR_FILENO || fd == ::dirfd(directory)) continue;
        if ((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0) continue;  // our own signalfd
        text += " " + std::to_string(fd);
    }
    ::closedir(directory);
    return text;
}

std::string limit(__rlimit_resource resource) {
    rlimit value{};
    ::getrlimit(resource, &value);
    const auto one = [](rlim_t number) {
        return number == RLIM_INFINITY ? "unlimited" : std::to_string(number);
    };
    return " " + one(value.rlim_cur) + " " + one(value.rlim_max);
}

// The line of /proc/self/status, without its name.
std::string status_line(const std::string& name) {
    const std::string status = whole("/proc/self/status");
    const auto at = status.find(name + ":");
    if (at == std::string::npos) return " ?";
    const auto begin = status.find_first_not_of("\t ", at + name.size() + 1);
    return " " + status.substr(begin, status.find('\n', begin) - begin);
}

std::string octal(mode_t mode) {
    std::array<char, 8> text{};
    std::snprintf(text.data(), text.size(), " %04o", mode);
    return text.data();
}

}  // namespace

void describe_self(const std::string& file) {
    const mode_t mask = ::umask(0);
    ::umask(mask);
    std::array<char, PATH_MAX> here{};
    std::string text;
    text += "uid " + std::to_string(::getuid()) + "\ngid " + std::to_string(::getgid()) + "\ngroups" +
            groups() + "\n";
    text += "umask" + octal(mask) + "\ncwd " + std::string(::getcwd(here.data(), here.size())) + "\n";
    text += "nofile" + limit(RLIMIT_NOFILE) + "\ncore" + limit(RLIMIT_CORE) + "\n";
    text += "nice " + std::to_string(::getpriority(PRIO_PROCESS, 0)) + "\n";
    text += "oom_score_adj " + whole("/proc/self/oom_score_adj");
    text += "session_leader " + std::to_string(::getsid(0) == ::getpid()) + "\ndescriptors" + descriptors() +
            "\n";
    for (const char* name : {"CapEff", "CapBnd", "CapInh", "CapAmb", "NoNewPrivs", "SigIgn"})
        text += name + status_line(name) + "\n";
    text += "cgroup " + whole("/proc/self/cgroup");
    for (char** variable = environ; *variable != nullptr; ++variable)
        text += "env " + std::string(*variable) + "\n";
    const std::string fresh = file + ".new";
    const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0 || ::write(fd, text.data(), text.size()) < 0 || ::rename(fresh.c_str(), file.c_str()) != 0)
        die("cannot write " + file);
    ::close(fd);
}

}  // namespace dpsup::actor
