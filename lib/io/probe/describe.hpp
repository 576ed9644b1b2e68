// What a probe looks at, for people: without passwords, and short enough for one line.
#pragma once

#include <string>
#include <string_view>

#include "config/model.hpp"

namespace dpsup::io {

// "http http://127.0.0.1:80/", "tcp 127.0.0.1:2181", "postgres host=/run/postgresql dbname=main", "exec
// pg_isready".
[[nodiscard]] std::string describe(const config::ProbeTarget& target);

struct UrlHost {
    std::string host;  // without the brackets of an IPv6 address
    std::string port;  // as given, else the scheme's
};

// Of an http or https URL; empty where there is none.
[[nodiscard]] UrlHost host_of_url(std::string_view url);

}  // namespace dpsup::io
