#include "io/inotify.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <unordered_map>
#include <vector>

namespace dpsup::io {

struct Inotify::Implementation : std::enable_shared_from_this<Implementation> {
    struct Entry {
        Callback callback;
        bool once = false;
    };

    explicit Implementation(boost::asio::io_context& context) : descriptor(context) {
        const int fd = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (fd >= 0) descriptor.assign(fd);
    }

    void wait() {
        if (!descriptor.is_open()) return;
        descriptor.async_wait(boost::asio::posix::descriptor_base::wait_read,
                              [self = shared_from_this()](const boost::system::error_code& error) {
                                  if (error) return;
                                  self->read();
                                  self->wait();
                              });
    }

    // One read a turn; more makes the descriptor readable again at once.
    void read() {
        alignas(inotify_event) std::array<char, 16384> buffer;
        const auto length = ::read(descriptor.native_handle(), buffer.data(), buffer.size());
        for (ssize_t at = 0; at < length;) {
            const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
            at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
            if ((event->mask & IN_Q_OVERFLOW) != 0)
                tell_all();
            else
                tell(event->wd);
        }
    }

    void tell(Watch watch) {
        const auto found = entries.find(watch);
        if (found == entries.end()) return;
        const Callback callback = found->second.callback;
        if (found->second.once) entries.erase(found);
        callback();
    }

    // The kernel dropped events: whoever watches looks for himself.
    void tell_all() {
        std::vector<Watch> all;
        for (const auto& entry : entries) all.push_back(entry.first);
        for (const Watch watch : all) tell(watch);
    }

    boost::asio::posix::stream_descriptor descriptor;
    std::unordered_map<Watch, Entry> entries;
};

Inotify::Inotify(boost::asio::io_context& context)
    : implementation_(std::make_shared<Implementation>(context)) {
    implementation_->wait();
}

Inotify::~Inotify() {
    boost::system::error_code ignored;
    implementation_->descriptor.close(ignored);
    implementation_->entries.clear();
}

Inotify::Watch Inotify::add(const std::string& path, std::uint32_t mask, Callback callback) {
    if (!implementation_->descriptor.is_open()) return none;
    const int watch = ::inotify_add_watch(implementation_->descriptor.native_handle(), path.c_str(), mask);
    if (watch >= 0) implementation_->entries[watch] = {std::move(callback), (mask & IN_ONESHOT) != 0};
    return watch;
}

void Inotify::remove(Watch watch) {
    if (implementation_->entries.erase(watch) != 0)
        ::inotify_rm_watch(implementation_->descriptor.native_handle(), watch);
}

}  // namespace dpsup::io
