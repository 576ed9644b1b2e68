#include "io/reexec.hpp"

#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4U
#endif

namespace dpsup::io {
namespace {

// "PID SOFT HARD NANOSECONDS"
constexpr const char* handover_variable = "DPSUP_HANDOVER";

bool leads_to_us(const std::string& path) {
    struct stat there{};
    struct stat ours{};
    return ::stat(path.c_str(), &there) == 0 && ::stat("/proc/self/exe", &ours) == 0 &&
           there.st_dev == ours.st_dev && there.st_ino == ours.st_ino;
}

}  // namespace

std::optional<Handover> take_handover() {
    const char* variable = std::getenv(handover_variable);
    std::istringstream words(variable == nullptr ? "" : variable);
    ::unsetenv(handover_variable);
    pid_t pid = 0;
    Handover handover;
    Duration::rep since = 0;
    // Of another process, which passed its environment on, it means nothing here.
    if (!(words >> pid >> handover.nofile.rlim_cur >> handover.nofile.rlim_max >> since) || pid != ::getpid())
        return std::nullopt;
    handover.since = Instant(Duration(since));
    return handover;
}

std::string own_program_path() {
    namespace fs = std::filesystem;
    std::error_code error;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): so the kernel hands it over
    const auto* started_as = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
    if (started_as != nullptr) {
        const fs::path path = fs::absolute(started_as, error);
        if (!error && leads_to_us(path.string())) return path.string();
    }
    std::string path = fs::read_symlink("/proc/self/exe", error).string();
    constexpr std::string_view gone = " (deleted)";
    if (path.ends_with(gone) && !leads_to_us(path)) path.resize(path.size() - gone.size());
    return path;
}

int execute(const std::string& program, const std::vector<std::string>& arguments, const Handover& handover,
            const std::function<void()>& keep_descriptors) {
    std::vector<char*> pointers;
    pointers.reserve(arguments.size() + 1);
    for (const std::string& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
    pointers.push_back(nullptr);
    // Ours are so already; this is for what a library may have opened.
    ::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
    keep_descriptors();
    const std::string told = std::to_string(::getpid()) + " " + std::to_string(handover.nofile.rlim_cur) +
                             " " + std::to_string(handover.nofile.rlim_max) + " " +
                             std::to_string(handover.since.time_since_epoch().count());
    ::setenv(handover_variable, told.c_str(), 1);
    ::execve(program.c_str(), pointers.data(), environ);
    const int error = errno;
    ::unsetenv(handover_variable);
    return error;
}

}  // namespace dpsup::io
