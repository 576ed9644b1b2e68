#include "io/probe/describe.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/text.hpp"

namespace dpsup::io {
namespace {

constexpr std::size_t length_max = 160;

std::string_view authority_of(std::string_view url) {
    const auto scheme = url.find("://");
    if (scheme == std::string_view::npos) return {};
    const auto rest = url.substr(scheme + 3);
    return rest.substr(0, rest.find_first_of("/?#"));
}

// The URL without "user:password@" and without its fragment.
std::string without_userinfo(std::string_view url) {
    url = url.substr(0, url.find('#'));
    const auto authority = authority_of(url);
    const auto at = authority.rfind('@');
    if (at == std::string_view::npos) return std::string(url);
    const auto begin = static_cast<std::size_t>(authority.data() - url.data());
    return std::string(url.substr(0, begin)) + std::string(url.substr(begin + at + 1));
}

// One "key = value" of a conninfo string, which it consumes; the value may be quoted, and escape with
// backslashes.
struct Setting {
    std::string key;
    std::string value;
};

bool is_space(char c) {
    return std::isspace(static_cast<unsigned char>(c)) != 0;
}

std::string take_value(std::string_view& text) {
    std::string value;
    const bool in_quotes = text.starts_with('\'');
    if (in_quotes) text.remove_prefix(1);
    while (!text.empty() && (in_quotes ? text.front() != '\'' : !is_space(text.front()))) {
        if (text.front() == '\\' && text.size() > 1) text.remove_prefix(1);
        value += text.front();
        text.remove_prefix(1);
    }
    if (in_quotes && !text.empty()) text.remove_prefix(1);
    return value;
}

Setting take_setting(std::string_view& text) {
    const auto skip_spaces = [&] {
        while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    };
    Setting setting;
    skip_spaces();
    while (!text.empty() && text.front() != '=' && !is_space(text.front())) {
        setting.key += text.front();
        text.remove_prefix(1);
    }
    skip_spaces();
    if (!text.starts_with('=')) return setting;
    text.remove_prefix(1);
    skip_spaces();
    setting.value = take_value(text);
    return setting;
}

// Only what says where the server is, so that nothing secret gets through, whatever libpq learns to accept.
std::string safe_conninfo(std::string_view conninfo) {
    if (conninfo.starts_with("postgresql://") || conninfo.starts_with("postgres://"))
        return without_userinfo(conninfo.substr(0, conninfo.find('?')));
    static constexpr std::array shown = {"host", "hostaddr", "port", "dbname", "user", "service"};
    std::string text;
    while (!conninfo.empty()) {
        const auto setting = take_setting(conninfo);
        if (std::find(shown.begin(), shown.end(), setting.key) == shown.end()) continue;
        if (setting.value.find('=') != std::string::npos || setting.value.find("://") != std::string::npos)
            continue;  // dbname may hold a whole conninfo
        if (!text.empty()) text += ' ';
        text += setting.key + "=" + setting.value;
    }
    return text;
}

std::string host_and_port(const std::string& host, std::uint16_t port) {
    const std::string shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
    return shown + ":" + std::to_string(port);
}

struct Describe {
    std::string operator()(const config::HttpProbe& probe) const {
        const std::string method = probe.method == "GET" ? "" : probe.method + " ";
        return "http " + method + without_userinfo(probe.url);
    }
    std::string operator()(const config::TcpProbe& probe) const {
        return "tcp " + host_and_port(probe.host, probe.port);
    }
    std::string operator()(const config::UnixProbe& probe) const { return "unix " + probe.path; }
    // The program alone: its arguments may hold a password.
    std::string operator()(const config::ExecProbe& probe) const {
        return "exec " + (probe.command.empty() ? std::string() : probe.command.front());
    }
    std::string operator()(const config::PostgresProbe& probe) const {
        const std::string where = safe_conninfo(probe.conninfo);
        return where.empty() ? "postgres" : "postgres " + where;
    }
    std::string operator()(const config::LogProbe& probe) const { return "log " + quoted(probe.pattern); }
};

}  // namespace

std::string describe(const config::ProbeTarget& target) {
    std::string text = std::visit(Describe{}, target);
    if (text.size() > length_max) text = text.substr(0, length_max) + "...";
    return text;
}

UrlHost host_of_url(std::string_view url) {
    auto authority = authority_of(url);
    if (const auto at = authority.rfind('@'); at != std::string_view::npos) authority.remove_prefix(at + 1);
    UrlHost result;
    result.port = url.starts_with("https") ? "443" : "80";
    if (authority.starts_with('[')) {
        const auto end = authority.find(']');
        if (end == std::string_view::npos) return {};
        result.host = authority.substr(1, end - 1);
        authority.remove_prefix(end + 1);
    } else {
        result.host = authority.substr(0, authority.find(':'));
        authority.remove_prefix(result.host.size());
    }
    if (authority.size() > 1 && authority.front() == ':') result.port = authority.substr(1);
    return result;
}

}  // namespace dpsup::io
