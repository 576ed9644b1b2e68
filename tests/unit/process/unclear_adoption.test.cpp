// What a new daemon cannot know at once of the processes of one that died: whoever runs is taken over as it runs.
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>

#include "io/process/identity.hpp"
#include "io/process/proc_entry.hpp"
#include "unit/process/host_fixture.hpp"

namespace dpsup::io {
namespace {

using namespace std::chrono_literals;

// An earlier host launches service 1, whose main process is then no child of ours: a shell that lives stands between.
class UnclearAdoption : public TrackingTest {
protected:
    void SetUp() override {
        TrackingTest::SetUp();
        if (IsSkipped()) return;
        options_.instance = "adopt-" + std::to_string(::getpid());
        options_.resolve = [this](const config::Process& process) -> Staged<Identity> {
            if (nobody_answers_) return stage_failed("user", ETIMEDOUT, "looking up a user");
            return resolve_identity(process);
        };
        open_host();
    }

    // Forks the main process with the shell's `command`, and dies.
    void leave(const std::string& command) {
        service_.policy.name = service_.name = "a";
        service_.process.command = {"/bin/sh", "-c",
                                    "(" + command + ") & echo $! > " + path("pid") + "; exec sleep 1000"};
        write_file(path("pid"), "", 0666);
        ASSERT_GT(launch_well(service_), 0);
        pid_ = static_cast<pid_t>(std::stoi(read_line_of("pid")));
        ASSERT_TRUE(run_until([&] { return read_file(proc("cmdline")).starts_with("sleep"); }));
        open_host();
        events_.clear();
    }

    void adopt() {
        ProcEntry seen;
        ASSERT_TRUE(read_proc_entry(pid_, seen));
        host_->adopt(ServiceId{1}, Generation{1}, std::make_shared<const config::Service>(service_),
                     {pid_, seen.start});
    }

    core::ServiceEvent next_event() {
        EXPECT_TRUE(run_until([&] { return !events_.empty(); }));
        if (events_.empty()) return {};
        const core::ServiceEvent event = events_.front();
        events_.erase(events_.begin());
        return event;
    }

    [[nodiscard]] std::string proc(const std::string& file) const {
        return "/proc/" + std::to_string(pid_) + "/" + file;
    }
    [[nodiscard]] bool warned_of(const std::string& words) const {
        return std::ranges::any_of(warnings_,
                                   [&](const auto& text) { return text.find(words) != std::string::npos; });
    }

    std::atomic<bool> nobody_answers_ = false;  // to who looks up a user
    config::Service service_;
    pid_t pid_ = 0;
};

TEST_P(UnclearAdoption, ItsCommandsRunAsItDoesWhileItsUserCannotBeLookedUp) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    service_.process.user = "nobody";
    leave("exec sleep 1000");
    nobody_answers_ = true;
    open_host();
    adopt();
    EXPECT_EQ(wait_for<core::Launched>()->pid, pid_);
    ASSERT_TRUE(run_until([&] { return warned_of("cannot be looked up"); }));
    const auto result = run_command({"/bin/sh", "-c", "id -u; id -g; id -G"});
    EXPECT_EQ(result.end, CommandResult::End::exited) << result.detail;
    const auto ids = resolve_identity(service_.process);
    const std::string uid = std::to_string(ids->uid);
    const std::string gid = std::to_string(ids->gid);
    EXPECT_EQ(result.detail, uid + " " + gid + " " + gid);
    nobody_answers_ = false;
    EXPECT_TRUE(run_until([&] { return run_command({"/bin/sh", "-c", "echo $USER"}).detail == "nobody"; }));
}

TEST_P(UnclearAdoption, WhoeverHasBecomeRootIsNotBelieved) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    leave("exec sleep 1000");
    service_.process.user = "nobody";  // as if it had come to run as root by itself
    nobody_answers_ = true;
    open_host();
    adopt();
    ASSERT_TRUE(wait_for<core::Launched>());
    const auto result = run_command({"true"});
    EXPECT_EQ(result.end, CommandResult::End::refused);
    EXPECT_NE(result.detail.find("user"), std::string::npos) << result.detail;
    nobody_answers_ = false;  // it is asked again by itself
    EXPECT_TRUE(run_until([&] { return run_command({"true"}).end == CommandResult::End::exited; }));
}

TEST_P(UnclearAdoption, NoReloadCommandRunsAsNobodyKnowsWhom) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    leave("exec sleep 1000");
    service_.process.user = "nobody";
    service_.process.reload = config::ReloadCommand{{"true"}};
    nobody_answers_ = true;
    open_host();
    adopt();
    ASSERT_TRUE(wait_for<core::Launched>());
    host_->reload(ServiceId{1}, Generation{1}, std::make_shared<const config::Service>(service_));
    const auto reloaded = wait_for<core::Reloaded>();
    ASSERT_TRUE(reloaded);
    EXPECT_FALSE(reloaded->success);
}

TEST_P(UnclearAdoption, IsHeardAtOnceWhereverItsUserIsLookedUp) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    service_.process.user = "nobody";
    service_.policy.notify = true;
    leave("exec sleep 1000");
    nobody_answers_ = true;
    open_host();
    adopt();
    ASSERT_TRUE(wait_for<core::Launched>());
    EXPECT_TRUE(wait_for<core::Notified>()->listening);
}

// Whoever cannot be heard must not be taken for dumb: its watchdog begins once it can.
TEST_P(UnclearAdoption, SaysWhenItIsHeardAgain) {
    service_.policy.notify = true;
    leave("exec sleep 1000");
    const std::string notify = options_.runtime_dir + "/notify";
    host_.reset();
    std::filesystem::remove_all(notify);
    write_file(notify, "no directory");
    open_host();
    adopt();
    ASSERT_TRUE(wait_for<core::Launched>());
    ASSERT_TRUE(run_until([&] { return warned_of("cannot be heard"); }));
    EXPECT_TRUE(events_.empty());
    std::filesystem::remove(notify);
    EXPECT_TRUE(wait_for<core::Notified>()->listening);
}

class UnclearCgroupAdoption : public UnclearAdoption {};

// As su does through pam_systemd, and systemd-run --scope: pid and start time tell who it is all the same.
TEST_P(UnclearCgroupAdoption, IsKnownOutsideItsCgroupToo) {
    leave("exec sleep 1000");
    const std::string elsewhere = options_.cgroup_root + "/elsewhere";
    ASSERT_TRUE(std::filesystem::create_directory(elsewhere));
    write_file(elsewhere + "/cgroup.procs", std::to_string(pid_));
    ASSERT_NE(read_file(proc("cgroup")).find("/elsewhere"), std::string::npos);
    adopt();
    const auto event = next_event();
    ASSERT_TRUE(std::holds_alternative<core::Launched>(event.fact));
    EXPECT_EQ(std::get<core::Launched>(event.fact).pid, pid_);
    host_->kill_tree(ServiceId{1}, Generation{1});
    EXPECT_TRUE(wait_for<core::Emptied>());
    EXPECT_FALSE(alive(pid_));
    EXPECT_TRUE(run_until([&] { return ::rmdir(elsewhere.c_str()) == 0; }));
}

// Nothing can be opened, so nothing is known: neither that it has ended nor that its tree is empty.
TEST_P(UnclearAdoption, WhoCannotBeLookedAtIsNotTakenForDead) {
    leave("exec sleep 1000");
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    ProcEntry seen;
    ASSERT_TRUE(read_proc_entry(pid_, seen));
    const rlimit none{3, limit.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    host_->adopt(ServiceId{1}, Generation{1}, std::make_shared<const config::Service>(service_),
                 {pid_, seen.start});
    const bool told = run_until([&] { return !events_.empty() || warned_of("is not known"); });
    host_->send_signal(ServiceId{1}, Generation{1}, SIGTERM, false);
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    EXPECT_TRUE(told);
    const auto event = next_event();
    ASSERT_TRUE(std::holds_alternative<core::Launched>(event.fact));
    EXPECT_EQ(std::get<core::Launched>(event.fact).pid, pid_);
    EXPECT_TRUE(run_until([&] { return !alive(pid_); })) << "what was asked meanwhile was forgotten";
}

INSTANTIATE_TEST_SUITE_P(Host, UnclearAdoption, testing::Values(Tracking::cgroups, Tracking::descendants),
                         [](const auto& one) {
                             return one.param == Tracking::cgroups ? "WithCgroups" : "WithoutCgroups";
                         });
INSTANTIATE_TEST_SUITE_P(Host, UnclearCgroupAdoption, testing::Values(Tracking::cgroups),
                         [](const auto&) { return "WithCgroups"; });

}  // namespace
}  // namespace dpsup::io
