// Another dpsupd is installed over the one that wrote what is on record. What a newer one wrote is not for an older, and
// stays as it is; what a newer one does not understand is passed over, and told.
#include <gmock/gmock.h>

#include <filesystem>

#include "daemon.hpp"
#include "io/state/applied_config.hpp"
#include "io/state/record_file.hpp"

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

class PassedOver : public ::testing::Test {
protected:
    // Its files say something that nobody has applied, and it is killed.
    void SetUp() override {
        ASSERT_TRUE(daemon_.all_reach({"ready"}));
        daemon_.configure("[service.x]\ncommand = \"@ACTOR@\"\n[service.edited]\ncommand = \"@ACTOR@\"\n");
        daemon_.signal(SIGKILL);
        ASSERT_TRUE(daemon_.wait().has_value());
        record_ = file_that_begins_with(daemon_.path("run"), "applied-");
        ASSERT_NE(record_, "");
    }
    // The files count now, and whoever wonders why finds it in the log.
    void expect_told(const std::string& why) {
        daemon_.launch();
        ASSERT_TRUE(daemon_.answers());
        EXPECT_TRUE(daemon_.status("edited").present());
        EXPECT_THAT(daemon_.log(), HasSubstr("on record in " + record_ + ", is of no use"));
        EXPECT_THAT(daemon_.log(), HasSubstr(why));
    }

    Daemon daemon_{"[service.x]\ncommand = \"@ACTOR@\"\n"};
    std::string record_;
};

TEST_F(PassedOver, AnAppliedConfigurationThatIsNotUnderstood) {
    auto applied = io::load_applied_config(record_, io::boot_id());
    ASSERT_TRUE(applied && *applied);
    (*applied)->origin.sources.front().text += "\nunheard_of = true\n";
    ASSERT_TRUE(io::store_applied_config(record_, io::boot_id(), **applied));
    expect_told("unheard_of");
}

TEST_F(PassedOver, ADamagedRecordOfOne) {
    append_file(record_, "more\n");
    expect_told("it is damaged");
}

}  // namespace
}  // namespace dpsup::test
