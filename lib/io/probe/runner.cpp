#include "io/probe/runner.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <optional>
#include <unordered_map>

#include "base/units.hpp"
#include "base/utf8.hpp"
#include "io/probe/describe.hpp"
#include "io/probe/exec_attempt.hpp"
#include "io/probe/http_attempt.hpp"
#include "io/probe/log_attempt.hpp"
#include "io/probe/postgres_attempt.hpp"
#include "io/probe/stream_attempt.hpp"

namespace dpsup::io {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

// Probes that come due within this time of each other are started together: waking up for each of 500 a
// second costs as much as the probes themselves. One that comes after a pause is started at once. Less than the time
// in which probes fall due together, so that these need not wait again.
constexpr std::chrono::milliseconds gather{10};
constexpr std::chrono::milliseconds held_up{50};  // the loop is later than this only where it was
constexpr std::size_t starts_max = 32;            // in one turn of the loop, so that others have theirs

// Whose bound a probe counts against. Each probe stands in one queue only, since a place in the first is worth
// nothing while it waits in a second: who carries out commands and reads logs has bounds of its own.
enum class Pool : std::uint8_t { sockets, bounded_elsewhere };
constexpr std::size_t pools = 2;

Pool pool_of(const config::ProbeTarget& target) {
    const bool elsewhere =
        std::holds_alternative<config::ExecProbe>(target) || std::holds_alternative<config::LogProbe>(target);
    return elsewhere ? Pool::bounded_elsewhere : Pool::sockets;
}

struct Run {
    Run(asio::io_context& loop, const config::ProbeTarget& what) : target(what), deadline(loop) {}

    ServiceId service;
    Generation generation;
    core::RunProbe request;
    config::ProbeTarget target;
    OutputPlace output;
    Clock::time_point asked;
    std::optional<Clock::time_point> began;  // none: it waits for a place, or for its command to be launched
    asio::steady_timer deadline;
    bool has_more_time = false;
    std::shared_ptr<Attempt> attempt;  // none: it waits for a place
};

}  // namespace

class ProbeRunner::Implementation : public std::enable_shared_from_this<Implementation> {
public:
    Implementation(asio::io_context& loop, Answer answer, ExecRunner exec, ProbeLimits limits)
        : loop_(loop),
          answer_(std::move(answer)),
          limits_(limits),
          gather_timer_(loop),
          chores_(loop, 2),
          resolver_(loop),
          http_(loop, chores_, resolver_),
          postgres_(loop, chores_, resolver_),
          logs_(loop),
          exec_(std::make_shared<ExecTools>(ExecTools{std::move(exec), {}})) {}

    void run(ServiceId service, Generation generation, const core::RunProbe& request,
             const config::ProbeTarget& target, const OutputPlace& output);
    void resume_passed(ProbeKey key, Generation generation, const config::LogProbe& target) {
        logs_.resume_passed(key, generation, target.pattern);
    }
    void forget(ServiceId service);
    void close();

private:
    struct Line {
        std::deque<std::uint64_t> waiting;  // numbers of runs, some of which may have gone
        std::size_t busy = 0;
    };

    [[nodiscard]] Line& line_of(const Run& run) {
        return lines_[static_cast<std::size_t>(pool_of(run.target))];
    }
    [[nodiscard]] std::size_t places(Pool pool) const;
    void arm_deadline(std::uint64_t number, Run& run, Clock::time_point when);
    [[nodiscard]] bool give_more_time(std::uint64_t number, Run& run);
    void plan_pump();
    void pump();
    void start(std::uint64_t number, Run& run);
    [[nodiscard]] std::shared_ptr<Attempt> make_attempt(std::uint64_t number, const Run& run);
    [[nodiscard]] std::shared_ptr<Attempt> make_exec_attempt(std::uint64_t number, const Run& run,
                                                             const config::ExecProbe& probe,
                                                             Attempt::Done done);
    void out_of_time(std::uint64_t number);
    void finish(std::uint64_t number, const Verdict& verdict);
    void end(Run& run);

    asio::io_context& loop_;
    Answer answer_;
    ProbeLimits limits_;
    std::uint64_t numbers_ = 0;
    std::array<Line, pools> lines_;
    asio::steady_timer gather_timer_;
    Clock::time_point pumped_at_{};
    bool pump_planned_ = false;
    Workers chores_;
    Resolver resolver_;
    HttpTools http_;
    PostgresTools postgres_;
    LogTools logs_;
    std::shared_ptr<ExecTools> exec_;
    std::unordered_map<std::uint64_t, std::unique_ptr<Run>> runs_;  // last: its attempts use what is above
};

std::size_t ProbeRunner::Implementation::places(Pool pool) const {
    switch (pool) {
        case Pool::sockets:
            return limits_.sockets;
        case Pool::bounded_elsewhere:
            return limits_.waiting;
    }
    return 0;
}

void ProbeRunner::Implementation::run(ServiceId service, Generation generation, const core::RunProbe& request,
                                      const config::ProbeTarget& target, const OutputPlace& output) {
    auto run = std::make_unique<Run>(loop_, target);
    run->service = service;
    run->generation = generation;
    run->request = request;
    run->output = output;
    run->asked = Clock::now();
    const std::uint64_t number = ++numbers_;
    auto& waiting = line_of(*run).waiting;
    if (waiting.size() >= limits_.waiting) {
        asio::post(loop_, [weak = weak_from_this(), number] {
            if (const auto self = weak.lock()) self->finish(number, unknown("too many probes are waiting"));
        });
    } else {
        arm_deadline(number, *run, run->asked + request.timeout);
        waiting.push_back(number);
        plan_pump();
    }
    runs_.emplace(number, std::move(run));
}

void ProbeRunner::Implementation::arm_deadline(std::uint64_t number, Run& run, Clock::time_point when) {
    run.deadline.expires_at(when);
    run.deadline.async_wait([weak = weak_from_this(), number](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (self && !error) self->out_of_time(number);
    });
}

void ProbeRunner::Implementation::plan_pump() {
    if (std::exchange(pump_planned_, true)) return;
    const auto go = [weak = weak_from_this()](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (self && !error) self->pump();
    };
    if (Clock::now() >= pumped_at_ + gather) return asio::post(loop_, [go] { go({}); });
    gather_timer_.expires_at(pumped_at_ + gather);
    gather_timer_.async_wait(go);
}

void ProbeRunner::Implementation::pump() {
    pump_planned_ = false;
    pumped_at_ = Clock::now();
    std::size_t starts = 0;
    for (std::size_t i = 0; i < pools; ++i) {
        auto& line = lines_[i];
        while (!line.waiting.empty() && line.busy < places(static_cast<Pool>(i))) {
            if (starts++ == starts_max) {
                pumped_at_ = {};  // the rest follows in the loop's next turn
                return plan_pump();
            }
            const std::uint64_t number = line.waiting.front();
            line.waiting.pop_front();
            const auto found = runs_.find(number);
            if (found != runs_.end()) start(number, *found->second);
        }
    }
}

void ProbeRunner::Implementation::start(std::uint64_t number, Run& run) {
    if (!std::holds_alternative<config::ExecProbe>(run.target)) run.began = Clock::now();
    ++line_of(run).busy;
    const auto attempt = make_attempt(number, run);
    run.attempt = attempt;
    attempt->start();  // may end the run at once
}

std::shared_ptr<Attempt> ProbeRunner::Implementation::make_attempt(std::uint64_t number, const Run& run) {
    const auto done = [weak = weak_from_this(), number](const Verdict& verdict) {
        if (const auto self = weak.lock()) self->finish(number, verdict);
    };
    const ProbeKey key{run.service, run.request.probe};
    struct Make {
        Implementation& self;
        std::uint64_t number;
        const Run& run;
        ProbeKey key;
        Attempt::Done done;

        std::shared_ptr<Attempt> operator()(const config::HttpProbe& probe) {
            return http_attempt(self.http_, probe, done);
        }
        std::shared_ptr<Attempt> operator()(const config::TcpProbe& probe) {
            return tcp_attempt(self.loop_, self.resolver_, probe, done);
        }
        std::shared_ptr<Attempt> operator()(const config::UnixProbe& probe) {
            return unix_attempt(self.loop_, probe, done);
        }
        std::shared_ptr<Attempt> operator()(const config::ExecProbe& probe) {
            return self.make_exec_attempt(number, run, probe, done);
        }
        std::shared_ptr<Attempt> operator()(const config::PostgresProbe& probe) {
            return postgres_attempt(self.postgres_, probe, done);
        }
        std::shared_ptr<Attempt> operator()(const config::LogProbe& probe) {
            return log_attempt(self.logs_, key, run.generation, probe, run.output, done);
        }
    };
    return std::visit(Make{*this, number, run, key, done}, run.target);
}

std::shared_ptr<Attempt> ProbeRunner::Implementation::make_exec_attempt(std::uint64_t number, const Run& run,
                                                                        const config::ExecProbe& probe,
                                                                        Attempt::Done done) {
    const auto began = [weak = weak_from_this(), number] {
        const auto self = weak.lock();
        if (!self) return;
        if (const auto found = self->runs_.find(number); found != self->runs_.end())
            found->second->began = Clock::now();
    };
    const Duration left = run.request.timeout - (Clock::now() - run.asked);
    ExecRequest request{run.service, run.generation, probe.command, left};
    return exec_attempt(exec_, {run.service, run.request.probe}, std::move(request), began, std::move(done));
}

// Where the loop was held up, an answer that came in time may wait to be read. Once, so that a loop that is always late
// still finds who does not answer.
bool ProbeRunner::Implementation::give_more_time(std::uint64_t number, Run& run) {
    const bool late = Clock::now() - run.deadline.expiry() > held_up;
    if (!late || std::exchange(run.has_more_time, true)) return false;
    arm_deadline(number, run, Clock::now() + run.request.timeout / 2);
    return true;
}

// A probe that had to wait for its turn fails only if it then had at least half of its time to itself.
void ProbeRunner::Implementation::out_of_time(std::uint64_t number) {
    const auto found = runs_.find(number);
    if (found == runs_.end()) return;
    Run& run = *found->second;
    if (give_more_time(number, run)) return;
    const std::string time = format_duration(run.request.timeout);
    if (!run.attempt) return finish(number, unknown("no free place for it within " + time));
    if (!run.began) return finish(number, unknown("its command was not launched within " + time));
    Verdict verdict = run.attempt->timed_out("timed out after " + time);
    // Whose command was killed at its time-out could not use the time that it was given more.
    const bool killed = run.has_more_time && std::holds_alternative<config::ExecProbe>(run.target);
    if (killed || *run.began - run.asked > run.request.timeout / 2)
        verdict.outcome = core::ProbeOutcome::unknown;
    finish(number, verdict);
}

void ProbeRunner::Implementation::finish(std::uint64_t number, const Verdict& verdict) {
    const auto entry = runs_.extract(number);
    if (!entry) return;
    Run& run = *entry.mapped();
    end(run);
    core::Probed probed;
    probed.probe = run.request.probe;
    probed.sequence = run.request.sequence;
    probed.outcome = verdict.outcome;
    probed.detail = made_utf8(verdict.detail);  // whatever a server said
    if (probed.outcome != core::ProbeOutcome::passed) probed.detail += " (" + describe(run.target) + ")";
    answer_(run.service, run.generation, std::move(probed));
}

void ProbeRunner::Implementation::end(Run& run) {
    run.deadline.cancel();
    if (!run.attempt) return;
    run.attempt->stop();
    auto& line = line_of(run);
    --line.busy;
    if (!line.waiting.empty()) plan_pump();
}

void ProbeRunner::Implementation::forget(ServiceId service) {
    for (auto entry = runs_.begin(); entry != runs_.end();) {
        if (entry->second->service != service) {
            ++entry;
            continue;
        }
        const auto run = std::move(entry->second);
        entry = runs_.erase(entry);
        end(*run);
    }
    logs_.forget(service);
}

void ProbeRunner::Implementation::close() {
    const auto runs = std::exchange(runs_, {});
    for (const auto& [number, run] : runs) end(*run);
    gather_timer_.cancel();
}

ProbeRunner::ProbeRunner(asio::io_context& loop, Answer answer, ExecRunner exec, ProbeLimits limits)
    : implementation_(std::make_shared<Implementation>(loop, std::move(answer), std::move(exec), limits)) {}

ProbeRunner::~ProbeRunner() {
    implementation_->close();
}

void ProbeRunner::run(ServiceId service, Generation generation, const core::RunProbe& request,
                      const config::ProbeTarget& target, const OutputPlace& output) {
    implementation_->run(service, generation, request, target, output);
}

void ProbeRunner::resume_passed(ServiceId service, Generation generation, std::uint32_t probe,
                                const config::LogProbe& target) {
    implementation_->resume_passed({service, probe}, generation, target);
}

void ProbeRunner::forget(ServiceId service) {
    implementation_->forget(service);
}

}  // namespace dpsup::io
