// The control socket's listening end: made by us, or handed in by systemd (socket activation).
#pragma once

#include <string>

#include "base/result.hpp"

namespace dpsup::io::http {

// Owns the descriptor. A socket that we made is unlinked with it, unless another one has taken its place.
class Listener {
public:
    // Binds, listens and makes the socket visible at `path` with mode 0666 in one step. A stale socket is
    // replaced; one that answers is refused (code "in_use"), as is anything that is no socket.
    [[nodiscard]] static Result<Listener> create(const std::string& path);

    // Takes over a descriptor that listens already; it is left open where this fails.
    [[nodiscard]] static Result<Listener> adopt(int fd);

    // Takes over what create() of an earlier program in this process made at `path`: it is unlinked as that one's.
    [[nodiscard]] static Result<Listener> adopt_own(int fd, const std::string& path);

    Listener(Listener&& other) noexcept;
    Listener& operator=(Listener&& other) noexcept;
    ~Listener();

    [[nodiscard]] int fd() const { return fd_; }
    // Whether we made it, and it still is at its path.
    [[nodiscard]] bool is_own() const;

private:
    Listener(int fd, std::string path, unsigned long inode);
    void close();

    int fd_ = -1;
    std::string path_;  // empty: not ours to unlink
    unsigned long inode_ = 0;
};

}  // namespace dpsup::io::http
