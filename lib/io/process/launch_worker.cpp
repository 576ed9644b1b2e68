#include "io/process/launch_worker.hpp"

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/signal_mask.hpp"
#include "io/clock.hpp"
#include "io/process/launcher.hpp"

namespace dpsup::io {
namespace {

using namespace std::chrono_literals;

constexpr Duration look_every = 500ms;
constexpr Duration held_up_after = 1s;  // then another thread goes on
constexpr Duration continue_after = 1s;
constexpr Duration kill_after = 5s;
constexpr Duration warn_after = 6s;
constexpr std::size_t threads_max = 512;  // each service and each probe can hold up one
constexpr std::size_t helpers_max =
    32;  // started at a time: many services may need the same silent file system

using Ticket = LaunchWorker::Ticket;

}  // namespace

struct LaunchWorker::Implementation : std::enable_shared_from_this<Implementation> {
    struct Job {
        Ticket ticket = Ticket::none;
        LaunchJob what;
    };
    // All but `launcher` is guarded by the mutex.
    struct Thread {
        ChildUnderWay child;
        Launcher launcher{child};
        Ticket ticket = Ticket::none;  // of the launch that it is at
        bool held_up = false;
        bool warned = false;
        bool preparing = false;  // it has no child yet
        bool given_up = false;   // what it prepares is not to be launched
        bool retired = false;    // another has taken its place; it ends
        Instant since;
        std::string what;  // it launches
        std::thread thread;
        [[nodiscard]] bool busy() const { return ticket != Ticket::none; }
        [[nodiscard]] bool serves() const { return !held_up && !retired; }
    };

    Implementation(boost::asio::io_context& io, Reaper& reaping, Warn on_stuck, Launch how)
        : context(io), reaper(reaping), timer(io), warn(std::move(on_stuck)), launch(std::move(how)) {}

    Ticket add(LaunchJob what, Events told) {
        const auto ticket = static_cast<Ticket>(++last_ticket);
        reaper.expect();
        events.emplace(ticket, std::move(told));
        {
            const std::lock_guard lock(mutex);
            jobs.push_back({ticket, std::move(what)});
        }
        awake.notify_one();
        if (events.size() == 1) look_later();
        return ticket;
    }

    bool cancel(Ticket ticket) {
        {
            const std::lock_guard lock(mutex);
            if (std::erase_if(jobs, [ticket](const Job& job) { return job.ticket == ticket; }) == 0)
                return false;
        }
        static_cast<void>(take_events(ticket));
        reaper.unexpect();
        return true;
    }

    bool give_up(Ticket ticket) {
        const std::lock_guard lock(mutex);
        for (const auto& thread : threads)
            if (thread->ticket == ticket && thread->preparing) return thread->given_up = true;
        return false;
    }

    std::optional<Events> take_events(Ticket ticket) {
        auto entry = events.extract(ticket);
        if (events.empty()) timer.cancel();
        if (!entry) return std::nullopt;
        return std::move(entry.mapped());
    }

    // Throws std::system_error where the system has no thread for us.
    void start_thread() {
        auto thread = std::make_unique<Thread>();
        thread->thread = std::thread([self = shared_from_this(), &on = *thread] { self->work(on); });
        threads.push_back(std::move(thread));
    }

    // Another one, so that launches go on; false: there is none to be had now.
    [[nodiscard]] bool try_start_thread() {
        try {
            start_thread();
            return true;
        } catch (const std::system_error&) {
            return false;
        }
    }

    // In a thread, to its end.
    void work(Thread& thread) {
        block_signals();
        std::unique_lock lock(mutex);
        while (!thread.retired) {
            awake.wait(lock, [&] { return ending || !jobs.empty(); });
            if (ending) return;
            Job job = std::move(jobs.front());
            jobs.pop_front();
            thread.ticket = job.ticket;
            auto pid = run(thread, job.what, lock);
            const Instant since = thread.since;
            thread.ticket = Ticket::none;
            thread.retired = std::exchange(thread.held_up, false) && any_serves_but(thread);
            thread.warned = false;
            over.notify_all();
            if (ending) return;
            lock.unlock();
            tell(std::move(job), std::move(pid), since);
            lock.lock();
        }
    }

    // With the lock, which others may have in between.
    [[nodiscard]] Staged<pid_t> run(Thread& thread, LaunchJob& job, std::unique_lock<std::mutex>& lock) {
        if (const auto prepared = prepare(thread, job, lock); !prepared)
            return tl::unexpected(prepared.error());
        thread.since = now();
        thread.what = job.plan->path();
        lock.unlock();
        auto pid = launch ? launch(*job.plan) : thread.launcher.launch(*job.plan);
        job.plan.reset();  // with the secrets in it
        lock.lock();
        return pid;
    }

    [[nodiscard]] Staged<void> prepare(Thread& thread, LaunchJob& job,
                                       std::unique_lock<std::mutex>& lock) const {
        if (!job.prepare) return {};
        thread.since = now();
        thread.what = job.name;
        thread.preparing = true;
        lock.unlock();
        auto prepared = job.prepare(job);
        lock.lock();
        thread.preparing = false;
        if (!std::exchange(thread.given_up, false) && !ending) return prepared;
        job.plan.reset();
        return stage_failed("launch", ECANCELED, job.name + " is not wanted any more");
    }

    [[nodiscard]] bool any_serves_but(const Thread& thread) const {
        return std::ranges::any_of(
            threads, [&](const auto& other) { return other.get() != &thread && other->serves(); });
    }

    void tell(Job job, Staged<pid_t> pid, Instant since) {
        auto shared = std::make_shared<Job>(std::move(job));
        // Moved: the loop alone says when the job's descriptor is closed.
        boost::asio::post(
            context, [weak = weak_from_this(), shared = std::move(shared), answer = std::move(pid), since] {
                const auto self = weak.lock();
                if (!self || self->ending) return;
                self->bury_retired();
                const auto told = self->take_events(shared->ticket);
                if (answer) self->reaper.born(*answer, since);
                if (told) told->done(shared->ticket, answer, shared->what);
                self->reaper.unexpect();
            });
    }

    void bury_retired() {
        std::vector<std::unique_ptr<Thread>> retired;
        {
            const std::lock_guard lock(mutex);
            for (auto& thread : threads)
                if (thread->retired) retired.push_back(std::move(thread));
            std::erase(threads, nullptr);
        }
        for (const auto& thread : retired) thread->thread.join();
    }

    void look_later() {
        timer.expires_after(std::chrono::duration_cast<boost::asio::steady_timer::duration>(look_every));
        timer.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
            const auto self = weak.lock();
            if (error || !self || self->events.empty()) return;
            self->look();
            if (!self->events.empty()) self->look_later();
        });
    }

    void look() {
        std::vector<Ticket> held_up;
        std::vector<std::string> stuck;
        bool enough = true;
        {
            const std::lock_guard lock(mutex);
            for (const auto& thread : threads) {
                if (thread->busy()) help(*thread, held_up, stuck);
            }
            enough = have_helpers();
        }
        if (!std::exchange(short_of_threads, !enough) && !enough)
            warn("launches wait: those before them hang, and no other thread can be started (" +
                 std::to_string(threads_max) + " at most; see also the limit of tasks)");
        for (const auto& what : stuck)
            warn("launching " + what + " hangs in the kernel, perhaps on a file system that does not answer");
        for (const Ticket ticket : held_up) {
            const auto found = events.find(ticket);
            if (found != events.end() && found->second.held_up) found->second.held_up(ticket);
        }
    }

    // With the lock: where every thread is held up, one for each launch that waits. False: there is none to be had.
    [[nodiscard]] bool have_helpers() {
        if (std::ranges::any_of(threads, [](const auto& thread) { return thread->serves(); })) return true;
        if (threads.size() >= threads_max) return false;
        const std::size_t wanted = std::clamp<std::size_t>(jobs.size(), 1, helpers_max);
        const std::size_t count = std::min(wanted, threads_max - threads.size());
        for (std::size_t i = 0; i < count; ++i)
            if (!try_start_thread()) return i > 0;
        return true;
    }

    static void help(Thread& thread, std::vector<Ticket>& held_up, std::vector<std::string>& stuck) {
        const Duration time = now() - thread.since;
        if (time >= continue_after) thread.child.signal(time >= kill_after ? SIGKILL : SIGCONT);
        if (time >= held_up_after && !std::exchange(thread.held_up, true)) held_up.push_back(thread.ticket);
        if (time >= warn_after && !std::exchange(thread.warned, true)) stuck.push_back(thread.what);
    }

    // But for what is being prepared: that launches nothing any more, and leaves no child.
    [[nodiscard]] bool wait_until_idle(std::unique_lock<std::mutex>& lock, Duration limit) {
        return over.wait_for(lock, limit, [this] {
            return std::ranges::none_of(
                threads, [](const auto& thread) { return thread->busy() && !thread->preparing; });
        });
    }

    void end() {
        std::unique_lock lock(mutex);
        ending = true;
        jobs.clear();
        awake.notify_all();
        if (!wait_until_idle(lock, 2s)) {
            for (const auto& thread : threads) {
                if (thread->busy()) thread->child.signal(SIGKILL);
            }
        }
        static_cast<void>(wait_until_idle(lock, 1s));
        std::vector<std::thread*> idle;
        for (const auto& thread : threads)
            thread->busy() ? thread->thread.detach() : idle.push_back(&thread->thread);
        const bool all_idle = idle.size() == threads.size();
        lock.unlock();
        for (std::thread* thread : idle) thread->join();
        // A thread that hangs in the kernel goes on using this when it comes back, if the program still runs then.
        static auto& kept = *new std::vector<std::shared_ptr<Implementation>>;
        if (!all_idle) kept.push_back(shared_from_this());
    }

    boost::asio::io_context& context;
    Reaper& reaper;
    boost::asio::steady_timer timer;
    Warn warn;
    const Launch launch;
    std::uint64_t last_ticket = 0;              // of the loop only, as is the next
    std::unordered_map<Ticket, Events> events;  // of the launches that are not over
    bool short_of_threads = false;

    std::mutex mutex;
    std::condition_variable awake;
    std::condition_variable over;  // a launch
    std::deque<Job> jobs;
    std::vector<std::unique_ptr<Thread>> threads;
    std::atomic<bool> ending = false;
};

LaunchWorker::LaunchWorker(boost::asio::io_context& context, Reaper& reaper, Warn warn, Launch launch)
    : implementation_(std::make_shared<Implementation>(context, reaper, std::move(warn), std::move(launch))) {
    const std::lock_guard lock(implementation_->mutex);
    implementation_->start_thread();
}

LaunchWorker::~LaunchWorker() {
    implementation_->timer.cancel();
    implementation_->end();
}

LaunchWorker::Ticket LaunchWorker::launch(LaunchJob job, Events events) {
    return implementation_->add(std::move(job), std::move(events));
}

bool LaunchWorker::cancel(Ticket ticket) {
    return implementation_->cancel(ticket);
}

bool LaunchWorker::give_up(Ticket ticket) {
    return implementation_->give_up(ticket);
}

bool LaunchWorker::busy() const {
    return !implementation_->events.empty();
}

void LaunchWorker::kill_children() {
    const std::lock_guard lock(implementation_->mutex);
    for (const auto& thread : implementation_->threads)
        if (thread->busy()) thread->child.signal(SIGKILL);
}

void LaunchWorker::reaped(pid_t pid) {
    const std::lock_guard lock(implementation_->mutex);
    for (const auto& thread : implementation_->threads) thread->child.forget(pid);
}

}  // namespace dpsup::io
