// The loop around the brain: one mailbox of events, one timer, and whoever wants to know what was decided.
//
//   outside -> post(event) -> step -> effects -> World::perform
//                                  -> notes   -> decision log, journal, waiting commands
//                                  -> remember -> memory
//                                  -> record   -> run log, before the effects
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>

#include "core/supervise/supervisor.hpp"
#include "decision_log.hpp"
#include "memory.hpp"
#include "recorder.hpp"
#include "waits.hpp"
#include "world.hpp"

namespace dpsup {

class Engine {
public:
    Engine(boost::asio::io_context& context, std::uint64_t seed, Memory& memory, io::RunLog runs,
           io::DescriptorStore& descriptors);

    // Takes the event in after those that came before it, soon.
    void post(core::Event event);

    // Takes the event in now. Not from within an effect or a listener.
    void feed(const core::Event& event);

    // Takes in all that has happened and was not looked at yet, before the end or another program takes our place: what
    // follows from it may come no more.
    void settle();

    // How what a job was completed with is remembered.
    void remember_done_as(std::function<std::string(ServiceId)> fingerprint) {
        fingerprint_ = std::move(fingerprint);
    }
    void on_all_stopped(std::function<void()> told) { all_stopped_ = std::move(told); }

    [[nodiscard]] const core::Supervisor& supervisor() const { return supervisor_; }
    [[nodiscard]] World& world() { return world_; }
    [[nodiscard]] const World& world() const { return world_; }
    [[nodiscard]] Recorder& recorder() { return recorder_; }
    [[nodiscard]] DecisionLog& decisions() { return decisions_; }
    [[nodiscard]] const DecisionLog& decisions() const { return decisions_; }
    [[nodiscard]] Waits& waits() { return waits_; }

    // When an instant was, or will be, on the wall.
    [[nodiscard]] static WallTime on_the_wall(Instant instant);

private:
    void drain();
    void tell(const core::Note& note);
    void warn(const std::string& name, const std::string& message);
    void remember(ServiceId id);
    void arm_timer();
    void reach_deadline();

    boost::asio::io_context& context_;
    Memory& memory_;
    core::Supervisor supervisor_;
    DecisionLog decisions_;  // before what may warn
    World world_;
    Recorder recorder_;
    Waits waits_;
    std::deque<core::Event> mailbox_;
    bool draining_ = false;
    boost::asio::steady_timer timer_;
    Instant armed_for_ = instant_never;
    std::function<std::string(ServiceId)> fingerprint_;
    std::function<void()> all_stopped_;
};

}  // namespace dpsup
