#include "io/process/proc_entry.hpp"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <memory>
#include <string_view>
#include <utility>

#include "base/text.hpp"
#include "io/read_file.hpp"

namespace dpsup::io {
namespace {

template <class Visit>
void each_number_in(const char* directory, Visit visit) {
    const std::unique_ptr<DIR, int (*)(DIR*)> list(::opendir(directory), &::closedir);
    if (!list) return;
    while (const dirent* entry = ::readdir(list.get())) {
        const std::string_view name = entry->d_name;
        pid_t number = 0;
        const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
        if (error == std::errc{} && end == name.data() + name.size()) visit(number);
    }
}

// For kernels without CONFIG_PROC_CHILDREN: asks every process for its parent.
std::vector<pid_t> children_by_search(pid_t parent) {
    std::vector<pid_t> children;
    each_number_in("/proc", [&](pid_t pid) {
        ProcEntry entry;
        if (read_proc_entry(pid, entry) && entry.parent == parent) children.push_back(pid);
    });
    return children;
}

// Each thread has a list of its own.
std::vector<pid_t> children_of(pid_t parent) {
    static const bool listed = ::access("/proc/thread-self/children", F_OK) == 0;
    if (!listed) return children_by_search(parent);
    std::vector<pid_t> children;
    const std::string tasks = "/proc/" + std::to_string(parent) + "/task/";
    each_number_in(tasks.c_str(), [&](pid_t thread) {
        const std::string text = read_file(tasks + std::to_string(thread) + "/children", 16 * 1024 * 1024);
        for (const char *at = text.data(), *end = at + text.size(); at < end; ++at) {
            pid_t pid = 0;
            const auto parsed = std::from_chars(at, end, pid);
            if (parsed.ec != std::errc{}) break;
            children.push_back(pid);
            at = parsed.ptr;
        }
    });
    return children;
}

}  // namespace

int look_at_process(pid_t pid, ProcEntry& entry) {
    std::string text;
    if (const int error = read_file("/proc/" + std::to_string(pid) + "/stat", 4096, text); error != 0)
        return error;
    // The name stands in parentheses and may itself hold any character: what counts comes after the last one.
    const auto after_name = text.rfind(')');
    const auto before_name = text.find('(');
    if (after_name == std::string::npos || before_name >= after_name) return EIO;
    int parent = 0;
    int group = 0;
    int session = 0;
    unsigned flags = 0;
    unsigned long start = 0;
    // The kernel wrote these numbers; they fit. NOLINTNEXTLINE(cert-err34-c)
    if (std::sscanf(text.c_str() + after_name + 1,
                    " %c %d %d %d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d %*d %lu",
                    &entry.state, &parent, &group, &session, &flags, &entry.threads, &start) != 7)
        return EIO;
    constexpr unsigned exiting = 0x4;       // PF_EXITING
    constexpr unsigned forked_only = 0x40;  // PF_FORKNOEXEC
    entry.ending = (flags & exiting) != 0;
    entry.execed = (flags & forked_only) == 0;
    entry.name = text.substr(before_name + 1, after_name - before_name - 1);
    entry.start = start;
    if (const auto last = text.find_last_of(' '); entry.ended() && last != std::string::npos)
        std::from_chars(text.data() + last + 1, text.data() + text.size(), entry.exit_status);
    entry.pid = pid;
    entry.parent = parent;
    entry.session = session;
    return 0;
}

bool read_proc_entry(pid_t pid, ProcEntry& entry) {
    return look_at_process(pid, entry) == 0;
}

std::vector<pid_t> all_processes() {
    std::vector<pid_t> pids;
    each_number_in("/proc", [&](pid_t pid) { pids.push_back(pid); });
    return pids;
}

// The kernel may leave one out whose sibling ends while the list is read (proc(5)): so twice the same, or the last look.
std::vector<pid_t> own_children() {
    constexpr int looks_max = 8;
    std::vector<pid_t> children = children_of(::getpid());
    for (int look = 1; look < looks_max; ++look) {
        std::vector<pid_t> again = children_of(::getpid());
        if (again == children) break;
        children = std::move(again);
    }
    return children;
}

std::vector<pid_t> descendants_of(pid_t root) {
    constexpr std::size_t found_max = 1U << 22U;  // the kernel's own bound on pids
    std::vector<pid_t> found = children_of(root);
    for (std::size_t i = 0; i < found.size() && found.size() < found_max; ++i) {
        for (const pid_t child : children_of(found[i])) found.push_back(child);
    }
    return found;
}

namespace {

// Its arguments, on one line and cut off; where it has none, as of a zombie, its name.
std::string command_of(pid_t pid) {
    constexpr std::size_t shown_max = 80;
    const std::string directory = "/proc/" + std::to_string(pid);
    std::string text = read_file(directory + "/cmdline", shown_max);
    if (text.empty()) text = read_file(directory + "/comm", shown_max);
    const bool cut_off = text.size() > shown_max;
    if (cut_off) text.resize(shown_max);
    while (!text.empty() && (text.back() == '\0' || text.back() == '\n')) text.pop_back();
    std::ranges::replace(text, '\0', ' ');
    return text.empty() ? "gone" : escaped(text) + (cut_off ? "..." : "");
}

}  // namespace

std::string described(const std::vector<pid_t>& processes) {
    constexpr std::size_t shown_max = 5;
    std::vector<std::string> words;
    for (const pid_t pid : processes) {
        if (words.size() == shown_max) break;
        words.push_back(std::to_string(pid) + " (" + command_of(pid) + ")");
    }
    if (processes.size() > words.size())
        words.push_back(std::to_string(processes.size() - words.size()) + " more");
    return listed(words);
}

std::string environment_value(pid_t pid, const std::string& name) {
    constexpr std::size_t environment_max = 4 * 1024 * 1024;
    const std::string text = read_file("/proc/" + std::to_string(pid) + "/environ", environment_max);
    std::string_view rest = text;
    while (!rest.empty()) {
        const auto variable = rest.substr(0, rest.find('\0'));
        rest.remove_prefix(std::min(rest.size(), variable.size() + 1));
        if (variable.size() > name.size() && variable.starts_with(name) && variable[name.size()] == '=')
            return std::string(variable.substr(name.size() + 1));
    }
    return {};
}

}  // namespace dpsup::io
