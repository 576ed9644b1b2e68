#include "config/socket_keys.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>

#include "base/text.hpp"
#include "config/kinds.hpp"

namespace dpsup::config {
namespace {

constexpr std::string_view tcp_scheme = "tcp://";
constexpr std::string_view unix_scheme = "unix://";
constexpr std::string_view forms =
    R"(write "tcp://127.0.0.1:8080", "tcp://[::1]:8080" or "unix:///run/x.sock")";

bool is_ipv6(const std::string& host) {
    return host.find(':') != std::string::npos;
}

// As the kernel writes it, so that two spellings of one address are seen to be one.
std::optional<std::string> canonical(int family, const std::string& host) {
    std::array<unsigned char, sizeof(in6_addr)> address{};
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (inet_pton(family, host.c_str(), address.data()) != 1 ||
        inet_ntop(family, address.data(), text.data(), text.size()) == nullptr)
        return std::nullopt;
    return text.data();
}

std::optional<std::uint16_t> port_in(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
    return port;
}

void read_tcp(Reading& reading, const Node& node, std::string_view place, Socket& socket) {
    const std::size_t colon = place.rfind(':');
    std::string host(place.substr(0, colon));
    const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (colon == std::string_view::npos || (!brackets && host.find(':') != std::string::npos))
        return reading.error(node, quoted(*node.string()) + " has no port", std::string(forms));
    const auto port = port_in(place.substr(colon + 1));
    if (!port)
        return reading.error(node, quoted(place.substr(colon + 1)) + " is no port: a number from 1 to 65535",
                             std::string(forms));
    if (brackets) host = host.substr(1, host.size() - 2);
    const auto address = canonical(brackets ? AF_INET6 : AF_INET, host);
    if (!address)
        return reading.error(node, quoted(host) + " is no IP address",
                             "a name is not looked up: write 127.0.0.1 or [::1], or 0.0.0.0 or [::] for all "
                             "addresses");
    socket.host = *address;
    socket.port = *port;
}

void read_unix(Reading& reading, const Node& node, std::string_view path, Socket& socket) {
    Node as_path = node;
    as_path.value = std::string(path);
    SocketPath::read(reading, as_path, socket.path);
}

void read_address(Reading& reading, const Node& node, Socket& socket) {
    const std::string* text = node.string();
    if (text == nullptr) return reading.expected(node, "an address", std::string(forms));
    if (text->starts_with(tcp_scheme))
        read_tcp(reading, node, std::string_view(*text).substr(tcp_scheme.size()), socket);
    else if (text->starts_with(unix_scheme))
        read_unix(reading, node, std::string_view(*text).substr(unix_scheme.size()), socket);
    else
        reading.error(node, quoted(*text) + " is no address of a socket", std::string(forms));
}

// What sd_listen_fds(3) allows: the names are joined by colons.
bool is_name(std::string_view name) {
    constexpr std::size_t name_size_max = 255;
    return !name.empty() && name.size() <= name_size_max &&
           std::ranges::all_of(name, [](char c) { return c > 0x20 && c < 0x7f && c != ':'; });
}

std::string default_name(const Socket& socket) {
    if (socket.path.empty()) return "tcp-" + std::to_string(socket.port);
    std::string name = "unix-" + socket.path.substr(socket.path.rfind('/') + 1);
    for (char& c : name)
        if (!is_name({&c, 1})) c = '_';
    return name;
}

void read_name(Reading& reading, const Node& node, std::string& name) {
    const std::string* text = node.string();
    if (text == nullptr) return reading.expected(node, "a name");
    if (!is_name(*text))
        return reading.error(node, quoted(*text) + " cannot be the name of a socket",
                             "letters, digits and signs, no \":\" and no spaces, at most 255");
    name = *text;
}

void read_table(Reading& reading, const Node& node, Socket& socket) {
    constexpr std::array<std::string_view, 3> known{"address", "name", "mode"};
    for (const Entry& entry : *node.table())
        if (std::ranges::find(known, entry.key) == known.end())
            reading.error(entry.position, "unknown key " + quoted(entry.key),
                          R"(write { address = "unix:///run/x.sock", name = "web", mode = "0660" })");
    const Node* address = node.find("address");
    if (address == nullptr) return reading.error(node, "has no address", std::string(forms));
    read_address(reading, *address, socket);
    if (const Node* name = node.find("name")) read_name(reading, *name, socket.name);
    const Node* mode = node.find("mode");
    if (mode == nullptr) return;
    Umask::read(reading, *mode, socket.mode, "a mode");
    if (!socket.host.empty()) reading.error(*mode, "only a Unix socket has a mode");
}

std::optional<Socket> read_one(Reading& reading, const Node& node) {
    const std::size_t before = reading.mistakes();
    Socket socket;
    if (node.table() != nullptr)
        read_table(reading, node, socket);
    else
        read_address(reading, node, socket);
    if (reading.mistakes() != before || (socket.host.empty() && socket.path.empty())) return std::nullopt;
    if (socket.name.empty()) socket.name = default_name(socket);
    return socket;
}

std::string show_one(const Socket& socket) {
    const std::string address = toml_string(address_of(socket));
    std::string more;
    if (socket.name != default_name(socket)) more += ", name = " + toml_string(socket.name);
    if (socket.mode != Socket::mode_default) more += ", mode = " + Umask::show(socket.mode);
    return more.empty() ? address : "{ address = " + address + more + " }";
}

// Of the element that was read as the socket of this number, which is there where nothing was wrong with any.
Position place_of(const Draft& draft, std::size_t number) {
    const Node* node = draft.table->find("sockets");
    if (node == nullptr) return draft.table->position;
    const Array* array = node->array();
    return array != nullptr && array->size() == draft.service.process.sockets.size()
               ? (*array)[number].position
               : node->position;
}

// What a bind would be refused for: with SO_REUSEADDR too, all addresses of a family are each of them.
bool overlap(const Socket& a, const Socket& b) {
    if (a.path.empty() != b.path.empty()) return false;
    if (!a.path.empty()) return a.path == b.path;
    const std::string any = is_ipv6(a.host) ? "::" : "0.0.0.0";
    return a.port == b.port && is_ipv6(a.host) == is_ipv6(b.host) &&
           (a.host == b.host || a.host == any || b.host == any);
}

}  // namespace

std::string address_of(const Socket& socket) {
    if (!socket.path.empty()) return std::string(unix_scheme) + socket.path;
    const std::string host = is_ipv6(socket.host) ? "[" + socket.host + "]" : socket.host;
    return std::string(tcp_scheme) + host + ":" + std::to_string(socket.port);
}

void Sockets::read(Reading& reading, const Node& node, std::vector<Socket>& target) {
    constexpr std::size_t sockets_max = 64;
    std::vector<Socket> sockets;
    const auto take = [&](const Node& element) {
        if (auto socket = read_one(reading, element)) sockets.push_back(std::move(*socket));
    };
    if (const Array* array = node.array())
        for (const Node& element : *array) take(element);
    else
        take(node);
    if (sockets.size() > sockets_max)
        return reading.error(node,
                             "there are " + std::to_string(sockets.size()) + " sockets, and 64 is the most");
    target = std::move(sockets);
}

std::string Sockets::show(const std::vector<Socket>& value) {
    std::string text;
    for (const Socket& socket : value) text += (text.empty() ? "[" : ", ") + show_one(socket);
    return text.empty() ? text : text + "]";
}

void check_sockets(const std::vector<Draft>& drafts, const Daemon& daemon, Findings& findings) {
    struct Seen {
        const Socket* socket;
        std::string owner;
    };
    // By what two that overlap have in common, so that thousands of them are not compared each with each.
    std::map<std::string, std::vector<Seen>> seen;
    const Socket control{.host = {}, .port = 0, .path = daemon.socket, .name = {}};
    seen[control.path].push_back({&control, "the daemon's own socket ([daemon])"});
    for (const Draft& draft : drafts) {
        const std::vector<Socket>& sockets = draft.service.process.sockets;
        for (std::size_t i = 0; i < sockets.size(); ++i) {
            const Socket& socket = sockets[i];
            const Position place = place_of(draft, i);
            auto& near = seen[socket.path.empty() ? std::to_string(socket.port) : socket.path];
            const auto other =
                std::ranges::find_if(near, [&](const Seen& one) { return overlap(*one.socket, socket); });
            if (other != near.end())
                findings.error(place,
                               "service." + draft.service.name + ".sockets: " + quoted(address_of(socket)) +
                                   " is opened already, as " + quoted(address_of(*other->socket)) + " of " +
                                   other->owner,
                               "each address is one service's; take one of them out");
            near.push_back({&socket, draft.service.name + " (" + findings.place_text(place) + ")"});
        }
    }
}

}  // namespace dpsup::config
