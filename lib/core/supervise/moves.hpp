// The moves that the service's machine is made of; private to it (service.cpp, facts.cpp, run.cpp,
// verdict.cpp).
#pragma once

#include <string>

#include "core/supervise/service.hpp"

namespace dpsup::core {

// The one place where a state changes. Entering the state that holds already only notes the reason.
void enter(Service& service, State state, std::string reason, Instant now, Output& output);

// Notes something worth telling that changes no state.
void remark(const Service& service, std::string reason, Output& output);

void ask(const Service& service, Action action, Output& output);

// Lets its clients wait from now on, where it listens.
void hold(Service& service, Output& output);

// Launches a service that does not run and is wanted up, or lets it wait for its dependencies.
void set_out(Service& service, const Surroundings& surroundings, const std::string& why, Instant now,
             Output& output);

[[nodiscard]] bool is_up(const Service& service, const Surroundings& surroundings);

// --- run.cpp: an instance from launch to empty ---
void launch(Service& service, const std::string& reason, Instant now, Output& output);
// Sets the deadlines of an instance that has been, or is said to have been, asked for.
void await_launch(Service& service, Instant now);
void begin_stop(Service& service, EndCause cause, const std::string& reason, Instant now, Output& output);
void kill_tree(Service& service, Instant now, Output& output);
void begin_probes(Service& service, Instant now);
void run_due_probes(Service& service, Instant now, Output& output);
void update_readiness(Service& service, const std::string& reason, Instant now, Output& output);
// Its watchdog, where it has one that can be heard, counts from now.
void watch(Service& service, Instant now);
// Escalates where a deadline of the run has passed.
void follow_deadlines(Service& service, Instant now, Output& output);
[[nodiscard]] Instant next_deadline(const Service& service, const Run& run);

// --- verdict.cpp: what comes after an instance ---
void conclude(Service& service, const Surroundings& surroundings, Instant now, Output& output);
// A job whose main process has ended well, while others of its tree still live.
[[nodiscard]] bool is_completing(const Service& service);

}  // namespace dpsup::core
