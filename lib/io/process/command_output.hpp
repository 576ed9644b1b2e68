// The first bytes that a command writes, for people. The rest is read and dropped, so that the command never
// waits for a reader; and a leftover that holds the pipe open holds nobody up.
#pragma once

#include <memory>
#include <string>

#include "io/unique_fd.hpp"

namespace boost::asio {
class io_context;
}

namespace dpsup::io {

class CommandOutput {
public:
    explicit CommandOutput(boost::asio::io_context& context);
    ~CommandOutput();
    CommandOutput(const CommandOutput&) = delete;
    CommandOutput& operator=(const CommandOutput&) = delete;

    // The command's end of the pipe, to be closed once it has it; none: errno says why.
    [[nodiscard]] UniqueFd take_writer();
    // What has come by now: one line of clean text, 512 bytes at most.
    [[nodiscard]] std::string text();

private:
    struct Implementation;
    std::shared_ptr<Implementation> implementation_;
    UniqueFd writer_;
};

}  // namespace dpsup::io
