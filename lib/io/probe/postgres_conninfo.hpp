// A conninfo string, taken apart and put together again so that libpq never resolves a name itself: its
// PQconnectStart would block the loop. Every host name comes with a hostaddr when libpq sees it.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "io/probe/postgres_library.hpp"
#include "io/probe/resolver.hpp"

namespace dpsup::io {

class Conninfo {
public:
    // The error is libpq's own sentence; it never contains a value.
    [[nodiscard]] static Result<Conninfo> parse(const PostgresLibrary& pq, const std::string& text);

    // Names that must be resolved before the connection can be started; each once.
    [[nodiscard]] std::vector<std::string> names() const;

    // Files and sockets' directories that it names, and libpq opens itself.
    [[nodiscard]] std::vector<std::string> paths() const;

    // The parameters for PQconnectStartParams. A host that is not in `addresses` is left out; empty where
    // none remains.
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> parameters(
        const std::map<std::string, Addresses>& addresses) const;

private:
    struct Host {
        std::string name;     // may be a directory
        std::string address;  // hostaddr, where it was given
        std::string port;
    };

    void take_hosts(const std::string& names, const std::string& addresses, const std::string& ports);

    std::vector<Host> hosts_;
    std::vector<std::pair<std::string, std::string>> others_;
};

}  // namespace dpsup::io
