// Takes an HTTP/1.1 reply in as it arrives. It knows what dpsupd sends (Content-Length, chunked, or up to the
// end), and nothing more: a full HTTP library would cost the command line tool more time than its whole work.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace dpsup::ctl {

class ReplyParser {
public:
    // False where this is no HTTP reply, or a larger one than anybody sends.
    [[nodiscard]] bool feed(std::string_view bytes);
    // The peer has closed its end. False where the reply is not whole.
    [[nodiscard]] bool end();

    [[nodiscard]] bool head_done() const { return state_ != State::head; }
    [[nodiscard]] bool done() const { return state_ == State::done; }
    [[nodiscard]] unsigned status() const { return status_; }

    // The part of the body that has come since the last call.
    [[nodiscard]] std::string take_body();

private:
    enum class State : std::uint8_t { head, sized, until_end, chunk_size, chunk, chunk_end, done };

    bool step();
    bool read_head();
    bool read_chunk_size();
    bool read_body();

    State state_ = State::head;
    std::string input_;
    std::size_t used_ = 0;  // of input_
    std::size_t left_ = 0;  // of the body or of this chunk
    unsigned status_ = 0;
    std::string body_;
};

}  // namespace dpsup::ctl
