// The API's OpenAPI document, lib/control/openapi.json, as it is built into the program.
#pragma once

#include <string_view>

namespace dpsup::control {

[[nodiscard]] std::string_view openapi_document();

}  // namespace dpsup::control
