#include "config/patient_read.hpp"

#include <algorithm>
#include <csignal>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>

#include "config/read_file.hpp"

namespace dpsup::config {
namespace {

std::string folder_of(const std::string& path) {
    return path.substr(0, path.rfind('/') + 1);
}

// A signal is for the thread that reads the configuration, which can answer it.
void block_signals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

using Text = Result<std::string>;

constexpr Duration patience_while_one_is_silent = std::chrono::milliseconds(300);

// Never destroyed: a thread may come back while the program ends.
struct Silent {
    std::mutex mutex;
    std::set<std::string> folders;
};

Silent& silent_ones() {
    static auto& one = *new Silent;
    return one;
}

// In a thread that is left to itself where it hangs: it owns all that it touches.
std::future<Text> begin_to_read(const std::string& path, std::size_t size_max) {
    std::promise<Text> promise;
    std::future<Text> text = promise.get_future();
    std::thread([path, size_max, told = std::move(promise)]() mutable {
        block_signals();
        Text read = read_file(path, size_max);
        const std::lock_guard lock(silent_ones().mutex);
        silent_ones().folders.erase(folder_of(path));
        told.set_value(std::move(read));
    }).detach();
    return text;
}

}  // namespace

Result<std::string> PatientReader::read(const std::string& path, std::size_t size_max) {
    const tl::unexpected<Error> no_answer =
        fail(std::string(silent), "does not answer (a file system that hangs?)");
    std::unique_lock lock(silent_ones().mutex);
    if (silent_ones().folders.contains(folder_of(path))) return no_answer;
    const Duration limit =
        silent_ones().folders.empty() ? patience_ : std::min(patience_, patience_while_one_is_silent);
    lock.unlock();
    try {
        std::future<Text> text = begin_to_read(path, size_max);
        if (text.wait_for(limit) == std::future_status::ready) return text.get();
        lock.lock();
        if (text.wait_for(std::chrono::seconds(0)) == std::future_status::ready) return text.get();
        silent_ones().folders.insert(folder_of(path));
    } catch (const std::system_error& error) {
        return fail("unreadable", std::string("cannot be read: no thread can be started: ") + error.what());
    }
    return no_answer;
}

}  // namespace dpsup::config
