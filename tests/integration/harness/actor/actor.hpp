// A small program that behaves as a test tells it to: well, badly, or one after the other. Its arguments are
// steps, carried out in order; see steps in main.cpp. Where none is left it runs until SIGTERM.
#pragma once

#include <string>
#include <vector>

namespace dpsup::actor {

// The steps that are left to take.
class Script {
public:
    Script(int count, char** words) : words_(words, words + count) {}
    [[nodiscard]] bool over() const { return at_ == words_.size(); }
    std::string next();  // a missing word is a mistake of the test: message and exit 2
    long number();

private:
    std::vector<std::string> words_;
    std::size_t at_ = 0;
};

// What SIGTERM, SIGHUP and the end of the program do; set by steps.
struct Manners {
    bool deaf = false;        // SIGTERM is ignored
    long stop_takes_ms = 0;   // from SIGTERM to the end
    std::string record_file;  // start and end go there
    std::string name;
    std::string signal_file;     // SIGHUP, SIGUSR1 and SIGUSR2 go there
    int watchdog_ms = 0;         // 0: no pings
    std::string watchdog_until;  // this file appears
    std::vector<int> listeners;
    bool hasty = false;      // does not wait for its peers to close
    std::string serve_mode;  // "ok", "fail", "hang", "say TEXT", or "@FILE", which holds one of them
};
Manners& manners();

// Signals wait until idle() takes them, instead of killing us.
void own_signals();

[[noreturn]] void die(const std::string& message);
void record(const std::string& event);
[[noreturn]] void end(int code);

// Serves, answers signals and pings the watchdog for so long; for ever where it is negative.
void idle(long milliseconds);

// --- server.cpp ---
void listen_at(const std::string& address);  // "tcp:HOST:PORT" or "unix:PATH"
void listen_at_passed();                     // at what came with us (sd_listen_fds); dies where nothing did
void answer_one(int listener);

// --- describe.cpp ---
// Whom and what we run as, one "key value" a line.
void describe_self(const std::string& file);

// --- notify.cpp ---
void notify(const std::string& message);

}  // namespace dpsup::actor
