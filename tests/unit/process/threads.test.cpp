// What has threads of its own, where the system has none left for it.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <future>

#include "io/journal/rotation.hpp"
#include "io/process/launch_worker.hpp"
#include "unit/process/host_fixture.hpp"

namespace dpsup::io {
namespace {

using namespace std::chrono_literals;

constexpr uid_t somebody = 65534;

// The limit binds neither root nor whoever may raise it.
void allow_threads(bool any) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NPROC, &limit);
    limit.rlim_cur = any ? limit.rlim_max : 0;
    ::setrlimit(RLIMIT_NPROC, &limit);
}

bool run_until(boost::asio::io_context& context, const std::function<bool()>& condition) {
    const auto guard = boost::asio::make_work_guard(context);
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (!condition() && std::chrono::steady_clock::now() < deadline) context.run_for(10ms);
    return condition();
}

// Runs the test as an ordinary user, in a process of its own: what it returns went wrong.
std::string as_somebody(const std::function<std::string()>& test) {
    std::array<int, 2> words{};
    if (::pipe(words.data()) != 0) return "no pipe";
    const pid_t child = ::fork();
    if (child == 0) {
        const bool ordinary = ::geteuid() != 0 || (::setresgid(somebody, somebody, somebody) == 0 &&
                                                   ::setresuid(somebody, somebody, somebody) == 0);
        const std::string wrong = ordinary ? test() : "cannot become an ordinary user";
        ::_exit(::write(words[1], wrong.data(), wrong.size()) == static_cast<ssize_t>(wrong.size()) ? 0 : 1);
    }
    ::close(words[1]);
    std::string wrong(4096, '\0');
    wrong.resize(
        static_cast<std::size_t>(std::max<ssize_t>(::read(words[0], wrong.data(), wrong.size()), 0)));
    ::close(words[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) wrong += " ended by signal " + std::to_string(WTERMSIG(status));
    return wrong;
}

TEST(Threads, ALogIsRotatedLaterWhereThereAreNone) {
    std::string directory = testing::TempDir() + "dpsup-threads-XXXXXX";
    ASSERT_NE(::mkdtemp(directory.data()), nullptr);
    ::chmod(directory.c_str(), 0777);
    const auto test = [&]() -> std::string {
        const std::string path = directory + "/a.log";
        write_file(path, std::string(5000, 'x'));
        allow_threads(false);
        boost::asio::io_context context;
        Inotify inotify(context);
        int warnings = 0;
        Rotation rotation(context, inotify, [&](const std::string&, const std::string&) { ++warnings; });
        rotation.watch(path, 1000, 1);
        context.run_for(500ms);
        if (warnings != 1) return std::to_string(warnings) + " warnings";
        if (std::filesystem::exists(path + ".1")) return "there were threads all the same";
        allow_threads(true);
        const bool rotated = run_until(context, [&] { return std::filesystem::exists(path + ".1"); });
        return rotated ? "" : "it is never rotated";
    };
    EXPECT_EQ(as_somebody(test), "");
    std::filesystem::remove_all(directory);
}

TEST(Threads, LaunchesBehindOneThatHangsWaitUntilThereIsOne) {
    const auto test = []() -> std::string {
        std::promise<void> opens;
        const std::shared_future<void> opened = opens.get_future();
        boost::asio::io_context context;
        Reaper reaper(context, [](pid_t) {});
        std::atomic<int> launched = 0;
        int warnings = 0;
        int done = 0;
        LaunchWorker worker(
            context, reaper, [&](const std::string& text) { warnings += text.starts_with("launches wait"); },
            [&](LaunchPlan&) -> Staged<pid_t> {
                if (++launched == 1) opened.wait();
                return stage_failed("exec", EPERM, "a test");
            });
        allow_threads(false);
        const auto launch = [&] {
            auto plan =
                std::make_unique<LaunchPlan>(config::Process{}, std::make_shared<Identity>(),
                                             std::vector<std::string>{"x"}, "/x", std::vector<std::string>{});
            worker.launch({std::move(plan), UniqueFd()},
                          {[&](auto, const auto&, const auto&) { ++done; }, {}});
        };
        launch();
        launch();
        if (!run_until(context, [&] { return warnings > 0; })) return "nothing is said";
        context.run_for(1200ms);
        if (warnings != 1 || done != 0) return "said more than once, or there were threads";
        allow_threads(true);
        if (!run_until(context, [&] { return done == 1; })) return "the second is never launched";
        opens.set_value();
        return run_until(context, [&] { return done == 2; }) ? "" : "the first does not come to an end";
    };
    EXPECT_EQ(as_somebody(test), "");
}

}  // namespace
}  // namespace dpsup::io
