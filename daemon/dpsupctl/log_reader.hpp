// A service's output, read where it lies, with the caller's own rights: the last lines of a rotated file, and
// what is appended to it while it may be rotated again.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "dpsupctl/view.hpp"

namespace dpsup::ctl {

struct Tail {
    std::vector<std::string> lines;
    off_t end = 0;  // behind the last whole line of the file
};

// The last `most` lines of `path`, going on into its rotated predecessors, path.1 and so on. A file that is not
// there is empty.
[[nodiscard]] Result<Tail> tail_of(const std::string& path, std::size_t most);

// The same from wherever the output is; empty where it cannot be read.
[[nodiscard]] std::vector<std::string> last_lines(const LogView& log, std::size_t most);

// Reads on in a file that others append to. When it is rotated (its front is moved to path.1, and it shrinks)
// or replaced, what was not read yet is read from there first.
class Follower {
public:
    Follower(std::string path, off_t from);
    Follower(Follower&& other) noexcept;
    Follower& operator=(Follower&&) = delete;
    ~Follower();

    // The whole lines that have come since the last call, a bounded number of them.
    [[nodiscard]] Result<std::vector<std::string>> read_on();

private:
    struct Identity {
        dev_t device = 0;
        ino_t inode = 0;
        bool operator==(const Identity&) const = default;
    };

    [[nodiscard]] Result<void> open();
    [[nodiscard]] std::string before_position() const;
    [[nodiscard]] bool was_rotated() const;
    void take(int fd, off_t& position, std::vector<std::string>& lines);
    void catch_up_with_rotation(std::vector<std::string>& lines);

    std::string path_;
    int fd_ = -1;
    Identity identity_;
    off_t position_ = 0;
    std::string landmark_;  // what stood right before the position when it was read
    std::string partial_;   // the beginning of a line whose end has not come
};

}  // namespace dpsup::ctl
