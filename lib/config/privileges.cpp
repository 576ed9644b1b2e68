#include "config/privileges.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/text.hpp"
#include "base/units.hpp"
#include "config/toml_text.hpp"

namespace dpsup::config {
namespace {

constexpr std::uint64_t unlimited = UINT64_MAX;

constexpr std::array<std::string_view, 16> rlimit_names{
    "as",     "core", "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue",
    "nofile", "nice", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack"};

constexpr std::array<std::string_view, 41> capability_names{
    "CAP_AUDIT_CONTROL",   "CAP_AUDIT_READ",   "CAP_AUDIT_WRITE",
    "CAP_BLOCK_SUSPEND",   "CAP_BPF",          "CAP_CHECKPOINT_RESTORE",
    "CAP_CHOWN",           "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",          "CAP_FSETID",       "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",       "CAP_KILL",         "CAP_LEASE",
    "CAP_LINUX_IMMUTABLE", "CAP_MAC_ADMIN",    "CAP_MAC_OVERRIDE",
    "CAP_MKNOD",           "CAP_NET_ADMIN",    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",   "CAP_NET_RAW",      "CAP_PERFMON",
    "CAP_SETFCAP",         "CAP_SETGID",       "CAP_SETPCAP",
    "CAP_SETUID",          "CAP_SYSLOG",       "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",        "CAP_SYS_CHROOT",   "CAP_SYS_MODULE",
    "CAP_SYS_NICE",        "CAP_SYS_PACCT",    "CAP_SYS_PTRACE",
    "CAP_SYS_RAWIO",       "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",  "CAP_WAKE_ALARM"};

std::string upper(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(), [](char c) {
        return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    });
    return result;
}

// All begin alike, which makes unlike ones look near.
std::string capability_meant(std::string_view name) {
    constexpr std::string_view prefix = "CAP_";
    std::array<std::string_view, capability_names.size()> words;
    for (std::size_t i = 0; i < words.size(); ++i) words.at(i) = capability_names.at(i).substr(prefix.size());
    const std::string_view near = nearest(name.substr(prefix.size()), words);
    return near.empty() ? "" : "did you mean " + std::string(prefix) + std::string(near) + "?";
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> known) {
    const std::string_view near = nearest(word, known);
    return near.empty() ? "" : "did you mean " + std::string(near) + "?";
}

// Some limits are counts and some are bytes: a number, a size, or "unlimited".
std::optional<std::uint64_t> read_amount(Reading& reading, const Node& node) {
    const std::string* text = node.string();
    if (text != nullptr && (*text == "unlimited" || *text == "infinity")) return unlimited;
    const auto number = Reading::integer(node);
    if (number && *number == -1) return unlimited;
    if (number && *number >= 0) return static_cast<std::uint64_t>(*number);
    if (text != nullptr) {
        if (const auto size = parse_size(*text)) return *size;
    }
    reading.expected(node, "a number, a size or \"unlimited\"");
    return std::nullopt;
}

std::optional<Rlimit> read_pair(Reading& reading, const Node& node) {
    const std::size_t before = reading.mistakes();
    for (const Entry& entry : *node.table())
        if (entry.key != "soft" && entry.key != "hard")
            reading.error(entry.position, "unknown key " + quoted(entry.key),
                          "write { soft = 1024, hard = 4096 }");
    const Node* soft = node.find("soft");
    const Node* hard = node.find("hard");
    if (soft == nullptr || hard == nullptr) {
        reading.error(node, "needs both soft and hard", "a number alone sets both");
        return std::nullopt;
    }
    const auto low = read_amount(reading, *soft);
    const auto high = read_amount(reading, *hard);
    if (low && high && *low > *high) reading.error(node, "the soft limit is above the hard limit");
    if (!low || !high || reading.mistakes() != before) return std::nullopt;
    return Rlimit{*low, *high};
}

std::string show_amount(std::uint64_t amount) {
    return amount == unlimited ? "\"unlimited\"" : std::to_string(amount);
}

}  // namespace

void Rlimits::read(Reading& reading, const Node& node, std::map<std::string, Rlimit>& target) {
    const Table* table = node.table();
    if (table == nullptr) return reading.expected(node, "a table", "write { nofile = 65536 }");
    for (const Entry& entry : *table) {
        const Reading::Inside inside(reading, entry.key);
        if (std::ranges::find(rlimit_names, entry.key) == rlimit_names.end()) {
            reading.error(entry.position, "is no resource limit", did_you_mean(entry.key, rlimit_names));
            continue;
        }
        std::optional<Rlimit> limit;
        if (entry.value.table() != nullptr)
            limit = read_pair(reading, entry.value);
        else if (const auto amount = read_amount(reading, entry.value))
            limit = Rlimit{*amount, *amount};
        if (limit) target[entry.key] = *limit;
    }
}

std::string Rlimits::show(const std::map<std::string, Rlimit>& value) {
    std::string text;
    for (const auto& [name, limit] : value) {
        text += (text.empty() ? "{ " : ", ") + name + " = ";
        text += limit.soft == limit.hard
                    ? show_amount(limit.soft)
                    : "{ soft = " + show_amount(limit.soft) + ", hard = " + show_amount(limit.hard) + " }";
    }
    return text.empty() ? text : text + " }";
}

void Capabilities::read(Reading& reading, const Node& node, std::optional<std::vector<std::string>>& target) {
    const Array* array = node.array();
    if (array == nullptr)
        return reading.expected(node, "an array", "write [\"CAP_NET_BIND_SERVICE\"], or [] for none");
    std::vector<std::string> names;
    for (const Node& element : *array) {
        if (element.string() == nullptr) {
            reading.expected(element, "the name of a capability");
            continue;
        }
        std::string name = upper(*element.string());
        if (!name.starts_with("CAP_")) name.insert(0, "CAP_");
        if (std::ranges::find(capability_names, name) == capability_names.end())
            reading.error(element, quoted(*element.string()) + " is no capability", capability_meant(name));
        else if (std::ranges::find(names, name) == names.end())
            names.push_back(std::move(name));
    }
    target = std::move(names);
}

std::string Capabilities::show(const std::optional<std::vector<std::string>>& value) {
    return value ? toml_strings(*value) : "";
}

}  // namespace dpsup::config
