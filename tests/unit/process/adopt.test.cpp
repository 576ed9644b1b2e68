// What an earlier daemon left: its own is taken over, or killed where nobody knows it; nobody else's ever is.
#include <gmock/gmock.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>

#include "io/process/identity.hpp"
#include "io/process/proc_entry.hpp"
#include "unit/process/host_fixture.hpp"

namespace dpsup::io {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;

class Adoption : public TrackingTest {
protected:
    void SetUp() override {
        TrackingTest::SetUp();
        if (IsSkipped()) return;
        options_.instance = "adoption-" + std::to_string(::getpid());
        open_host();
        write_file(options_.log_dir + "/a.log", "as the earlier daemon had it\n");
    }
    void TearDown() override {
        for (const auto& [pid, start] : spawned_)
            if (start_of(pid) == start) ::kill(pid, SIGKILL);
        if (host_) TrackingTest::TearDown();
    }

    [[nodiscard]] bool by_cgroup() const { return !options_.cgroup_root.empty(); }

    static std::uint64_t start_of(pid_t pid) {
        ProcEntry entry;
        return read_proc_entry(pid, entry) && !entry.ended() ? entry.start : 0;
    }

    // As a daemon that has died has left it: no child of ours, in the service's tree ("a", "a/dpsup-run.1"); in none where
    // `leaf` is empty.
    pid_t left_in(const std::string& leaf, bool leads = true) {
        ::prctl(PR_SET_CHILD_SUBREAPER, 0);
        std::string directory;
        if (by_cgroup() && !leaf.empty()) {
            const auto slash = std::min(leaf.find('/'), leaf.size());
            directory = options_.cgroup_root + "/" + leaf.substr(0, slash) + ".svc" + leaf.substr(slash);
            std::filesystem::create_directories(directory);
        }
        const std::string mark = leaf.empty() ? "" : options_.instance + "/" + leaf;
        std::array<int, 2> born{};
        EXPECT_EQ(::pipe(born.data()), 0);
        const pid_t parent = ::fork();
        if (parent == 0) {
            if (::fork() != 0) ::_exit(0);
            if (!directory.empty()) write_file(directory + "/cgroup.procs", "0", 0644);
            if (leads) ::setsid();
            if (leaf.empty())
                ::unsetenv("DPSUP_INSTANCE");
            else
                ::setenv("DPSUP_INSTANCE", mark.c_str(), 1);
            ::close(born[0]);
            ::dup2(born[1], 3);
            ::execl("/bin/sh", "sh", "-c", "echo $$ >&3; exec 3>&-; exec sleep 1000", nullptr);
            ::_exit(1);
        }
        ::waitpid(parent, nullptr, 0);
        ::close(born[1]);
        std::array<char, 32> text{};
        EXPECT_GT(::read(born[0], text.data(), text.size() - 1), 0);
        ::close(born[0]);
        const pid_t pid = std::atoi(text.data());
        EXPECT_TRUE(run_until(
            [pid] { return read_file("/proc/" + std::to_string(pid) + "/cmdline").starts_with("sleep"); }));
        spawned_.emplace_back(pid, start_of(pid));
        ::prctl(PR_SET_CHILD_SUBREAPER, 1);
        return pid;
    }

    void adopt(const std::string& name, const AdoptedProcess& process) {
        host_->adopt(ServiceId{1}, Generation{1},
                     std::make_shared<const config::Service>(shell(name, "exit 1")), process);
    }

    std::vector<std::pair<pid_t, std::uint64_t>> spawned_;
};

class CgroupAdoption : public Adoption {};

TEST_P(Adoption, GoesOnWithTheProcessOnRecord) {
    const pid_t pid = left_in("a");
    adopt("a", {pid, start_of(pid)});
    host_->end_adoption();
    EXPECT_EQ(wait_for<core::Launched>()->pid, pid);
    EXPECT_EQ(host_->process_start(ServiceId{1}), start_of(pid));
    host_->send_signal(ServiceId{1}, Generation{1}, SIGTERM, false);
    EXPECT_TRUE(wait_for<core::Exited>());
    EXPECT_TRUE(wait_for<core::Emptied>());
    EXPECT_TRUE(warnings_.empty()) << warnings_.front();
}

// Its number is another's by now: started at another time, and in no tree of ours.
TEST_P(Adoption, LeavesAStrangerAloneThatHasTheNumberNow) {
    const pid_t pid = left_in("");
    adopt("a", {pid, start_of(pid) - 1});
    host_->end_adoption();
    EXPECT_EQ(wait_for<core::Exited>()->kind, core::ExitKind::unknown);
    EXPECT_TRUE(wait_for<core::Emptied>());
    host_->send_signal(ServiceId{1}, Generation{1}, SIGKILL, true);
    host_->kill_tree(ServiceId{1}, Generation{1});
    EXPECT_TRUE(wait_for<core::Emptied>());
    EXPECT_TRUE(alive(pid));
}

// Of a record that tells no start time: the number says nothing of a process that is not in the service's tree.
TEST_P(Adoption, TakesNobodyByItsNumberAlone) {
    const pid_t stranger = left_in("");
    adopt("a", {stranger, 0});
    host_->end_adoption();
    EXPECT_EQ(wait_for<core::Exited>()->kind, core::ExitKind::unknown);
    host_->kill_tree(ServiceId{1}, Generation{1});
    EXPECT_TRUE(wait_for<core::Emptied>());
    EXPECT_TRUE(alive(stranger));
}

TEST_P(Adoption, FindsTheProcessOfTheTreeWithoutItsStartTime) {
    const pid_t pid = left_in("a");
    adopt("a", {pid, 0});
    host_->end_adoption();
    EXPECT_EQ(wait_for<core::Launched>()->pid, pid);
}

// As long as the rest of it runs, the record must tell which process that number was.
TEST_P(Adoption, RemembersWhenItStartedBeyondItsEnd) {
    const pid_t pid = launch_well(shell("a", "sleep 1000 & exec sleep 1000"));
    const std::uint64_t start = start_of(pid);
    EXPECT_EQ(host_->process_start(ServiceId{1}), start);
    ::kill(pid, SIGKILL);
    ASSERT_TRUE(wait_for<core::Exited>());
    EXPECT_EQ(host_->process_start(ServiceId{1}), start);
}

// Even one of our own, of another service.
TEST_P(Adoption, LeavesAnotherServicesProcessAloneThatHasTheNumberNow) {
    const pid_t pid = left_in("other");
    adopt("a", {pid, start_of(pid) - 1});
    EXPECT_EQ(wait_for<core::Exited>()->kind, core::ExitKind::unknown);
    EXPECT_TRUE(wait_for<core::Emptied>());
    host_->kill_tree(ServiceId{1}, Generation{1});
    EXPECT_TRUE(wait_for<core::Emptied>());
    EXPECT_TRUE(alive(pid));
    host_->end_adoption();  // nobody knows that one
    EXPECT_TRUE(run_until([&] { return !alive(pid); }));
}

TEST_P(Adoption, KillsWhatNobodyAdoptedAndNamesIt) {
    const pid_t known = left_in("a");
    const pid_t unknown = left_in("b");
    const pid_t stranger = left_in("");
    adopt("a", {known, start_of(known)});
    host_->end_adoption();
    EXPECT_FALSE(alive(unknown)) << "another could be launched beside it";
    EXPECT_TRUE(alive(known));
    EXPECT_TRUE(alive(stranger));
    EXPECT_THAT(warnings_, testing::ElementsAre(testing::StartsWith(
                               "b: an earlier dpsupd left processes and no record of them; killed " +
                               std::to_string(unknown) + " (sleep 1000)")));
}

TEST_P(Adoption, FindsTheOldestThatLeadsASession) {
    EXPECT_FALSE(host_->find_leftover("a", {}));
    open_host();  // each looks once for all that is left
    left_in("a", false);
    left_in("a/dpsup-run.7");  // a probe's command
    EXPECT_FALSE(host_->find_leftover("a", {})) << "none leads a session of the service's own";
    open_host();
    const pid_t oldest = left_in("a");
    left_in("b");
    const std::uint64_t start = start_of(oldest);
    while (start_of(left_in("a")) == start) {  // the clock of start times ticks a hundred times a second
    }
    const auto found = host_->find_leftover("a", {});
    ASSERT_TRUE(found);
    EXPECT_EQ(found->pid, oldest);
    EXPECT_EQ(found->start, start);
    EXPECT_FALSE(host_->find_leftover("a", {oldest, start})) << "it is on record";
    EXPECT_TRUE(host_->find_leftover("a", {oldest, start - 1})) << "that on record was another";

    adopt("a", *found);
    host_->end_adoption();
    EXPECT_EQ(wait_for<core::Launched>()->pid, oldest);
    EXPECT_THAT(warnings_, Contains(AllOf(HasSubstr("a: an earlier dpsupd left process"),
                                          HasSubstr(std::to_string(oldest) + " (sleep 1000)"))));
}

// It may run containers, say. Only what dpsupd itself ran beside it is ended.
TEST_P(CgroupAdoption, LeavesCgroupsAloneThatTheServiceMade) {
    const pid_t main = left_in("a");
    const pid_t nested = left_in("a/containers");
    const pid_t probe = left_in("a/dpsup-run.3");
    adopt("a", {main, start_of(main)});
    host_->end_adoption();
    EXPECT_EQ(wait_for<core::Launched>()->pid, main);
    EXPECT_TRUE(run_until([&] { return !alive(probe); }));
    EXPECT_TRUE(alive(nested));
}

// Somebody removed the cgroup, and what had been in it is elsewhere, among others: it alone is the service's.
TEST_P(CgroupAdoption, GoesOnWithAProcessWhoseCgroupWasRemoved) {
    const pid_t pid = left_in("a");
    const pid_t stranger = left_in("");
    write_file(options_.cgroup_root + "/../cgroup.procs", std::to_string(pid), 0644);
    ASSERT_EQ(::rmdir((options_.cgroup_root + "/a.svc").c_str()), 0);
    adopt("a", {pid, start_of(pid)});
    host_->end_adoption();
    EXPECT_EQ(wait_for<core::Launched>()->pid, pid);
    host_->kill_tree(ServiceId{1}, Generation{1});
    EXPECT_TRUE(wait_for<core::Emptied>());
    EXPECT_FALSE(alive(pid));
    EXPECT_TRUE(alive(stranger));
}

// Not failed at once: what ends takes its moment.
TEST_P(CgroupAdoption, LaunchesOnceTheRestHasEnded) {
    const pid_t rest = left_in("a");
    host_->launch(ServiceId{1}, Generation{1},
                  std::make_shared<const config::Service>(shell("a", "exec sleep 1000")));
    run_for(30ms);
    EXPECT_TRUE(events_.empty());
    ::kill(rest, SIGKILL);
    EXPECT_TRUE(wait_for<core::Launched>());
}

constexpr auto name_of_tracking = [](const auto& one) {
    return one.param == Tracking::cgroups ? "WithCgroups" : "WithoutCgroups";
};
INSTANTIATE_TEST_SUITE_P(Host, Adoption, testing::Values(Tracking::cgroups, Tracking::descendants),
                         name_of_tracking);
INSTANTIATE_TEST_SUITE_P(Host, CgroupAdoption, testing::Values(Tracking::cgroups), name_of_tracking);

}  // namespace
}  // namespace dpsup::io
