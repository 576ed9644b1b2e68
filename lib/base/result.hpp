// Result<T>: a value, or an Error that a person can act on. Exceptions stop at the third-party call that
// throws them; everything above speaks Result.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace dpsup {

// One error as it is shown to people and sent over the API.
// `code` is a stable lower_snake_case word for programs; `message` says what was tried, on what, and what
// went wrong; `hint` says what to do about it and may be empty.
struct Error {
    std::string code;
    std::string message;
    std::string hint = {};

    bool operator==(const Error&) const = default;
};

template <class T>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> fail(std::string code, std::string message,
                                                std::string hint = {}) {
    return tl::unexpected<Error>(Error{std::move(code), std::move(message), std::move(hint)});
}

// Puts what the caller was doing in front of an error from below: "starting x: open y: ...".
[[nodiscard]] inline tl::unexpected<Error> add_context(const std::string& doing, Error error) {
    error.message = doing + ": " + error.message;
    return tl::unexpected<Error>(std::move(error));
}

}  // namespace dpsup
