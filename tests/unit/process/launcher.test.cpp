// Where a child is born, on kernels of all kinds.
#include "io/process/launcher.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <csignal>
#include <filesystem>

#include "io/process/cgroup_files.hpp"
#include "io/process/cgroup_root.hpp"
#include "io/process/cgroup_tree.hpp"
#include "io/process/descriptor_limit.hpp"
#include "unit/process/host_fixture.hpp"

namespace dpsup::io {
namespace {

class Birth : public testing::Test {
protected:
    void SetUp() override {
        const auto root = choose_cgroup_root("/the/birth/test/" + std::to_string(::getpid()));
        if (root.path.empty()) GTEST_SKIP() << root.reason;
        root_ = root.path;
        leaf_ = root_ + "/leaf";
        ASSERT_EQ(::mkdir(leaf_.c_str(), 0755), 0);
    }
    void TearDown() override {
        if (root_.empty()) return;
        EXPECT_EQ(cgroup::remove_tree(root_), 0);
    }

    // Launches a sleeper into the leaf, looks where it is, and ends it.
    void expect_birth_in_leaf() {
        LaunchPlan plan(process_, std::make_shared<const Identity>(), {"sleep", "100"}, "/bin/sleep", {});
        ASSERT_TRUE(plan.complete(process_, defaults_, -1));
        plan.cgroup.reset(::open(leaf_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        plan.cgroup_procs = leaf_ + "/cgroup.procs";
        const auto pid = launcher_.launch(plan);
        ASSERT_TRUE(pid) << pid.error().stage << " " << pid.error().detail;
        EXPECT_EQ(cgroup::processes(leaf_), std::vector<pid_t>{*pid});
        ::kill(*pid, SIGKILL);
        EXPECT_EQ(::waitpid(*pid, nullptr, 0), *pid);
    }

    std::string root_;
    std::string leaf_;
    config::Process process_;
    LaunchDefaults defaults_ = make_launch_defaults(descriptor_limit());
    ChildUnderWay child_;
    Launcher launcher_{child_};
};

TEST_F(Birth, InTheCgroup) {
    expect_birth_in_leaf();
    EXPECT_FALSE(launcher_.places_by_writing());
}

TEST_F(Birth, ByWritingWhereTheKernelCannotPlaceChildren) {
    launcher_.place_by_writing();
    expect_birth_in_leaf();
}

// Linux 6.14 and later kill a child that is born into a cgroup which has seen cgroup.kill; such a launch is
// repeated.
TEST_F(Birth, SurvivesACgroupThatWasKilledBefore) {
    if (cgroup::write_file(leaf_ + "/cgroup.kill", "1") != 0) GTEST_SKIP() << "no cgroup.kill here";
    expect_birth_in_leaf();
    expect_birth_in_leaf();
}

TEST_F(Birth, KillsOneByOneWhereThereIsNoCgroupKill) {
    boost::asio::io_context context;
    Inotify inotify(context);
    auto tree = CgroupTree::open(
        root_ + "/tree", inotify, [](const std::string&) {},
        [](const std::string&, const std::string& message) { ADD_FAILURE() << message; });
    ASSERT_TRUE(tree);
    (*tree)->kill_one_by_one();
    auto placement = (*tree)->prepare("s", {});
    ASSERT_TRUE(placement);
    LaunchPlan plan(process_, std::make_shared<const Identity>(),
                    {"sh", "-c", "while :; do sleep 100 & sleep 0.001; done"}, "/bin/sh",
                    {"PATH=/bin:/usr/bin"});
    ASSERT_TRUE(plan.complete(process_, defaults_, -1));
    plan.cgroup = std::move(placement->directory);
    plan.cgroup_procs = placement->procs;
    const auto pid = launcher_.launch(plan);
    ASSERT_TRUE(pid);
    ::usleep(50000);
    EXPECT_FALSE((*tree)->empty("s"));
    (*tree)->kill("s");
    EXPECT_EQ(::waitpid(*pid, nullptr, 0), *pid);
    for (int i = 0; i < 200 && !(*tree)->empty("s"); ++i) ::usleep(10000);
    EXPECT_TRUE((*tree)->empty("s"));
    EXPECT_TRUE((*tree)->remove("s"));
}

TEST_F(Birth, KillsWhatAnEarlierDaemonLeft) {
    LaunchPlan plan(process_, std::make_shared<const Identity>(), {"sleep", "100"}, "/bin/sleep", {});
    ASSERT_TRUE(plan.complete(process_, defaults_, -1));
    plan.cgroup.reset(::open(leaf_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    plan.cgroup_procs = leaf_ + "/cgroup.procs";
    const auto pid = launcher_.launch(plan);
    ASSERT_TRUE(pid);
    std::vector<std::string> warnings;
    boost::asio::io_context context;
    Inotify inotify(context);
    auto tree = CgroupTree::open(
        root_, inotify, [](const std::string&) {},
        [&](const std::string& service, const std::string& message) {
            warnings.push_back(service + ": " + message);
        });
    ASSERT_TRUE(tree);
    // A launch returns while the exec still puts the new command line in place.
    const std::string command_line = "/proc/" + std::to_string(*pid) + "/cmdline";
    for (int i = 0; i < 1000 && read_file(command_line).empty(); ++i) ::usleep(10000);
    (*tree)->kill_unclaimed();
    int status = 0;
    EXPECT_EQ(::waitpid(*pid, &status, 0), *pid);
    EXPECT_TRUE(WIFSIGNALED(status));
    ASSERT_EQ(warnings.size(), 1U);
    EXPECT_TRUE(warnings[0].starts_with("leaf: ")) << warnings[0];
    EXPECT_TRUE(warnings[0].ends_with("killed " + std::to_string(*pid) + " (sleep 100)")) << warnings[0];
    EXPECT_FALSE(std::filesystem::exists(leaf_));
    tree->reset();
    root_.clear();
}

TEST(CgroupRoot, IsTheSameForTheSameStateAndAnotherForAnother) {
    const auto a = choose_cgroup_root("/state/a");
    const auto again = choose_cgroup_root("/state/a");
    const auto b = choose_cgroup_root("/state/b");
    EXPECT_EQ(a.path, again.path);
    EXPECT_FALSE(a.reason.empty());
    if (a.path.empty()) GTEST_SKIP() << a.reason;
    EXPECT_NE(a.path, b.path);
    std::filesystem::remove(a.path);
    std::filesystem::remove(b.path);
}

TEST(CgroupTree, RefusesWhatIsNoCgroup) {
    boost::asio::io_context context;
    Inotify inotify(context);
    const auto tree = CgroupTree::open("/tmp", inotify, {}, {});
    ASSERT_FALSE(tree);
    EXPECT_NE(tree.error().message.find("not in a cgroup v2 hierarchy"), std::string::npos);
}

}  // namespace
}  // namespace dpsup::io
