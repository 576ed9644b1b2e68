#include "io/probe/postgres_conninfo.hpp"

#include <algorithm>
#include <cstdlib>

namespace dpsup::io {
namespace {

std::vector<std::string> split(const std::string& list) {
    std::vector<std::string> words;
    if (list.empty()) return words;
    std::size_t begin = 0;
    while (true) {
        const auto end = list.find(',', begin);
        words.push_back(list.substr(begin, end - begin));
        if (end == std::string::npos) return words;
        begin = end + 1;
    }
}

void append(std::string& list, bool first, const std::string& word) {
    if (!first) list += ',';
    list += word;
}

bool is_directory(const std::string& host) {
    return host.starts_with('/') || host.starts_with('@');
}

}  // namespace

Result<Conninfo> Conninfo::parse(const PostgresLibrary& pq, const std::string& text) {
    char* reason = nullptr;
    PQconninfoOption* options = pq.conninfo_parse(text.c_str(), &reason);
    if (options == nullptr) {
        std::string message = reason != nullptr ? reason : "no memory";
        pq.freemem(reason);
        while (message.ends_with('\n')) message.pop_back();
        return fail("bad_conninfo", message);
    }
    std::map<std::string, std::string> given;
    for (const auto* option = options; option->keyword != nullptr; ++option)
        if (option->val != nullptr) given[option->keyword] = option->val;
    pq.conninfo_free(options);
    if (given.contains("service"))
        return fail("bad_conninfo", "service= cannot be used in a probe; give host and port");

    Conninfo conninfo;
    const char* host_default = std::getenv("PGHOST");  // libpq would take it, and resolve it
    if (!given.contains("host") && !given.contains("hostaddr") && host_default != nullptr)
        given["host"] = host_default;
    conninfo.take_hosts(given["host"], given["hostaddr"], given["port"]);
    for (const char* key : {"host", "hostaddr", "port"}) given.erase(key);
    given.emplace("fallback_application_name", "dpsup");
    given.emplace("gssencmode", "disable");  // the search for a ticket may block
    conninfo.others_.assign(given.begin(), given.end());
    return conninfo;
}

void Conninfo::take_hosts(const std::string& names, const std::string& addresses, const std::string& ports) {
    const auto name_list = split(names);
    const auto address_list = split(addresses);
    const auto port_list = split(ports);
    const auto count = std::max({name_list.size(), address_list.size(), std::size_t{1}});
    const auto at = [](const std::vector<std::string>& list, std::size_t i) {
        return i < list.size() ? list[i] : std::string();
    };
    for (std::size_t i = 0; i < count; ++i)
        hosts_.push_back(
            {at(name_list, i), at(address_list, i), at(port_list, port_list.size() == 1 ? 0 : i)});
}

std::vector<std::string> Conninfo::names() const {
    std::vector<std::string> names;
    for (const auto& host : hosts_) {
        const bool needed = !host.name.empty() && host.address.empty() && !is_directory(host.name);
        if (needed && std::find(names.begin(), names.end(), host.name) == names.end())
            names.push_back(host.name);
    }
    return names;
}

std::vector<std::string> Conninfo::paths() const {
    std::vector<std::string> paths;
    for (const auto& host : hosts_)
        if (host.name.starts_with('/'))
            paths.push_back(host.name + "/.s.PGSQL");  // their folder is what counts
    for (const auto& [key, value] : others_) {
        const bool names_file = key == "passfile" || key == "sslcert" || key == "sslkey" ||
                                key == "sslrootcert" || key == "sslcrl" || key == "sslcrldir";
        if (names_file && value.starts_with('/')) paths.push_back(value);
    }
    return paths;
}

std::vector<std::pair<std::string, std::string>> Conninfo::parameters(
    const std::map<std::string, Addresses>& addresses) const {
    std::string names;
    std::string numeric;
    std::string ports;
    std::size_t count = 0;
    const auto add = [&](const Host& host, const std::string& address) {
        append(names, count == 0, host.name);
        append(numeric, count == 0, address);
        append(ports, count == 0, host.port);
        ++count;
    };
    const auto wanted = this->names();
    for (const auto& host : hosts_) {
        if (std::find(wanted.begin(), wanted.end(), host.name) == wanted.end() || !host.address.empty()) {
            add(host, host.address);
        } else if (const auto found = addresses.find(host.name); found != addresses.end()) {
            for (const auto& address : found->second) add(host, address);
        }
    }
    if (count == 0) return {};
    auto parameters = others_;
    parameters.emplace_back("host", names);
    parameters.emplace_back("hostaddr", numeric);
    parameters.emplace_back("port", ports);
    return parameters;
}

}  // namespace dpsup::io
