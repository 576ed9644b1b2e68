// The directory in which the services' cgroups lie: which one it is, and what becomes of it.
#include "io/process/cgroup_root.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <future>

#include "unit/process/host_fixture.hpp"

namespace dpsup::io {
namespace {

class CgroupRootGone : public HostTest {
protected:
    // As systemd does with a scope in which nothing lives any more.
    void remove_root() const {
        ::rmdir((options_.cgroup_root + "/s.svc").c_str());
        ASSERT_EQ(::rmdir(options_.cgroup_root.c_str()), 0);
    }
    [[nodiscard]] std::function<Result<void>()> make_root() const {
        return [root = options_.cgroup_root]() -> Result<void> {
            if (::mkdir(root.c_str(), 0755) != 0) return fail("cgroup", "mkdir");
            return {};
        };
    }
    void reopen_host() {
        host_.reset();
        open_host();
    }
};

TEST_F(CgroupRootGone, IsMadeAnewForTheNextLaunch) {
    options_.open_cgroup_root = make_root();
    open_host();
    launch_well(program("s", {"/bin/true"}));
    ASSERT_TRUE(wait_for<core::Emptied>());
    remove_root();
    const pid_t pid = launch_well(shell("s", "sleep 1000 & exec sleep 1000"), 2);
    EXPECT_GT(pid, 0);
    EXPECT_EQ(warnings_.size(), 1U);
    // That nothing is left of it is heard from the new cgroup.
    host_->kill_tree(ServiceId{1}, Generation{2});
    EXPECT_TRUE(wait_for<core::Emptied>());
}

TEST_F(CgroupRootGone, IsMadeOnceForAllThatWait) {
    std::promise<void> go;
    int made = 0;
    options_.open_cgroup_root = [&made, make = make_root(), may = go.get_future().share()] {
        may.wait();
        ++made;
        return make();
    };
    open_host();
    remove_root();
    for (const std::uint32_t id : {1U, 2U, 3U}) {
        const auto service = program("s" + std::to_string(id), {"/bin/true"});
        host_->launch(ServiceId{id}, Generation{1}, std::make_shared<const config::Service>(service));
    }
    host_->kill_tree(ServiceId{3}, Generation{1});  // its launch has not begun
    ASSERT_TRUE(run_until([&] { return warnings_.size() == 1; }));
    go.set_value();
    std::size_t launched = 0;
    std::size_t emptied = 0;
    EXPECT_TRUE(run_until([&] {
        launched = emptied = 0;
        for (const auto& event : events_) {
            launched += std::holds_alternative<core::Launched>(event.fact) ? 1 : 0;
            emptied += std::holds_alternative<core::Emptied>(event.fact) ? 1 : 0;
        }
        return launched == 2 && emptied == 3;
    })) << launched
        << " " << emptied;
    EXPECT_EQ(made, 1);
    EXPECT_EQ(warnings_.size(), 1U);
}

TEST_F(CgroupRootGone, SaysWhyItCannotBeMadeAnewAndTriesAgain) {
    bool can = false;
    options_.open_cgroup_root = [&can, make = make_root()]() -> Result<void> {
        if (!can) return fail("no_scope", "systemd does not answer");
        return make();
    };
    open_host();
    remove_root();
    const auto failed = launch_badly(program("s", {"/bin/true"}));
    EXPECT_EQ(failed.stage, "cgroup");
    EXPECT_NE(failed.detail.find("systemd does not answer"), std::string::npos) << failed.detail;
    can = true;
    launch_well(program("s", {"/bin/true"}), 2);
    EXPECT_TRUE(wait_for<core::Emptied>());
}

// A watch belongs to the directory of which it was made.
TEST_F(CgroupRootGone, ACgroupThatSomebodyRemovedIsWatchedAnew) {
    launch_well(program("s", {"/bin/true"}));
    ASSERT_TRUE(wait_for<core::Emptied>());
    ASSERT_EQ(::rmdir((options_.cgroup_root + "/s.svc").c_str()), 0);
    // A child of another service's: of its end we hear from the cgroup alone.
    launch_well(shell("other", "sleep 1000 & echo $! >" + path("pid") + "; wait; exec sleep 1000"), 1, 2);
    const std::string guest = read_line_of("pid");
    const pid_t main = launch_well(program("s", {"/bin/sleep", "1000"}), 2);
    write_file(options_.cgroup_root + "/s.svc/cgroup.procs", guest);
    ::kill(main, SIGKILL);
    ASSERT_TRUE(wait_for<core::Exited>());
    ::kill(static_cast<pid_t>(std::stol(guest)), SIGKILL);
    EXPECT_TRUE(wait_for<core::Emptied>());
}

class CgroupsAtTheEnd : public HostTest {};

TEST_F(CgroupsAtTheEnd, LeaveARunningServiceWhatItMadeItself) {
    const std::string made = options_.cgroup_root + "/s.svc/made";
    launch_well(shell("s", "mkdir " + made + " && echo made >" + path("done") + "; exec sleep 1000"));
    EXPECT_EQ(read_line_of("done"), "made\n");
    host_.reset();
    EXPECT_TRUE(std::filesystem::exists(made));
    open_host();
    host_->end_adoption();
    EXPECT_FALSE(std::filesystem::exists(made));
}

class FollowedCgroupRoot : public testing::Test {
protected:
    // As far as it is looked at.
    void SetUp() override {
        std::string pattern = std::filesystem::temp_directory_path() / "dpsup-test-XXXXXX";
        older_ = ::mkdtemp(pattern.data());
        write_file(older_ + "/cgroup.procs", "");
    }
    void TearDown() override { std::filesystem::remove_all(older_); }

    CgroupRoot chosen_{"/chosen", "chosen", "dpsup-services.scope"};
    std::string older_;
    std::string warning_;
};

TEST_F(FollowedCgroupRoot, IsTheChosenOneWithItsUnit) {
    const CgroupRoot root = follow_cgroup_root("/chosen", chosen_, warning_);
    EXPECT_EQ(root.path, "/chosen");
    EXPECT_EQ(root.unit, "dpsup-services.scope");
}

// What a service there writes carries another unit in the journal: whoever looks for this one finds nothing.
TEST_F(FollowedCgroupRoot, IsNotInTheChosenOnesUnit) {
    const CgroupRoot older = follow_cgroup_root(older_, chosen_, warning_);
    EXPECT_EQ(older.path, older_);
    EXPECT_EQ(older.unit, "");
    const CgroupRoot none = follow_cgroup_root("", chosen_, warning_);
    EXPECT_EQ(none.path, "");
    EXPECT_EQ(none.unit, "");
    EXPECT_EQ(warning_, "");
}

TEST_F(FollowedCgroupRoot, IsTheChosenOneWhereTheOlderHasGone) {
    EXPECT_EQ(follow_cgroup_root("/no/such/root", chosen_, warning_).unit, "dpsup-services.scope");
    EXPECT_EQ(warning_, "");
}

}  // namespace
}  // namespace dpsup::io
