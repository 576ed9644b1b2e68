#include "dpsupctl/reply_parser.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace dpsup::ctl {
namespace {

constexpr std::size_t head_max = std::size_t{64} * 1024;
constexpr std::size_t body_max = std::size_t{256} * 1024 * 1024;

std::optional<std::size_t> number(std::string_view text, int base) {
    std::size_t value = 0;
    const auto* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value, base);
    if (error != std::errc{} || rest != end || value > body_max) return std::nullopt;
    return value;
}

bool same_word(std::string_view a, std::string_view lower) {
    return a.size() == lower.size() &&
           std::equal(a.begin(), a.end(), lower.begin(), [](char left, char right) {
               return (left >= 'A' && left <= 'Z' ? left - 'A' + 'a' : left) == right;
           });
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

}  // namespace

bool ReplyParser::feed(std::string_view bytes) {
    input_.append(bytes);
    bool going_on = true;
    while (going_on) {
        const auto before = std::pair(state_, used_);
        if (!step()) return false;
        going_on = std::pair(state_, used_) != before;
    }
    input_.erase(0, used_);
    used_ = 0;
    return state_ != State::head || input_.size() <= head_max;
}

bool ReplyParser::end() {
    if (state_ == State::until_end) state_ = State::done;
    return state_ == State::done;
}

std::string ReplyParser::take_body() {
    return std::exchange(body_, {});
}

// One step; where nothing can be done before more input has come, nothing changes.
bool ReplyParser::step() {
    switch (state_) {
        case State::head:
            return read_head();
        case State::chunk_size:
            return read_chunk_size();
        case State::sized:
        case State::chunk:
        case State::until_end:
            return read_body();
        case State::chunk_end:
            if (input_.size() - used_ < 2) return true;
            if (input_.compare(used_, 2, "\r\n") != 0) return false;
            used_ += 2;
            state_ = State::chunk_size;
            return true;
        case State::done:
            return true;
    }
    return false;
}

bool ReplyParser::read_head() {
    const auto end = input_.find("\r\n\r\n", used_);
    if (end == std::string::npos) return true;
    std::string_view head = std::string_view(input_).substr(used_, end + 2 - used_);
    used_ = end + 4;
    if (!head.starts_with("HTTP/1.") || head.size() < 12) return false;
    const auto status = number(head.substr(9, 3), 10);
    if (!status) return false;
    status_ = static_cast<unsigned>(*status);
    if (status_ == 100) return true;  // "go on": the real head follows

    state_ = State::until_end;
    head.remove_prefix(head.find("\r\n") + 2);
    while (!head.empty()) {
        const auto line = head.substr(0, head.find("\r\n"));
        head.remove_prefix(line.size() + 2);
        const auto colon = std::min(line.find(':'), line.size());
        const auto value = trimmed(line.substr(std::min(colon + 1, line.size())));
        if (same_word(line.substr(0, colon), "content-length")) {
            const auto length = number(value, 10);
            if (!length) return false;
            left_ = *length;
            state_ = left_ == 0 ? State::done : State::sized;
        } else if (same_word(line.substr(0, colon), "transfer-encoding")) {
            if (!same_word(value, "chunked")) return false;
            state_ = State::chunk_size;
            return true;
        }
    }
    return true;
}

bool ReplyParser::read_chunk_size() {
    constexpr std::size_t line_max = 32;
    const auto end = input_.find("\r\n", used_);
    if (end == std::string::npos) return input_.size() - used_ <= line_max;
    const auto size = number(std::string_view(input_).substr(used_, end - used_), 16);
    if (!size) return false;
    used_ = end + 2;
    left_ = *size;
    state_ = left_ == 0 ? State::done : State::chunk;
    return true;
}

bool ReplyParser::read_body() {
    const std::size_t there = input_.size() - used_;
    const std::size_t size = state_ == State::until_end ? there : std::min(left_, there);
    body_.append(input_, used_, size);
    used_ += size;
    if (state_ == State::until_end) return body_.size() <= body_max;
    left_ -= size;
    if (left_ == 0) state_ = state_ == State::sized ? State::done : State::chunk_end;
    return true;
}

}  // namespace dpsup::ctl
