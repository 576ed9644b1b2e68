// File watches of the whole daemon on one inotify descriptor: thousands of services cost one descriptor, and
// nothing polls.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "io/unique_fd.hpp"

namespace boost::asio {
class io_context;
}

namespace dpsup::io {

class Inotify {
public:
    // Told on the loop. It may add and remove watches.
    using Callback = std::function<void()>;
    using Watch = int;
    static constexpr Watch none = -1;

    explicit Inotify(boost::asio::io_context& context);
    ~Inotify();
    Inotify(const Inotify&) = delete;
    Inotify& operator=(const Inotify&) = delete;

    // `mask` as for inotify_add_watch(2). `none`: it could not be watched, and errno says why. With
    // IN_ONESHOT the watch is gone once it has been told.
    [[nodiscard]] Watch add(const std::string& path, std::uint32_t mask, Callback callback);
    void remove(Watch watch);

private:
    struct Implementation;
    std::shared_ptr<Implementation> implementation_;
};

}  // namespace dpsup::io
