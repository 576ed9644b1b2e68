#include "io/process/command_output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>

#include "io/process/notify_message.hpp"

namespace dpsup::io {
namespace {

constexpr std::size_t text_max = 512;
constexpr int reads_per_turn = 16;

}  // namespace

struct CommandOutput::Implementation : std::enable_shared_from_this<Implementation> {
    Implementation(boost::asio::io_context& context, int fd) : descriptor(context, fd) {}

    void wait() {
        descriptor.async_wait(boost::asio::posix::descriptor_base::wait_read,
                              [self = shared_from_this()](const boost::system::error_code& error) {
                                  if (!error && self->descriptor.is_open() && self->read()) self->wait();
                              });
    }

    // False: the end has been reached.
    bool read() {
        std::array<char, 8192> buffer;
        for (int count = 0; count < reads_per_turn; ++count) {
            const auto length = ::read(descriptor.native_handle(), buffer.data(), buffer.size());
            if (length < 0) return errno == EAGAIN || errno == EINTR;
            if (length == 0) return false;
            const auto left = text_max - kept.size();
            kept.append(buffer.data(), std::min(left, static_cast<std::size_t>(length)));
        }
        return true;
    }

    boost::asio::posix::stream_descriptor descriptor;
    std::string kept;
};

CommandOutput::CommandOutput(boost::asio::io_context& context) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
    writer_.reset(ends[1]);
    implementation_ = std::make_shared<Implementation>(context, ends[0]);
    implementation_->wait();
}

CommandOutput::~CommandOutput() {
    boost::system::error_code ignored;
    if (implementation_) implementation_->descriptor.close(ignored);
}

UniqueFd CommandOutput::take_writer() {
    return std::move(writer_);
}

std::string CommandOutput::text() {
    if (!implementation_) return {};
    static_cast<void>(implementation_->read());
    std::string text = clean_text(implementation_->kept, text_max);
    while (!text.empty() && text.back() == ' ') text.pop_back();
    return text;
}

}  // namespace dpsup::io
