#include "io/state/applied_config.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/json.hpp>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>

#include "base/hash.hpp"
#include "io/read_file.hpp"
#include "io/state/record_file.hpp"

namespace dpsup::io {
namespace {

namespace json = boost::json;

constexpr int version = 1;
constexpr std::string_view header_word = "dpsup-applied";
constexpr const char* error_code = "configuration_not_recorded";
constexpr const char* never_code = "configuration_not_recordable";
// 1,000 files of 4 MiB may be loaded; what is larger than this in all is not recorded.
constexpr std::size_t size_max = std::size_t{64} << 20U;

std::string encode(const AppliedConfig& applied) {
    json::array sources;
    for (const config::Source& source : applied.origin.sources)
        sources.push_back({{"name", source.name}, {"text", source.text}});
    json::object variables;
    for (const auto& [name, value] : applied.origin.variables)
        variables[name] = value ? json::value(*value) : json::value(nullptr);
    json::object inputs;
    for (const auto& [path, digest] : applied.origin.inputs) inputs[path] = digest;
    return json::serialize(json::object{{"socket", applied.socket},
                                        {"state_dir", applied.state_dir},
                                        {"runtime_dir", applied.runtime_dir},
                                        {"log_dir", applied.log_dir},
                                        {"sources", std::move(sources)},
                                        {"variables", std::move(variables)},
                                        {"inputs", std::move(inputs)}});
}

std::string text_at(const json::value& value, std::string_view key) {
    return std::string(value.at(key).as_string());
}

AppliedConfig decode(const json::value& value) {
    AppliedConfig applied;
    applied.socket = text_at(value, "socket");
    applied.state_dir = text_at(value, "state_dir");
    applied.runtime_dir = text_at(value, "runtime_dir");
    applied.log_dir = text_at(value, "log_dir");
    for (const json::value& source : value.at("sources").as_array())
        applied.origin.sources.push_back({text_at(source, "name"), text_at(source, "text")});
    for (const auto& variable : value.at("variables").as_object()) {
        auto& place = applied.origin.variables[std::string(variable.key())];
        if (!variable.value().is_null()) place = std::string(variable.value().as_string());
    }
    for (const auto& input : value.at("inputs").as_object())
        applied.origin.inputs[std::string(input.key())] = input.value().to_number<std::uint64_t>();
    return applied;
}

std::string directory() {
    if (const char* by_systemd = std::getenv("RUNTIME_DIRECTORY");
        by_systemd != nullptr && *by_systemd == '/') {
        const std::string list = by_systemd;
        return list.substr(0, list.find(':'));
    }
    if (::geteuid() == 0) return "/run/dpsup";
    const char* own = std::getenv("XDG_RUNTIME_DIR");
    return own != nullptr && *own == '/' ? std::string(own) + "/dpsup" : std::string();
}

}  // namespace

std::string applied_config_path(const std::string& main_file) {
    const std::string place = directory();
    std::error_code error;
    const std::string file = std::filesystem::absolute(main_file, error).lexically_normal().string();
    if (place.empty() || error) return {};
    std::array<char, 16> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), fnv1a(file), 16).ptr;
    return place + "/applied-" + std::string(digits.data(), end);
}

Result<std::optional<AppliedConfig>> load_applied_config(const std::string& path,
                                                         const std::string& boot_id) {
    if (path.empty() || boot_id.empty()) return std::nullopt;
    const std::string content = read_file(path, size_max);
    const std::size_t end = content.find('\n');
    if (end == std::string::npos || content.size() > size_max) return std::nullopt;
    std::string_view line = content;
    const RecordHeader header = parse_record_header(line.substr(0, end), header_word, version);
    if (header.version > version) return state_too_new(path, header.version);
    line.remove_prefix(end + 1);
    if (line.ends_with('\n')) line.remove_suffix(1);
    const std::optional<std::string_view> text = text_of_checked_line(line);
    if (header.version != version || header.boot_id != boot_id || !text) return std::nullopt;
    json::parse_options options;
    options.allow_invalid_utf8 = true;  // a variable may hold any bytes
    try {
        return decode(json::parse(*text, {}, options));
    } catch (const std::exception&) {  // a checksum that holds, and yet not what we write
        return std::nullopt;
    }
}

Result<void> store_applied_config(const std::string& path, const std::string& boot_id,
                                  const AppliedConfig& applied) {
    if (path.empty()) return fail(never_code, "there is no runtime directory", "set XDG_RUNTIME_DIR");
    const std::string folder = path.substr(0, path.rfind('/'));
    const std::string text = encode(applied);
    Result<UniqueFd> written = fail(never_code, "the configuration is larger than 64 MiB");
    if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) {
        written = file_failed(error_code, "create", folder, errno);
    } else if (text.size() <= size_max) {
        const std::string content = record_header(header_word, version, boot_id) + checked_line(text);
        if (read_file(path, size_max) == content)
            return {};  // a full disk must not cost a takeover its record
        written = replace_file(path, content, error_code);
    }
    if (written) return {};
    remove_applied_config(path);
    return tl::unexpected(written.error());
}

bool may_store_later(const Error& error) {
    return error.code != never_code;
}

// Each is a file of its own, which is put in the place of the one before.
std::string applied_config_mark(const std::string& path) {
    struct stat about{};
    if (path.empty() || ::stat(path.c_str(), &about) != 0) return {};
    return std::to_string(about.st_ino) + " " + std::to_string(about.st_ctim.tv_sec) + " " +
           std::to_string(about.st_ctim.tv_nsec);
}

void remove_applied_config(const std::string& path) {
    if (!path.empty()) ::unlink(path.c_str());
}

}  // namespace dpsup::io
