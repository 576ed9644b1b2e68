// The record of a PostgreSQL cluster as it stands in the store: JSON, since people look at it there.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "core/postgres/record.hpp"

namespace dpsup::io {

[[nodiscard]] std::string encode_record(const core::postgres::Record& record);

// `origin` names where it stands, for messages. Errors: "record_damaged"; "record_too_new" where a newer dpsup wrote it.
// Keys that this version does not know are refused: what they mean for the lease cannot be known.
[[nodiscard]] Result<core::postgres::Record> decode_record(std::string_view text, const std::string& origin);

}  // namespace dpsup::io
