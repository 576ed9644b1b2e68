#include "engine.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <set>
#include <utility>

#include "io/clock.hpp"
#include "log.hpp"

namespace dpsup {
namespace {

// The loop gets to its other work after so many events.
constexpr std::size_t events_per_turn = 64;

}  // namespace

Engine::Engine(boost::asio::io_context& context, std::uint64_t seed, Memory& memory, io::RunLog runs,
               io::DescriptorStore& descriptors)
    : context_(context),
      memory_(memory),
      supervisor_(seed),
      world_(
          context, descriptors, [this](core::ServiceEvent event) { post(std::move(event)); },
          [this](const std::string& service, const std::string& message) { warn(service, message); }),
      recorder_(std::move(runs), supervisor_, world_),
      waits_(context, supervisor_),
      timer_(context) {}

void Engine::post(core::Event event) {
    mailbox_.push_back(std::move(event));
    if (std::exchange(draining_, true)) return;
    boost::asio::post(context_, [this] { drain(); });
}

void Engine::drain() {
    for (std::size_t taken = 0; taken < events_per_turn && !mailbox_.empty(); ++taken) {
        const core::Event event = std::move(mailbox_.front());
        mailbox_.pop_front();
        feed(event);
    }
    draining_ = !mailbox_.empty();
    if (draining_) boost::asio::post(context_, [this] { drain(); });
}

void Engine::settle() {
    world_.processes().tell_all();
    while (!mailbox_.empty()) {
        const core::Event event = std::move(mailbox_.front());
        mailbox_.pop_front();
        feed(event);
        world_.processes().tell_all();
    }
}

void Engine::feed(const core::Event& event) {
    const core::Output output = supervisor_.step(event, io::now());
    for (const core::Note& note : output.notes) tell(note);
    for (const ServiceId id : output.remember) remember(id);
    world_.note_launches(output);
    recorder_.record(output);
    for (const core::Effect& effect : output.effects) {
        world_.perform(effect);
        if (std::holds_alternative<core::Forget>(effect.action)) decisions_.forget(effect.service);
    }
    arm_timer();
    if (!output.notes.empty()) waits_.look();
    if (output.all_stopped) recorder_.clear();
    if (output.all_stopped && all_stopped_) all_stopped_();
}

void Engine::tell(const core::Note& note) {
    const io::ServiceConfig config = world_.config_of(note.service);
    control::Decision decision;
    decision.at = io::wall_now();
    decision.service = config ? config->name : "?";
    decision.from = note.from;
    decision.to = note.to;
    decision.reason = note.reason;
    log_decision(decision);
    decisions_.add(note.service, std::move(decision));
}

// In the log, and in what explain tells of the service.
void Engine::warn(const std::string& name, const std::string& message) {
    log_service_warning(name, message);
    const core::Service* service = supervisor_.find(name);
    if (service == nullptr) return;
    control::Decision remark;
    remark.at = io::wall_now();
    remark.service = name;
    remark.from = service->state;
    remark.to = service->state;
    remark.reason = message;
    decisions_.add(service->id, std::move(remark));
}

void Engine::remember(ServiceId id) {
    const core::Service* service = supervisor_.find(id);
    if (service == nullptr || service->removed) {
        const io::ServiceConfig config = world_.config_of(id);
        if (config && supervisor_.find(config->name) == nullptr) memory_.forget(config->name);
        return;
    }
    io::RememberedService remembered;
    const bool up = service->wanted == core::Wanted::up;
    if (up != service->policy.autostart) remembered.wanted_up = up;
    const bool done = service->policy.kind == core::Kind::job && service->state == core::State::done;
    if (done && fingerprint_) remembered.done_as = fingerprint_(id);
    memory_.set(service->policy.name, remembered);
}

// A timer that is due too early is left alone: it finds nothing to do and is armed anew.
void Engine::arm_timer() {
    const Instant next = supervisor_.next_deadline();
    if (next >= armed_for_) return;
    armed_for_ = next;
    timer_.expires_at(std::chrono::steady_clock::time_point(next.time_since_epoch()));
    timer_.async_wait([this](const boost::system::error_code& cancelled) {
        // After what has come from other threads.
        if (!cancelled) boost::asio::post(context_, [this] { reach_deadline(); });
    });
}

// The loop may have been held up (swap, a slow disk, a paused machine): what then waits in sockets was in time.
void Engine::reach_deadline() {
    io::ProcessHost& processes = world_.processes();
    processes.reap_ended();
    // What follows from it may take its time, and others fall due meanwhile.
    constexpr int looks_max = 8;
    std::set<ServiceId> heard;
    bool more = true;
    for (int look = 0; more && look < looks_max; ++look) {
        more = false;
        for (const ServiceId id : supervisor_.due(io::now())) {
            if (!heard.insert(id).second) continue;
            processes.take_in_waiting(id);
            more = true;
        }
        settle();
    }
    armed_for_ = instant_never;
    feed(core::DeadlineReached{});
}

WallTime Engine::on_the_wall(Instant instant) {
    return io::wall_now() + std::chrono::duration_cast<WallTime::duration>(instant - io::now());
}

}  // namespace dpsup
