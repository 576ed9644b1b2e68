// One line of the run log.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "io/state/run_log.hpp"

namespace dpsup::io {

// With its checksum and its newline. Without a record: the name is not on record any more.
[[nodiscard]] std::string encode_run(const std::string& name, const RunRecord* record);

struct NamedRun {
    std::string name;
    std::optional<RunRecord> record;
};

// Without the newline. Nothing where the line is damaged.
[[nodiscard]] std::optional<NamedRun> decode_run(std::string_view line);

}  // namespace dpsup::io
