#include "own_unit.hpp"

#include <memory>
#include <optional>
#include <utility>

#include "base/units.hpp"
#include "io/systemd/manager_bus.hpp"
#include "io/systemd/own_unit.hpp"

namespace dpsup {
namespace {

// Whoever sent the signal waits for the end; whoever asks for the stop can wait for an answer.
constexpr Duration ask_patience = std::chrono::seconds(2);
constexpr Duration stop_patience = std::chrono::seconds(10);

// Of a question that is under way; whoever is first, the answer or the time, tells.
template <class Value>
struct Question {
    explicit Question(boost::asio::io_context& context) : deadline(context) {}

    void tell(const Result<Value>& result) {
        deadline.cancel();
        if (const auto told = std::exchange(answered, nullptr)) told(result);
    }

    boost::asio::steady_timer deadline;
    std::function<void(const Result<Value>&)> answered;
};

}  // namespace

template <class Value>
void OwnUnit::in_time(Duration patience, std::function<Result<Value>()> ask,
                      std::function<void(const Result<Value>&)> answered) {
    const auto question = std::make_shared<Question<Value>>(context_);
    question->answered = std::move(answered);
    const auto answer = std::make_shared<std::optional<Result<Value>>>();
    if (!workers_.submit([answer, ask = std::move(ask)] { answer->emplace(ask()); },
                         [question, answer] { question->tell(**answer); }))
        return question->tell(fail("no_systemd", "ask systemd: no thread can be had"));
    question->deadline.expires_after(patience);
    question->deadline.async_wait([question, patience](const boost::system::error_code& cancelled) {
        if (cancelled) return;
        question->tell(
            fail(io::systemd_no_answer, "ask systemd: no answer within " + format_duration(patience)));
    });
}

void OwnUnit::ask(std::function<void(const Result<core::UnitAnswer>&)> answered) {
    in_time<core::UnitAnswer>(
        ask_patience, [] { return io::ask_about_own_unit(ask_patience); }, std::move(answered));
}

void OwnUnit::stop(std::function<void(const Result<bool>&)> answered) {
    in_time<bool>(stop_patience, [] { return io::stop_own_unit(stop_patience); }, std::move(answered));
}

}  // namespace dpsup
