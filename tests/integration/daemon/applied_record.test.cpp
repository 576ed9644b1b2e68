// The configuration is applied, and there is no room to put it on record.
#include <gmock/gmock.h>

#include <filesystem>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class UnrecordedApply : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(daemon_.reaches("x", "ready"));
        record_ = path_of_record();
        ASSERT_FALSE(record_.empty());
        std::filesystem::create_directory(record_ + ".new");  // where the record is written first
    }
    void make_room() const { std::filesystem::remove(record_ + ".new"); }
    [[nodiscard]] std::string path_of_record() const {
        for (const auto& file : std::filesystem::directory_iterator(daemon_.path("run")))
            if (file.path().filename().string().starts_with("applied-")) return file.path();
        return {};
    }
    [[nodiscard]] std::string apply(const std::string& word) {
        daemon_.configure(services + "environment = { WORD = \"" + word + "\" }\n");
        const Finished applied = daemon_.ctl({"apply"});
        EXPECT_EQ(applied.code(), 0);
        return applied.all();
    }

    const std::string services = "[service.x]\ncommand = \"@ACTOR@\"\n[service.y]\ncommand = \"@ACTOR@\"\n";
    Daemon daemon_{services};
    std::string record_;
};

TEST_F(UnrecordedApply, SaysSoAndIsRecordedOnceThereIsRoom) {
    EXPECT_THAT(apply("first"), HasSubstr("warning: done, but it is not on record"));
    EXPECT_FALSE(std::filesystem::exists(record_));
    EXPECT_THAT(apply("last"), HasSubstr("warning: done, but it is not on record"));
    EXPECT_FALSE(std::filesystem::exists(record_));

    daemon_.configure("[service.x\n");  // is not what counts
    make_room();
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(record_); })) << "nobody tries again";
    EXPECT_THAT(read_file(record_), HasSubstr("last"));
    EXPECT_TRUE(eventually([&] {
        return daemon_.log().find("the configuration that was applied is on record again") !=
               std::string::npos;
    }));
    EXPECT_EQ(daemon_.ctl({"daemon", "reexec"}).code(), 0);
    daemon_.crash();
    EXPECT_TRUE(daemon_.all_reach({"ready"}));
}

TEST_F(UnrecordedApply, WarnsNoMoreOnceItIsRecorded) {
    EXPECT_THAT(apply("first"), HasSubstr("not on record"));
    make_room();
    EXPECT_THAT(apply("last"), Not(HasSubstr("not on record")));
    EXPECT_THAT(read_file(record_), HasSubstr("last"));
}

}  // namespace
}  // namespace dpsup::test
