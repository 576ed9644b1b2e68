#include "config/patient_read.hpp"

#include <csignal>
#include <future>
#include <memory>
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

// In a thread that is left to itself where it hangs: it owns all that it touches.
std::future<Text> begin_to_read(const std::string& path, std::size_t size_max) {
    std::promise<Text> promise;
    std::future<Text> text = promise.get_future();
    std::thread([path, size_max, told = std::move(promise)]() mutable {
        block_signals();
        told.set_value(read_file(path, size_max));
    }).detach();
    return text;
}

}  // namespace

Result<std::string> PatientReader::read(const std::string& path, std::size_t size_max) {
    const tl::unexpected<Error> no_answer =
        fail(std::string(silent), "does not answer (a file system that hangs?)");
    if (silent_folders_.contains(folder_of(path))) return no_answer;
    try {
        std::future<Text> text = begin_to_read(path, size_max);
        if (text.wait_for(patience_) == std::future_status::ready) return text.get();
    } catch (const std::system_error& error) {
        return fail("unreadable", std::string("cannot be read: no thread can be started: ") + error.what());
    }
    silent_folders_.insert(folder_of(path));
    return no_answer;
}

}  // namespace dpsup::config
