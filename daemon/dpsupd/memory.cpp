#include "memory.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <utility>

#include "base/text.hpp"
#include "log.hpp"

namespace dpsup {
namespace {

constexpr Duration retry_wait_min = std::chrono::seconds(1);
constexpr Duration retry_wait_max = std::chrono::seconds(60);
constexpr Duration close_patience = std::chrono::seconds(5);

}  // namespace

Memory::Memory(boost::asio::io_context& context, io::StateStore store, io::Remembered remembered)
    : context_(context),
      store_(std::make_shared<const io::StateStore>(std::move(store))),
      remembered_(std::move(remembered)),
      retry_(context),
      writer_(context, 1) {}

void Memory::close() {
    if (all_saved()) return;
    // Its own thread's, after what that has in hand: the disk may hang for ever.
    const auto saved = std::make_shared<std::promise<Result<void>>>();
    std::future<Result<void>> answer = saved->get_future();
    const auto write = [store = store_, copy = remembered_, saved] { saved->set_value(store->save(copy)); };
    if (!writer_.submit(write, [] {})) write();
    if (answer.wait_for(close_patience) != std::future_status::ready)
        return log_warning("the disk with the state directory does not answer: what was last wanted of " +
                           listed({unsaved_.begin(), unsaved_.end()}) +
                           " is not saved, and will be forgotten");
    if (const Result<void> result = answer.get(); !result) log_error(result.error());
}

io::RememberedService Memory::of(const std::string& service) const {
    const auto found = remembered_.find(service);
    return found == remembered_.end() ? io::RememberedService{} : found->second;
}

void Memory::set(const std::string& service, const io::RememberedService& remembered) {
    if (of(service) == remembered) return;
    if (remembered == io::RememberedService{})
        remembered_.erase(service);
    else
        remembered_[service] = remembered;
    unsaved_.insert(service);
    dirty_ = true;
    save_soon();
}

void Memory::when_saved(Saved saved) {
    if (!dirty_ && !saving_)
        saved(std::nullopt);
    else if (dirty_)
        waiting_.push_back(std::move(saved));
    else
        being_saved_.push_back(std::move(saved));
}

// After what the loop has in hand, so that one write serves all changes of a turn.
void Memory::save_soon() {
    if (saving_ || std::exchange(scheduled_, true)) return;
    boost::asio::post(context_, [this] {
        scheduled_ = false;
        if (dirty_ && !saving_) save();
    });
}

void Memory::save() {
    saving_ = true;
    dirty_ = false;
    being_saved_ = std::exchange(waiting_, {});
    const auto result = std::make_shared<Result<void>>();
    const auto write = [store = store_, copy = remembered_, result] { *result = store->save(copy); };
    const auto done = [this, result] { take(*result); };
    if (writer_.submit(write, done)) return;
    *result = fail("state_not_saved", "no thread can be had to save what is wanted of services",
                   "see the limits of tasks: ulimit -u, TasksMax=");
    boost::asio::post(context_, done);
}

void Memory::take(const Result<void>& result) {
    saving_ = false;
    std::optional<Error> error;
    if (!result) error = result.error();
    for (const Saved& saved : std::exchange(being_saved_, {})) saved(error);
    if (!error) {
        if (!dirty_) unsaved_.clear();
        retry_wait_ = retry_wait_min;
        if (dirty_) save_soon();
        return;
    }
    log_error(*error);
    dirty_ = true;
    if (!waiting_.empty()) {
        save_soon();
        return;
    }
    retry_.expires_after(std::exchange(retry_wait_, std::min(retry_wait_ * 2, retry_wait_max)));
    retry_.async_wait([this](const boost::system::error_code& cancelled) {
        if (!cancelled && dirty_ && !saving_) save();
    });
}

}  // namespace dpsup
