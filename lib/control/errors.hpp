// Errors on their way out: {"error": {"code", "message", "hint"}} and the HTTP status that goes with a code.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/http.hpp"
#include "base/result.hpp"

namespace dpsup::control {

// 500 where the code is none of those that the API knows.
[[nodiscard]] unsigned http_status(std::string_view code);

// With the nearest of the names that there are.
[[nodiscard]] Error unknown_service(const std::string& name, const std::vector<std::string_view>& known);

[[nodiscard]] http::Reply error_reply(const Error& error);

}  // namespace dpsup::control
