// Keeps log files bounded while services write to them directly. A file's first change after a pause is told
// by the kernel (a one-shot watch); then its size is looked at, and the watch is set again after a pause that
// depends on how fast it grows. So a silent service costs nothing and a flood costs a few wake-ups a second,
// whatever its rate.
//
// Rotating copies to NAME.log.1 and cuts the copied part off the front of NAME.log, which the service keeps
// open. On ext4 and xfs the cut is exact and no line is lost; elsewhere the file is emptied, and what is
// written between the last read and the cut is lost. Copying happens in a thread of its own, one file at a
// time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "io/inotify.hpp"

namespace boost::asio {
class io_context;
}

namespace dpsup::io {

class Rotation {
public:
    // Told on the loop of a rotation that failed.
    using Warn = std::function<void(const std::string& path, const std::string& message)>;

    Rotation(boost::asio::io_context& context, Inotify& inotify, Warn warn);
    ~Rotation();  // waits for a rotation under way, but not for ever
    Rotation(const Rotation&) = delete;
    Rotation& operator=(const Rotation&) = delete;

    // Watches the file from now on; again, with other bounds, changes them. `size_max` 0: no bound.
    void watch(const std::string& path, std::uint64_t size_max, std::uint32_t keep);
    void forget(const std::string& path);

private:
    struct Implementation;
    std::shared_ptr<Implementation> implementation_;
};

}  // namespace dpsup::io
