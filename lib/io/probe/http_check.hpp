// Whether an answer satisfies an http probe. Pure: no sockets, no curl.
#pragma once

#include <string_view>

#include "config/model.hpp"
#include "io/probe/verdict.hpp"

namespace dpsup::io {

// `cut`: the body was longer than what we have of it.
[[nodiscard]] Verdict check_http(const config::HttpProbe& probe, long status, std::string_view body,
                                 bool cut);

}  // namespace dpsup::io
