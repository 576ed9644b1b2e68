#include "io/process/environment.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "io/unique_fd.hpp"

namespace dpsup::io {
namespace {

constexpr std::size_t env_file_max = 1024 * 1024;
constexpr std::size_t secret_max = 100 * 1024;  // the kernel takes 128 KiB a string

// A FIFO or a device must not hold the daemon up, so only regular files are read.
Staged<std::string> read_bounded(const std::string& stage, const std::string& path, std::size_t most) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct stat info{};
    if (!fd || ::fstat(fd.get(), &info) != 0) return stage_failed(stage, errno, path);
    if (!S_ISREG(info.st_mode)) return stage_failed(stage, EINVAL, path + " is not a regular file");
    std::string text(most + 1, '\0');
    std::size_t length = 0;
    while (length < text.size()) {
        const auto count = ::read(fd.get(), text.data() + length, text.size() - length);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return stage_failed(stage, errno, path);
        if (count == 0) break;
        length += static_cast<std::size_t>(count);
    }
    if (length > most)
        return stage_failed(stage, EFBIG, path + " is larger than " + std::to_string(most) + " bytes");
    text.resize(length);
    if (text.find('\0') != std::string::npos)
        return stage_failed(stage, EINVAL, path + " contains a zero byte, which no environment can hold");
    std::string exact(text);
    ::explicit_bzero(text.data(), text.size());
    return exact;
}

Variables base_environment(const Identity& identity) {
    return {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
            {"HOME", identity.home},
            {"USER", identity.name},
            {"LOGNAME", identity.name},
            {"SHELL", identity.shell},
            {"LANG", "C.UTF-8"}};
}

Staged<std::string> read_secret(const config::SecretFile& secret) {
    auto text = read_bounded("secret", secret.path, secret_max);
    if (text && text->ends_with('\n')) text->pop_back();
    if (text && text->ends_with('\r')) text->pop_back();
    return text;
}

}  // namespace

Staged<Variables> build_environment(const config::Process& process, const Identity& identity) {
    Variables variables = base_environment(identity);
    for (const auto& path : process.env_file) {
        const auto text = read_bounded("env_file", path, env_file_max);
        if (!text) return tl::unexpected(text.error());
        if (const auto parsed = parse_env_file(*text, variables); !parsed)
            return stage_failed("env_file", EINVAL, path + ": " + parsed.error().message);
    }
    for (const auto& [name, value] : process.environment) {
        if (const auto* text = std::get_if<std::string>(&value)) {
            variables[name] = *text;
            continue;
        }
        auto secret = read_secret(std::get<config::SecretFile>(value));
        if (!secret) {
            secret.error().detail = name + " from " + secret.error().detail;
            return tl::unexpected(secret.error());
        }
        variables[name] = std::move(*secret);
    }
    return variables;
}

std::vector<std::string> flatten(Variables variables) {
    std::vector<std::string> list;
    list.reserve(variables.size());
    for (auto& [name, value] : variables) {
        list.push_back(name + "=" + value);
        ::explicit_bzero(value.data(), value.size());
    }
    return list;
}

}  // namespace dpsup::io
