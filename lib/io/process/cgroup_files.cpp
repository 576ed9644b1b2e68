#include "io/process/cgroup_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <memory>

#include "io/read_file.hpp"
#include "io/unique_fd.hpp"

namespace dpsup::io::cgroup {
namespace {

void add_processes(const std::string& directory, std::vector<pid_t>& pids, int depth) {
    constexpr std::size_t procs_max = 16 * 1024 * 1024;
    const std::string text = io::read_file(directory + "/cgroup.procs", procs_max);
    for (const char* at = text.data(); at < text.data() + text.size(); ++at) {
        pid_t pid = 0;
        const auto [end, error] = std::from_chars(at, text.data() + text.size(), pid);
        if (error != std::errc{}) break;
        if (pid > 0) pids.push_back(pid);
        at = end;
    }
    if (depth == 0) return;
    for (const auto& child : children_of(directory)) add_processes(directory + "/" + child, pids, depth - 1);
}

int remove_tree(const std::string& directory, int depth) {
    if (::rmdir(directory.c_str()) == 0 || errno == ENOENT) return 0;
    if (errno != EBUSY && errno != ENOTEMPTY) return errno;
    if (depth == 0) return EBUSY;
    for (const auto& child : children_of(directory)) {
        if (const int error = remove_tree(directory + "/" + child, depth - 1); error != 0) return error;
    }
    return ::rmdir(directory.c_str()) == 0 || errno == ENOENT ? 0 : errno;
}

constexpr int depth_max = 16;  // a service may nest cgroups of its own; recursion stays bounded

}  // namespace

int write_file(const std::string& path, std::string_view text) {
    const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd) return errno;
    return ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : errno;
}

std::string read_file(const std::string& path) {
    return io::read_file(path, 64 * 1024);
}

std::uint64_t value_of(std::string_view text, std::string_view key) {
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ' ') continue;
        std::uint64_t value = 0;
        std::from_chars(line.data() + key.size() + 1, line.data() + line.size(), value);
        return value;
    }
    return 0;
}

bool populated(const std::string& directory) {
    std::string text;
    const int error = io::read_file(directory + "/cgroup.events", 64 * 1024, text);
    if (error != 0) return error != ENOENT && error != ENODEV && error != ENOTDIR;
    return value_of(text, "populated") != 0;
}

std::vector<pid_t> processes(const std::string& directory) {
    std::vector<pid_t> pids;
    add_processes(directory, pids, depth_max);
    return pids;
}

int remove_tree(const std::string& directory) {
    return remove_tree(directory, depth_max);
}

std::vector<std::string> children_of(const std::string& directory) {
    std::vector<std::string> names;
    // The kernel counts the directories in each, and mostly there is none to be looked for among twenty files.
    constexpr nlink_t links_of_childless = 2;
    struct stat about{};
    if (::stat(directory.c_str(), &about) == 0 && about.st_nlink == links_of_childless) return names;
    const std::unique_ptr<DIR, int (*)(DIR*)> list(::opendir(directory.c_str()), &::closedir);
    if (!list) return names;
    while (const dirent* entry = ::readdir(list.get())) {
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    }
    return names;
}

bool has_word(std::string_view text, std::string_view word) {
    while (!text.empty()) {
        const auto end = std::min(text.find_first_of(" \n"), text.size());
        if (text.substr(0, end) == word) return true;
        text.remove_prefix(std::min(text.size(), end + 1));
    }
    return false;
}

}  // namespace dpsup::io::cgroup
