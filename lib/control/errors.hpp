// Errors on their way out: {"error": {"code", "message", "hint"}} and the HTTP status that goes with a code.
#pragma once

#include <string_view>

#include "base/http.hpp"
#include "base/result.hpp"

namespace dpsup::control {

// 500 where the code is none of those that the API knows.
[[nodiscard]] unsigned http_status(std::string_view code);

[[nodiscard]] http::Reply error_reply(const Error& error);

}  // namespace dpsup::control
