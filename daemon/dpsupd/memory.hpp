// What the daemon remembers across its own end, written behind the loop's back: changes are collected, and
// one thread writes them, so that a slow disk holds up nobody but those who asked to know.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "io/state/state_store.hpp"
#include "io/workers.hpp"

namespace dpsup {

class Memory {
public:
    // Called with nothing once the changes are on disk, or with the error that keeps them from it.
    using Saved = std::function<void(const std::optional<Error>&)>;

    Memory(boost::asio::io_context& context, io::StateStore store, io::Remembered remembered);

    [[nodiscard]] io::RememberedService of(const std::string& service) const;
    void set(const std::string& service, const io::RememberedService& remembered);
    void forget(const std::string& service) { set(service, {}); }

    // Tells when everything that was set before is saved (at once where it is).
    void when_saved(Saved saved);
    [[nodiscard]] bool all_saved() const { return !dirty_ && !saving_; }

    // The last word before the end; whoever waited is gone by now. Waits for the disk for a few seconds, and tells where it
    // does not answer.
    void close();

private:
    void save_soon();
    void save();
    void take(const Result<void>& result);

    boost::asio::io_context& context_;
    std::shared_ptr<const io::StateStore> store_;  // the thread's as well, which may outlive us
    io::Remembered remembered_;
    bool dirty_ = false;
    bool saving_ = false;
    bool scheduled_ = false;
    std::set<std::string> unsaved_;   // services, since everything was saved
    std::vector<Saved> waiting_;      // for a save that has not begun
    std::vector<Saved> being_saved_;  // for the one under way
    Duration retry_wait_ = std::chrono::seconds(1);
    boost::asio::steady_timer retry_;
    io::Workers writer_;  // one thread: what was written last counts
};

}  // namespace dpsup
