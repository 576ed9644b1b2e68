// The floor: a loop that launches N services with posix_spawn (vfork inside) and launches again whatever ends. It
// supervises nothing, so no supervisor can be expected to beat it; how near one comes tells what the rest costs.
//
//   floor TABLE N SLEEPER      SIGTERM: ends all, then itself
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cstdlib>
#include <string>
#include <unordered_map>

namespace {

class Floor {
public:
    Floor(char* table, char* sleeper) : table_(table), sleeper_(sleeper) {
        sigset_t none;
        sigemptyset(&none);
        posix_spawnattr_init(&attributes_);
        posix_spawnattr_setsigmask(&attributes_, &none);
        posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK);
    }

    bool launch(long slot) {
        std::string name = std::to_string(slot);
        char* const command[] = {sleeper_, table_, name.data(), nullptr};
        pid_t pid = 0;
        if (posix_spawn(&pid, sleeper_, nullptr, &attributes_, command, environ) != 0) return false;
        running_[pid] = slot;
        return true;
    }

    void stop() {
        stopping_ = true;
        for (const auto& [pid, slot] : running_) kill(pid, SIGTERM);
    }

    void reap() {
        pid_t ended = 0;
        while ((ended = waitpid(-1, nullptr, WNOHANG)) > 0) {
            const long slot = running_.at(ended);
            running_.erase(ended);
            if (!stopping_ && !launch(slot)) stop();
        }
    }

    [[nodiscard]] bool done() const { return running_.empty(); }

private:
    char* table_;
    char* sleeper_;
    posix_spawnattr_t attributes_{};
    std::unordered_map<pid_t, long> running_;
    bool stopping_ = false;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    sigset_t heard;
    sigemptyset(&heard);
    sigaddset(&heard, SIGTERM);
    sigaddset(&heard, SIGCHLD);
    sigprocmask(SIG_BLOCK, &heard, nullptr);
    Floor floor(argv[1], argv[3]);
    const long services = std::atol(argv[2]);
    for (long slot = 0; slot < services; ++slot)
        if (!floor.launch(slot)) return 1;
    while (!floor.done()) {
        int signal = 0;
        sigwait(&heard, &signal);
        if (signal == SIGTERM) floor.stop();
        floor.reap();
    }
    return 0;
}
