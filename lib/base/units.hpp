// Durations and sizes as people write them ("250ms", "1m30s", "64MiB"), in both directions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"

namespace dpsup {

// "1h30m", "250ms", "1.5s", "0"; units ns us ms s m h d. A bare number other than 0 is an error: which unit?
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);

// "64MiB", "1.5GiB", "512"; KiB MiB GiB TiB are powers of 1024, kB MB GB TB of 1000, k m g as Compose has
// them (powers of 1024). Bytes.
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text);

// The shortest exact form for configuration and API: "1m30s", "250ms".
[[nodiscard]] std::string format_duration(Duration duration);

// Rounded for people, two units at most: "3d 4h", "1.3s", "12ms".
[[nodiscard]] std::string format_duration_rounded(Duration duration);

// Rounded for people: "1.5 GiB".
[[nodiscard]] std::string format_size(std::uint64_t bytes);

// RFC 3339 in UTC with milliseconds: "2026-11-22T20:00:00.123Z".
[[nodiscard]] std::string format_wall_time(WallTime time);

}  // namespace dpsup
