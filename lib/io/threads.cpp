#include "io/threads.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

namespace dpsup::io {
namespace {

constexpr const char* tasks = "/proc/self/task";

// Shown as the others are, but a fatal signal ends them: NFS, and FUSE before its server has said a first word.
constexpr std::array<std::string_view, 2> killable{"rpc_wait_bit_killable", "fuse_get_req"};
// FUSE, once its server has taken the request in.
constexpr std::string_view unkillable = "request_wait_answer";

std::string content(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::string text;
    std::getline(file, text);
    return text;
}

bool waits_uninterruptibly(const std::filesystem::path& thread) {
    const std::string stat = content(thread / "stat");
    const auto after_name = stat.rfind(") ");
    return after_name != std::string::npos && stat.size() > after_name + 2 && stat[after_name + 2] == 'D';
}

// Empty where they cannot be listed.
std::vector<std::filesystem::path> all_threads() {
    std::vector<std::filesystem::path> found;
    std::error_code error;
    std::filesystem::directory_iterator thread(tasks, error);
    for (; !error && thread != std::filesystem::directory_iterator{}; thread.increment(error))
        found.push_back(thread->path());
    if (error) found.clear();
    return found;
}

}  // namespace

bool is_only_thread() {
    constexpr int looks = 20;
    for (int look = 0; look < looks; ++look) {
        if (all_threads().size() == 1) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
}

// Beside one that waits killably, the others are taken to wait for a lock that it holds: they look the same name up, or
// open a file in the same folder.
std::string unkillable_wait() {
    const std::vector<std::filesystem::path> threads = all_threads();
    const std::string self = std::to_string(::gettid());
    bool any_killable = false;
    std::string other = threads.empty() ? "which cannot be looked at" : "";
    for (const auto& thread : threads) {
        if (thread.filename() == self || !waits_uninterruptibly(thread)) continue;
        std::string where = content(thread / "wchan");
        if (where == unkillable) return where;
        if (std::ranges::find(killable, where) != killable.end())
            any_killable = true;
        else
            other = where.empty() ? "an unknown place" : where;
    }
    return any_killable ? std::string() : other;
}

}  // namespace dpsup::io
