#include "sim/run.hpp"

#include <deque>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "core/supervise/supervisor.hpp"
#include "sim/heap.hpp"
#include "sim/people.hpp"
#include "sim/referee.hpp"
#include "sim/trace.hpp"

namespace dpsup::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t lines_kept = 50;
constexpr Duration calm_most = 3h;     // in which everything must have come right
constexpr Duration calm_after = 2min;  // for which it must then stay so
constexpr Duration shutdown_most = 3h;
constexpr int deadlines_most = 8;         // at one instant, without anything else happening
constexpr Duration stall_most = 2s;       // less than what the referee waits for a duty
constexpr std::uint64_t look_every = 64;  // events
constexpr std::size_t bytes_per_service = 8192;

class Life {
public:
    Life(std::uint64_t seed, const Options& options)
        : options_(options),
          random_(seed),
          agenda_(random_.next()),
          core_(random_.next()),
          world_(random_.next(), agenda_, some_faults(random_), [this](core::Event event) { tell(event); }),
          people_(random_.next(), some_size(), agenda_, world_, core_,
                  [this](core::Event event) { tell(event); }),
          referee_(core_, world_),
          late_timers_(random_.chance(0.3) ? random_.real(0, 0.2) : 0),
          stalls_(random_.chance(0.3) ? random_.real(0, 0.05) : 0),
          crashes_every_(random_.chance(0.5) ? random_.duration(5s, 3min) : Duration::zero()) {}

    Outcome live() {
        try {
            const Instant end = Instant{} + options_.wild;
            people_.begin(end);
            plan_crash(end);
            run_until(end, [] { return false; });
            calm();
            shut_down();
        } catch (const Broken& broken) {
            outcome_.promise = broken.promise;
            outcome_.how = broken.how;
        }
        outcome_.simulated = agenda_.now() - Instant{};
        outcome_.refused = people_.refused();
        for (const auto& [id, account] : referee_.accounts()) outcome_.achieved += account.launches;
        outcome_.trace.assign(lines_.begin(), lines_.end());
        return std::move(outcome_);
    }

private:
    // Small hosts find most bugs, and are quick.
    std::size_t some_size() {
        const auto most = std::max<std::size_t>(options_.services, 2);
        return static_cast<std::size_t>(
            random_.duration(Duration(2), Duration(static_cast<Duration::rep>(most))).count());
    }

    void run_until(Instant end, const std::function<bool()>& enough) {
        while (!enough()) {
            const auto deadline = core_.next_deadline();
            const auto planned = agenda_.next();
            if (std::min(deadline, planned) > end) {
                agenda_.set_now(std::max(agenda_.now(), end));  // after a stall it may be later
                return;
            }
            if (deadline < planned || (deadline == planned && random_.chance(0.5)))
                reach(deadline);
            else
                agenda_.run_next();
        }
    }

    void reach(Instant deadline) {
        agenda_.set_now(std::max(agenda_.now(), deadline));
        // A busy engine comes late.
        const auto late = random_.chance(late_timers_) ? random_.duration(1us, 400ms) : Duration::zero();
        if (late > 0s && agenda_.next() > agenda_.now() + late) agenda_.set_now(agenda_.now() + late);
        if (random_.chance(stalls_)) stall(agenda_.now() + random_.duration(1ms, stall_most));
        if (agenda_.now() != deadlines_at_) deadlines_ = 0;
        deadlines_at_ = agenda_.now();
        if (++deadlines_ > deadlines_most)
            throw Broken{"quiet", "the core asks to be called again and again at one instant"};
        tell(core::DeadlineReached{});
    }

    // What happens meanwhile is told when it is over, and before the deadline: all at once, and all of it late.
    void stall(Instant end) {
        mark("stall");
        stalled_ = true;
        while (stalled_ && agenda_.next() <= end) agenda_.run_next();
        if (stalled_) agenda_.set_now(end);
        end_stall();
    }

    void end_stall() {
        if (!std::exchange(stalled_, false)) return;
        catches_up_ = true;
        for (const auto& event : std::exchange(missed_, {})) tell(event);
        catches_up_ = false;
    }

    // At the next step: before any of its effects, between two of them, or after all.
    void plan_crash(Instant end) {
        if (crashes_every_ == 0s || agenda_.now() + crashes_every_ > end) return;
        agenda_.in(random_.duration(Duration(1), 2 * crashes_every_), [this, end] {
            crash_due_ = agenda_.now() < end;
            plan_crash(end);
        });
    }

    // There is one record a name: where a removed service has a successor, the new daemon takes the one for the other.
    bool may_crash() const {
        bool may = !core_.shutting_down() && !down_ && !catches_up_;
        core_.for_each([&](const core::Service& service) {
            may = may && (!service.removed || core_.find(service.policy.name) == nullptr);
        });
        return may;
    }

    // What is on record of a service that is not configured any more: how it is stopped, and in which order.
    static core::Policy left_of(const core::Policy& policy) {
        core::Policy left;
        left.name = policy.name;
        left.depends_on = policy.depends_on;
        left.stop_signal = policy.stop_signal;
        left.stop_timeout = policy.stop_timeout;
        return left;
    }

    void add_leaving(core::ConfigLoaded& loaded) const {
        for (const auto& [id, policy] : leaving_) {
            const auto record = records_.find(id);
            if (record == records_.end() || !record->second.run) continue;
            loaded.changes.push_back({.change = core::Change::add,
                                      .service = id,
                                      .policy = left_of(policy),
                                      .cause = {},
                                      .wanted_up = false,
                                      .past = record->second});
            loaded.changes.push_back({.change = core::Change::remove,
                                      .service = id,
                                      .policy = {},
                                      .cause = {},
                                      .wanted_up = {},
                                      .past = {}});
        }
    }

    void crash() {
        mark("crash");
        crash_due_ = false;
        down_ = true;
        world_.crash();
        core_ = core::Supervisor(random_.next());
        agenda_.in(random_.duration(1us, 5s), [this] { take_over(); });
    }

    void take_over() {
        if (!down_) return;
        mark("takeover");
        down_ = false;
        world_.back();
        core::ConfigLoaded loaded{{}, budget_};
        add_leaving(loaded);
        for (const auto& [id, policy] : configured_)
            loaded.changes.push_back({.change = core::Change::add,
                                      .service = id,
                                      .policy = policy,
                                      .cause = {},
                                      .wanted_up = wanted_[id],
                                      .past = records_[id]});
        const auto output = core_.step(loaded, agenda_.now());
        if (options_.keep_trace) keep(describe(agenda_.now()) + " takeover" + describe(output, core_));
        referee_.judge_takeover(output, agenda_.now());
        record(output);
        for (const auto& effect : output.effects) world_.perform(effect);
    }

    void note_configuration(const core::Event& event) {
        const auto* loaded = std::get_if<core::ConfigLoaded>(&event);
        if (loaded == nullptr) return;
        budget_ = loaded->budget;
        for (const auto& change : loaded->changes) {
            if (change.change == core::Change::remove) {
                leaving_[change.service] = configured_[change.service];
                configured_.erase(change.service);
                continue;
            }
            configured_[change.service] = change.policy;
            if (change.change == core::Change::add)
                wanted_[change.service] = change.wanted_up.value_or(change.policy.autostart);
        }
    }

    void record(const core::Output& output) {
        for (const auto id : output.record)
            if (const auto* service = core_.find(id)) records_[id] = core::snapshot_of(*service);
        std::erase_if(leaving_, [&](const auto& one) { return core_.find(one.first) == nullptr; });
        for (const auto id : output.remember)
            if (const auto* service = core_.find(id)) wanted_[id] = service->wanted == core::Wanted::up;
    }

    void tell(const core::Event& event) {
        if (down_) return;
        if (stalled_ && std::holds_alternative<core::ServiceEvent>(event)) return missed_.push_back(event);
        end_stall();  // what people want is decided upon what they see
        const auto now = agenda_.now();
        note_configuration(event);
        const bool deadline_due = core_.next_deadline() <= now;
        ++outcome_.events;
        std::string line;
        if (options_.keep_trace) line = describe(now) + " " + describe(event, core_);
        const auto output = core_.step(event, now);
        if (options_.keep_trace) keep(line + describe(output, core_));
        referee_.judge(event, output, now, deadline_due);
        const bool deadlines_count = std::holds_alternative<core::DeadlineReached>(event);
        if (deadlines_count && core_.next_deadline() < now)
            throw Broken{"quiet", "the next deadline lies in the past"};
        if (outcome_.events % 8 == 0 && core_.next_deadline() > now) tell_again(now);
        if (outcome_.events % look_every == 0) referee_.look_around(now);
        if (outcome_.events % 4096 == 0) weigh();
        record(output);
        const bool crashes = crash_due_ && may_crash();
        for (const auto& effect : output.effects) {
            if (crashes && random_.chance(0.3)) return crash();
            world_.perform(effect);
        }
        if (crashes) crash();
    }

    void tell_again(Instant now) {
        const auto deadline = core_.next_deadline();
        referee_.judge_idle(core_.step(core::DeadlineReached{}, now), now);
        if (core_.next_deadline() != deadline)
            throw Broken{"quiet", "a second step at the same instant moved the deadline"};
    }

    void keep(std::string line) {
        if (options_.on_line) options_.on_line(line);
        lines_.push_back(std::move(line));
        if (lines_.size() > lines_kept) lines_.pop_front();
    }

    void weigh() {
        const HeapMeter meter;
        const auto copy = core_;
        const auto most = bytes_per_service * (core_.size() + 4);
        if (meter.bytes() > most)
            throw Broken{"bounded", "the core holds " + std::to_string(meter.bytes()) + " bytes for " +
                                        std::to_string(core_.size()) + " services"};
    }

    void mark(const char* what) {
        if (options_.keep_trace) keep(describe(agenda_.now()) + " --- " + what);
    }

    // What has not come right when faults have ceased for so long; empty: nothing.
    std::string settle() {
        const Instant end = agenda_.now() + calm_most;
        std::string left;
        while (!(left = referee_.unsettled()).empty() && agenda_.now() < end)
            run_until(agenda_.now() + 5s, [] { return false; });
        return left;
    }

    // What came right and does not stay so.
    std::string stay() {
        run_until(agenda_.now() + 70s, [] { return false; });  // the last late messages
        std::string left;
        for (const Instant stays = agenda_.now() + calm_after; left.empty() && agenda_.now() < stays;) {
            run_until(agenda_.now() + 10s, [] { return false; });
            left = referee_.unsettled();
        }
        return left;
    }

    void calm() {
        take_over();
        crash_due_ = false;
        mark("calm");
        world_.calm_down();
        if (core_.shutting_down()) return;
        std::string left = settle();
        if (left.empty()) {
            // Whose delay the referee cannot know may be launched at any time: it must come right too, at the end.
            referee_.excuse_unsure(true);
            left = stay();
            referee_.excuse_unsure(false);
        }
        if (left.empty()) left = settle();
        referee_.look_around(agenda_.now());
        if (!left.empty()) throw Broken{"liveness", left};
    }

    void shut_down() {
        mark("shutdown");
        if (!core_.shutting_down()) tell(core::ShutdownRequested{});
        run_until(agenda_.now() + shutdown_most, [this] { return referee_.all_stopped(); });
        if (!referee_.all_stopped()) throw Broken{"shutdown", "did not end: " + referee_.unsettled()};
        run_until(agenda_.now() + 1min, [] { return false; });
        weigh();
    }

    const Options& options_;
    Random random_;
    Agenda agenda_;
    core::Supervisor core_;
    World world_;
    People people_;
    Referee referee_;
    double late_timers_;
    double stalls_;
    bool stalled_ = false;
    bool catches_up_ = false;
    std::vector<core::Event> missed_;  // while it is
    Duration crashes_every_;
    bool crash_due_ = false;
    bool down_ = false;
    std::map<ServiceId, core::Policy> configured_;
    std::map<ServiceId, core::Policy> leaving_;  // removed; something of them may run
    std::map<ServiceId, bool> wanted_;
    std::map<ServiceId, core::Snapshot> records_;
    core::RestartBudget budget_;
    Outcome outcome_;
    std::deque<std::string> lines_;
    Instant deadlines_at_{};
    int deadlines_ = 0;
};

}  // namespace

Outcome run(std::uint64_t seed, const Options& options) {
    return Life(seed, options).live();
}

}  // namespace dpsup::sim
