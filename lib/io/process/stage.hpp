// What a launch step answers: its value, or the stage that failed as the brain and people see it.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "core/supervise/event.hpp"

namespace dpsup::io {

template <class T>
using Staged = tl::expected<T, core::LaunchFailed>;

// `error_number` 0: there is no errno, and `detail` says it all.
[[nodiscard]] inline tl::unexpected<core::LaunchFailed> stage_failed(std::string stage, int error_number,
                                                                     std::string detail) {
    return tl::unexpected<core::LaunchFailed>(
        core::LaunchFailed{std::move(stage), error_number, std::move(detail)});
}

}  // namespace dpsup::io
