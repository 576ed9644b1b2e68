// An older dpsupd is installed over a newer one: what that has on record is not for the older, and stays as it is.
#include <gmock/gmock.h>

#include <filesystem>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

using ::testing::HasSubstr;

std::string file_that_begins_with(const std::string& directory, const std::string& begin) {
    for (const auto& entry : std::filesystem::directory_iterator(directory))
        if (entry.path().filename().string().starts_with(begin)) return entry.path();
    return {};
}

struct Newer {
    const char* directory;
    const char* file;  // begins so
    const char* content;
};

class Downgrade : public ::testing::TestWithParam<Newer> {};

TEST_P(Downgrade, IsRefusedWithoutDamage) {
    Daemon daemon(
        "[service.x]\ncommand = \"@ACTOR@ lock @DIR@/lock\"\n[service.off]\ncommand = \"@ACTOR@\"\n");
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    ASSERT_EQ(daemon.ctl({"stop", "--wait", "off"}).code(), 0);
    const auto pid = daemon.status("x")["pid"].number();
    ASSERT_EQ(daemon.ctl({"daemon", "stop", "--leave-services"}).code(), 0);
    ASSERT_TRUE(daemon.wait().has_value());

    const std::string path = file_that_begins_with(daemon.path(GetParam().directory), GetParam().file);
    ASSERT_NE(path, "");
    const std::string ours = read_file(path);
    write_file(path, GetParam().content);
    daemon.launch();
    const auto end = daemon.wait();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->code, 78);
    EXPECT_THAT(daemon.log(), HasSubstr(path + " was written by a newer dpsup (version 2)"));
    EXPECT_THAT(daemon.log(), HasSubstr("install that dpsup again; nothing was changed"));
    EXPECT_EQ(read_file(path), GetParam().content);
    EXPECT_TRUE(is_locked(daemon.path("lock"))) << "the service must go on";

    write_file(path, ours);
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    EXPECT_EQ(daemon.status("x")["pid"].number(), pid);
    EXPECT_EQ(daemon.status("off")["state"].text(), "stopped");
}

INSTANTIATE_TEST_SUITE_P(Daemon, Downgrade,
                         ::testing::Values(Newer{"state", "state.json", R"({"version": 2, "services": []})"},
                                           Newer{"run", "runs", "dpsup-runs 2 x\nmore\n"},
                                           Newer{"run", "applied-", "dpsup-applied 2 x\nmore\n"}),
                         [](const auto& tested) {
                             const std::string file = tested.param.file;
                             return "Of" + file.substr(0, file.find_first_of(".-"));
                         });

}  // namespace
}  // namespace dpsup::test
