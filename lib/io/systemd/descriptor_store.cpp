#include "io/systemd/descriptor_store.hpp"

#include <fcntl.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <sstream>
#include <utility>

#include "io/systemd/manager_message.hpp"

namespace dpsup::io {
namespace {

// What a re-exec passes: "PID FD:NAME FD:NAME ...".
constexpr const char* exec_variable = "DPSUP_DESCRIPTORS";
constexpr int first_of_ours = 3;                               // after the standard ones
constexpr std::size_t variable_max = std::size_t{120} * 1024;  // the kernel takes 128 KiB a string

bool set_close_on_exec(int fd, bool close) {
    return ::fcntl(fd, F_SETFD, close ? FD_CLOEXEC : 0) == 0;
}

// "17:name" of a descriptor that is open.
std::optional<std::pair<int, std::string>> parse(const std::string& word) {
    int fd = -1;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), fd);
    const auto used = static_cast<std::size_t>(end - word.data());
    if (error != std::errc{} || used >= word.size() || word[used] != ':' || fd < first_of_ours)
        return std::nullopt;
    if (!set_close_on_exec(fd, true)) return std::nullopt;
    return std::pair(fd, word.substr(used + 1));
}

struct Strings {
    char** all = nullptr;
    ~Strings() {
        for (char** one = all; one != nullptr && *one != nullptr; ++one) std::free(*one);
        std::free(static_cast<void*>(all));
    }
};

}  // namespace

DescriptorStore DescriptorStore::inherit() {
    DescriptorStore store;
    Strings names;
    const int count = sd_listen_fds_with_names(1, &names.all);
    for (int i = 0; i < count; ++i) {
        const int fd = SD_LISTEN_FDS_START + i;
        if (set_close_on_exec(fd, true)) store.passed_.push_back({names.all[i], UniqueFd(fd)});
    }
    const char* variable = std::getenv(exec_variable);
    std::istringstream words(variable == nullptr ? "" : variable);
    ::unsetenv(exec_variable);
    std::string word;
    // Of another process, which passed its environment on, the numbers mean nothing here.
    if (!(words >> word) || word != std::to_string(::getpid())) return store;
    while (words >> word)
        if (auto named = parse(word))
            store.passed_.push_back({std::move(named->second), UniqueFd(named->first)});
    return store;
}

std::vector<UniqueFd> DescriptorStore::take(std::string_view name) {
    std::vector<UniqueFd> taken;
    for (Named& one : passed_)
        if (one.name == name) taken.push_back(std::move(one.fd));
    std::erase_if(passed_, [](const Named& one) { return !one.fd; });
    return taken;
}

std::vector<std::string> DescriptorStore::waiting() const {
    std::vector<std::string> names;
    for (const Named& one : passed_)
        if (std::ranges::find(names, one.name) == names.end()) names.push_back(one.name);
    return names;
}

Result<void> DescriptorStore::keep(const std::string& name, int fd) {
    if (Result<void> kept = keep_over_exec(name, fd); !kept) return kept;
    tell_manager("FDSTORE=1\nFDPOLL=0\nFDNAME=" + name, Patience::brief, std::span(&fd, 1));
    return {};
}

Result<void> DescriptorStore::keep_over_exec(const std::string& name, int fd) {
    UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, first_of_ours));
    if (!copy) return fail("not_kept", "keep a copy of the descriptor " + name + ": " + std::strerror(errno));
    kept_.push_back({name, std::move(copy)});
    return {};
}

void DescriptorStore::drop(const std::string& name) {
    const auto named = [&name](const Named& one) { return one.name == name; };
    std::erase_if(kept_, named);
    std::erase_if(passed_, named);
    tell_manager("FDSTOREREMOVE=1\nFDNAME=" + name, Patience::brief);
}

void DescriptorStore::open_for_exec() {
    std::string variable = std::to_string(::getpid());
    for (const Named& one : kept_) {
        const std::string word = " " + std::to_string(one.fd.get()) + ":" + one.name;
        if (variable.size() + word.size() > variable_max) break;
        if (set_close_on_exec(one.fd.get(), false)) variable += word;
    }
    ::setenv(exec_variable, variable.c_str(), 1);
}

void DescriptorStore::exec_failed() {
    ::unsetenv(exec_variable);
    for (const Named& one : kept_) (void)set_close_on_exec(one.fd.get(), true);
}

}  // namespace dpsup::io
