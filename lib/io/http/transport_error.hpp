// Errors of the transport itself, in the API's form.
#pragma once

#include <string_view>

#include "base/http.hpp"

namespace dpsup::io::http {

[[nodiscard]] dpsup::http::Reply transport_error(unsigned status, std::string_view code,
                                                 std::string_view message, std::string_view hint);

// A request that was dropped without an answer.
[[nodiscard]] dpsup::http::Reply no_answer();

}  // namespace dpsup::io::http
