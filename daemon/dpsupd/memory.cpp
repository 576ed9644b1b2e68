#include "memory.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "log.hpp"

namespace dpsup {
namespace {

constexpr Duration retry_wait_min = std::chrono::seconds(1);
constexpr Duration retry_wait_max = std::chrono::seconds(60);

}  // namespace

Memory::Memory(boost::asio::io_context& context, io::StateStore store, io::Remembered remembered)
    : context_(context), store_(std::move(store)), remembered_(std::move(remembered)), retry_(context) {}

Memory::~Memory() {
    writer_.join();
    // The last word before the end; whoever waited is gone by now.
    if (!dirty_ && !saving_) return;
    if (const Result<void> saved = store_.save(remembered_); !saved) log_error(saved.error());
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
    boost::asio::post(writer_, [this, copy = remembered_, work = boost::asio::make_work_guard(context_)] {
        boost::asio::post(context_, [this, result = store_.save(copy)] { take(result); });
    });
}

void Memory::take(const Result<void>& result) {
    saving_ = false;
    std::optional<Error> error;
    if (!result) error = result.error();
    for (const Saved& saved : std::exchange(being_saved_, {})) saved(error);
    if (!error) {
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
