// The socket on which one service says READY=1 and the like. One socket a service, so that the path already
// says who speaks; the kernel says which process it was (SO_PASSCRED).
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "io/process/stage.hpp"
#include "io/unique_fd.hpp"

namespace boost::asio {
class io_context;
}

namespace dpsup::io {

struct NotifySender {
    pid_t pid = 0;  // 0: not of our pid namespace
    uid_t uid = 0;
};

class NotifySocket {
public:
    // Told on the loop. Descriptors that came along are closed after it returns: that is what systemd-notify
    // waits for. False: the reader is not to go on in this turn (the socket may have been destroyed).
    using Heard = std::function<bool(const NotifySender&, std::string_view text)>;

    // Binds `path`, whose directory is created where it is missing; only `uid` (and root) may write to it.
    [[nodiscard]] static Staged<std::unique_ptr<NotifySocket>> open(boost::asio::io_context& context,
                                                                    const std::string& path, uid_t uid,
                                                                    Heard heard);
    // Goes on with one that an earlier dpsupd had opened; what has arrived since waits until listen(). Nothing: `fd` is
    // no socket that is bound to `path`, or that is not there any more.
    [[nodiscard]] static std::unique_ptr<NotifySocket> resume(boost::asio::io_context& context, UniqueFd fd,
                                                              const std::string& path, Heard heard);
    // Where it is bound; empty: it is no such socket.
    [[nodiscard]] static std::string path_of(int fd);

    ~NotifySocket();  // removes the path, but for leave()
    NotifySocket(const NotifySocket&) = delete;
    NotifySocket& operator=(const NotifySocket&) = delete;

    // Hears what has arrived already. Datagrams and exits come in on different ways: what was sent before the
    // exit must count before it.
    void drain();
    // A new instance is being launched. What has arrived is thrown away: it came from one that is gone. What arrives
    // from now on waits until listen(), since the instance may speak before we know its pid.
    void hold();
    void listen();
    // The path stays: whoever comes after us resumes it, and what is said meanwhile waits in it.
    void leave();
    [[nodiscard]] uid_t uid() const;
    [[nodiscard]] int fd() const;

private:
    struct Implementation;
    explicit NotifySocket(std::shared_ptr<Implementation> implementation);
    std::shared_ptr<Implementation> implementation_;
};

}  // namespace dpsup::io
