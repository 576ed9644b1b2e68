// What to say about words that the configuration does not know: the nearest known one; what Compose's,
// systemd's or Kubernetes' word is called here; and which words come with a later version.
#pragma once

#include <span>
#include <string_view>

#include "config/reading.hpp"

namespace dpsup::config {

// `section` is the path of the section in the table of keys, "service.NAME".
void tell_unknown_key(Reading& reading, const Entry& entry, std::string_view section,
                      std::span<const std::string_view> known);

// `node` is none of the `known` words, which `shape` lists for people.
void tell_unknown_word(Reading& reading, const Node& node, std::string_view shape,
                       std::span<const std::string_view> known);

}  // namespace dpsup::config
