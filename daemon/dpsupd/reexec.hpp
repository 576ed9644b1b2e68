// Another program in the place of this one: an upgrade in which neither the process nor what it supervises ends. Children
// stay children, so that how they end is known; sockets stay open, so that whoever asks meanwhile only waits.
//
//   idle --request--> saving --all on disk--> checking --it says that it can--> leaving --everybody answered--> holding
//   holding --no launch under way, no thread that only a file system's answer could end--> executing --execve--> (the new program)
//
// Whatever goes wrong on the way leads back to idle, and supervision goes on as if nothing had been asked: nothing has
// ended by then but connections. Up to `executing` it has not paused either, but for new launches while `holding`.
//
// What the new program finds: the run log and the configuration as a crash would leave them, and children that ended in
// between as zombies. Launches that had not begun are on record as such. Probes and reload commands under way are left to
// the new one, which kills them; the probes are asked anew.
#pragma once

#include <sys/resource.h>

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "applier.hpp"
#include "engine.hpp"
#include "io/systemd/descriptor_store.hpp"
#include "memory.hpp"

namespace dpsup::io::http {
class Server;
}

namespace dpsup {

class Lifecycle;

// How this dpsupd was started.
struct Program {
    std::string path;
    std::vector<std::string> arguments;
    rlimit64 nofile{};
};

class Reexec {
public:
    using Reply = std::function<void(Result<control::ReexecReply>)>;

    Reexec(boost::asio::io_context& context, Engine& engine, Applier& applier, Memory& memory,
           io::DescriptorStore& descriptors, Program program, std::string config_file);
    // Before the first request.
    void connect(io::http::Server& server, Lifecycle& lifecycle);
    // This program has taken over from an earlier one, which had stopped supervising at `since`.
    void taken_over(Instant since);

    // The reply tells that it will be done, or why not.
    void request(const std::string& by, Reply reply);
    [[nodiscard]] const control::DaemonStatus& status() const { return status_; }

private:
    enum class Phase : std::uint8_t { idle, saving, checking, leaving, holding, executing };

    void enter(Phase phase);
    void look_again();
    void look();
    void refuse(const std::string& why);
    void give_up(const std::string& why);
    void check();
    void checked(const io::CommandResult& result);
    void look_leaving();
    void look_holding();
    void last_events();
    void execute();

    boost::asio::io_context& context_;
    Engine& engine_;
    Applier& applier_;
    Memory& memory_;
    io::DescriptorStore& descriptors_;
    Program program_;
    std::string config_file_;
    io::http::Server* server_ = nullptr;
    Lifecycle* lifecycle_ = nullptr;
    control::DaemonStatus status_;
    Phase phase_ = Phase::idle;
    Instant since_;  // of the phase
    std::string by_;
    Reply reply_;
    boost::asio::steady_timer timer_;
};

}  // namespace dpsup
