#include "io/process/launch_worker.hpp"

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "io/clock.hpp"
#include "io/process/launcher.hpp"

namespace dpsup::io {
namespace {

using namespace std::chrono_literals;

constexpr Duration look_every = 500ms;
constexpr Duration continue_after = 1s;
constexpr Duration kill_after = 5s;
constexpr Duration give_up_after = 6s;  // then another thread goes on
constexpr std::size_t threads_max = 8;

}  // namespace

struct LaunchWorker::Implementation : std::enable_shared_from_this<Implementation> {
    struct Job {
        LaunchJob what;
        Done done;
    };
    // All but `launcher` is guarded by the mutex.
    struct Thread {
        ChildUnderWay child;
        Launcher launcher{child};
        bool busy = false;
        bool given_up = false;  // its launch hangs in the kernel
        Instant since;
        std::string path;  // what it launches
        std::thread thread;
    };

    Implementation(boost::asio::io_context& io, Warn on_stuck)
        : context(io), timer(io), warn(std::move(on_stuck)) {}

    void add(Job job) {
        {
            const std::lock_guard lock(mutex);
            jobs.push_back(std::move(job));
            if (threads.empty()) start_thread();
        }
        awake.notify_one();
        ++under_way;
        if (under_way == 1) look_later();
    }

    void start_thread() {
        auto& thread = *threads.emplace_back(std::make_unique<Thread>());
        thread.thread = std::thread([self = shared_from_this(), &thread] { self->work(thread); });
    }

    // In a thread, to its end.
    void work(Thread& thread) {
        sigset_t all;
        sigfillset(&all);
        ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
        std::unique_lock lock(mutex);
        for (;;) {
            awake.wait(lock, [&] { return ending || !jobs.empty(); });
            if (ending) return;
            Job job = std::move(jobs.front());
            jobs.pop_front();
            thread.busy = true;
            thread.since = now();
            thread.path = job.what.plan->path();
            lock.unlock();
            auto pid = thread.launcher.launch(*job.what.plan);
            job.what.plan.reset();  // with the secrets in it
            lock.lock();
            thread.busy = false;
            thread.given_up = false;
            over.notify_all();
            if (ending) return;
            lock.unlock();
            tell(std::move(job), std::move(pid));
            lock.lock();
        }
    }

    void tell(Job job, Staged<pid_t> pid) {
        auto shared = std::make_shared<Job>(std::move(job));
        // Moved: the loop alone says when the job's descriptor is closed.
        boost::asio::post(context,
                          [weak = weak_from_this(), shared = std::move(shared), answer = std::move(pid)] {
                              const auto self = weak.lock();
                              if (!self || self->ending) return;
                              if (--self->under_way == 0) self->timer.cancel();
                              shared->done(answer, shared->what.output);
                          });
    }

    void look_later() {
        timer.expires_after(std::chrono::duration_cast<boost::asio::steady_timer::duration>(look_every));
        timer.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
            const auto self = weak.lock();
            if (error || !self || self->under_way == 0) return;
            self->look();
            self->look_later();
        });
    }

    void look() {
        std::vector<std::string> stuck;
        {
            const std::lock_guard lock(mutex);
            bool all_given_up = true;
            for (const auto& thread : threads) {
                if (thread->busy && help(*thread)) stuck.push_back(thread->path);
                all_given_up = all_given_up && thread->given_up;
            }
            if (all_given_up && threads.size() < threads_max) start_thread();
        }
        for (const auto& path : stuck)
            warn("launching " + path + " hangs in the kernel, perhaps on a file system that does not answer");
    }

    // True: its launch has just been given up.
    static bool help(Thread& thread) {
        const Duration time = now() - thread.since;
        if (time >= continue_after) thread.child.signal(time >= kill_after ? SIGKILL : SIGCONT);
        return time >= give_up_after && !std::exchange(thread.given_up, true);
    }

    [[nodiscard]] bool wait_until_idle(std::unique_lock<std::mutex>& lock, Duration limit) {
        return over.wait_for(lock, limit, [this] {
            return std::none_of(threads.begin(), threads.end(),
                                [](const auto& thread) { return thread->busy; });
        });
    }

    void end() {
        std::unique_lock lock(mutex);
        ending = true;
        jobs.clear();
        awake.notify_all();
        if (!wait_until_idle(lock, 2s)) {
            for (const auto& thread : threads) {
                if (thread->busy) thread->child.signal(SIGKILL);
            }
        }
        const bool idle = wait_until_idle(lock, 1s);
        lock.unlock();
        for (const auto& thread : threads) idle ? thread->thread.join() : thread->thread.detach();
        // A thread that hangs in the kernel goes on using this when it comes back, if the program still runs then.
        if (!idle) new std::shared_ptr<Implementation>(shared_from_this());
    }

    boost::asio::io_context& context;
    boost::asio::steady_timer timer;
    Warn warn;
    std::size_t under_way = 0;  // of the loop only

    std::mutex mutex;
    std::condition_variable awake;
    std::condition_variable over;  // a launch
    std::deque<Job> jobs;
    std::vector<std::unique_ptr<Thread>> threads;
    std::atomic<bool> ending = false;
};

LaunchWorker::LaunchWorker(boost::asio::io_context& context, Warn warn)
    : implementation_(std::make_shared<Implementation>(context, std::move(warn))) {}

LaunchWorker::~LaunchWorker() {
    implementation_->timer.cancel();
    implementation_->end();
}

void LaunchWorker::launch(LaunchJob job, Done done) {
    implementation_->add({std::move(job), std::move(done)});
}

void LaunchWorker::reaped(pid_t pid) {
    const std::lock_guard lock(implementation_->mutex);
    for (const auto& thread : implementation_->threads) thread->child.forget(pid);
}

}  // namespace dpsup::io
