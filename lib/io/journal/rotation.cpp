#include "io/journal/rotation.hpp"

#include <sys/inotify.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/signal_mask.hpp"
#include "io/answers.hpp"
#include "io/clock.hpp"
#include "io/journal/rotate_file.hpp"

namespace dpsup::io {
namespace {

using namespace std::chrono_literals;

constexpr Duration pause_min = 20ms;
constexpr Duration pause_max = 1s;

// Until a thread is tried for again, where none could be had.
constexpr Duration thread_wait_min = 100ms;
constexpr Duration thread_wait_max = 10s;
constexpr Duration end_patience = 3s;  // for a rotation under way

std::uint64_t size_of(const std::string& path) {
    struct stat info{};
    return ::stat(path.c_str(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

// Half of the time in which the file would reach its bound if it went on growing as since the last look.
Duration pause_for(std::uint64_t grown, Duration since, std::uint64_t left) {
    if (grown == 0) return pause_max;
    const double seconds = std::chrono::duration<double>(since).count();
    const double wait = static_cast<double>(left) / (static_cast<double>(grown) / seconds) / 2;
    return wait > 1 ? pause_max
                    : std::clamp(Duration(static_cast<Duration::rep>(wait * 1e9)), pause_min, pause_max);
}

}  // namespace

struct Rotation::Implementation : std::enable_shared_from_this<Implementation> {
    struct File {
        std::uint64_t size_max = 0;
        std::uint32_t keep = 0;
        Inotify::Watch watch = Inotify::none;
        std::uint64_t size = 0;  // at the last look
        Instant looked_at;
        bool rotating = false;
        bool waiting = false;  // stands in `due`
    };
    struct Job {
        std::string path;
        std::uint32_t keep = 0;
        std::uint64_t most = 0;
    };

    Implementation(boost::asio::io_context& io, Inotify& notify, Warn on_failure)
        : context(io), timer(io), inotify(notify), warn(std::move(on_failure)) {}

    void arm(const std::string& path, File& file) {
        file.watch = inotify.add(path, IN_MODIFY | IN_ONESHOT, [this, path] { changed(path); });
        file.looked_at = now();
        if (file.watch == Inotify::none)
            return warn(path, "the log cannot be watched, and so is not bounded");
        if (size_of(path) == file.size) return;
        // Written to between the last look and the watch.
        inotify.remove(file.watch);
        file.watch = Inotify::none;
        look_later(path, file, pause_min);
    }

    void look_later(const std::string& path, File& file, Duration wait) {
        file.waiting = true;
        due.emplace(now() + wait, path);
        schedule();
    }

    void changed(const std::string& path) {
        const auto found = files.find(path);
        if (found == files.end()) return;
        found->second.watch = Inotify::none;
        look(path, found->second);
    }

    void look(const std::string& path, File& file) {
        if (file.rotating || file.waiting || file.watch != Inotify::none) return;
        if (!answers(path)) return look_later(path, file, pause_max);
        const std::uint64_t size = size_of(path);
        const Instant at = now();
        const Duration since = std::max<Duration>(at - file.looked_at, 1ms);
        const std::uint64_t grown = size > file.size ? size - file.size : 0;
        file.size = size;
        file.looked_at = at;
        if (size > file.size_max) return start(path, file);
        if (grown == 0) return arm(path, file);
        look_later(path, file, pause_for(grown, since, file.size_max - size));
    }

    void schedule() {
        if (due.empty()) return;
        const auto wait = std::max<Duration>(due.begin()->first - now(), Duration::zero());
        timer.expires_after(std::chrono::duration_cast<boost::asio::steady_timer::duration>(wait));
        timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
            if (!error) self->look_at_due();
        });
    }

    void look_at_due() {
        while (!due.empty() && due.begin()->first <= now()) {
            const std::string path = due.begin()->second;
            due.erase(due.begin());
            const auto found = files.find(path);
            if (found == files.end()) continue;
            found->second.waiting = false;
            look(path, found->second);
        }
        schedule();
    }

    void start(const std::string& path, File& file) {
        if (!have_worker({path, file.keep, file.size_max})) return put_off(path, file);
        file.rotating = true;
        thread_wait = thread_wait_min;
    }

    // Whether a thread has the job, or will.
    bool have_worker(Job job) {
        const std::lock_guard lock(mutex);
        if (!working) {
            if (worker.joinable()) worker.join();
            try {
                worker = std::thread([this] { work(); });
            } catch (const std::system_error&) {
                return false;
            }
            working = true;
        }
        jobs.push_back(std::move(job));
        return true;
    }

    // Threads are short, for all services together: a log grows meanwhile. Told once for each time of need.
    void put_off(const std::string& path, File& file) {
        const Duration wait = thread_wait;
        thread_wait = std::min(thread_wait * 2, thread_wait_max);
        if (wait == thread_wait_min)
            warn(path, "cannot be rotated for now: no thread can be started (see the limit of tasks)");
        look_later(path, file, wait);
    }

    // In the worker thread, which ends when nothing is left to do.
    void work() {
        block_signals();
        for (;;) {
            Job job;
            {
                const std::lock_guard lock(mutex);
                if (jobs.empty() || cancelled) {
                    working = false;
                    over.notify_all();
                    return;
                }
                job = std::move(jobs.front());
                jobs.pop_front();
            }
            const auto result = rotate_file(job.path, job.most, job.keep, cancelled);
            if (cancelled) continue;  // the loop may have gone meanwhile
            boost::asio::post(context, [weak = weak_from_this(), path = job.path, error = result.error] {
                if (const auto self = weak.lock()) self->finished(path, error);
            });
        }
    }

    // Where its file system does not answer it is left to itself, with all that it uses.
    void end_worker() {
        std::unique_lock lock(mutex);
        const bool ended = over.wait_for(lock, end_patience, [this] { return !working; });
        lock.unlock();
        if (!worker.joinable()) return;
        ended ? worker.join() : worker.detach();
        static auto& kept = *new std::vector<std::shared_ptr<Implementation>>;
        if (!ended) kept.push_back(shared_from_this());
    }

    void finished(const std::string& path, const std::string& error) {
        const auto found = files.find(path);
        if (found == files.end() || cancelled) return;
        File& file = found->second;
        file.rotating = false;
        file.size = size_of(path);
        file.looked_at = now();
        if (!error.empty()) warn(path, error);
        look_later(path, file, pause_min);
    }

    boost::asio::io_context& context;
    boost::asio::steady_timer timer;
    Inotify& inotify;
    Warn warn;
    std::unordered_map<std::string, File> files;
    std::set<std::pair<Instant, std::string>> due;
    Duration thread_wait = thread_wait_min;

    std::mutex mutex;
    std::condition_variable over;  // the worker's work
    std::deque<Job> jobs;
    bool working = false;
    std::atomic<bool> cancelled = false;
    std::thread worker;
};

Rotation::Rotation(boost::asio::io_context& context, Inotify& inotify, Warn warn)
    : implementation_(std::make_shared<Implementation>(context, inotify, std::move(warn))) {}

Rotation::~Rotation() {
    implementation_->cancelled = true;
    implementation_->end_worker();
    implementation_->timer.cancel();
    implementation_->due.clear();
    for (const auto& [path, file] : implementation_->files) implementation_->inotify.remove(file.watch);
    implementation_->files.clear();
}

void Rotation::watch(const std::string& path, std::uint64_t size_max, std::uint32_t keep) {
    if (size_max == 0) return forget(path);
    Implementation::File& file = implementation_->files[path];
    file.size_max = size_max;
    file.keep = keep;
    // Perhaps it is another file by now, of the same name.
    implementation_->inotify.remove(std::exchange(file.watch, Inotify::none));
    implementation_->look(path, file);
}

void Rotation::forget(const std::string& path) {
    const auto found = implementation_->files.find(path);
    if (found == implementation_->files.end()) return;
    implementation_->inotify.remove(found->second.watch);
    const auto& path_known = found->first;
    std::erase_if(implementation_->due, [&](const auto& entry) { return entry.second == path_known; });
    implementation_->files.erase(found);
}

}  // namespace dpsup::io
