#include "dpsupctl/log_reader.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "support/temporary_folder.hpp"

namespace dpsup::ctl {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Log : public testing::Test {
protected:
    void append(const std::string& text) const { std::ofstream(path, std::ios::app) << text; }

    // As the daemon rotates: what was written is copied to path.1, and taken off the front.
    void rotate(std::size_t keep = 0) const {
        std::ifstream in(path);
        const std::string all((std::istreambuf_iterator<char>(in)), {});
        std::filesystem::remove(path + ".1");
        std::ofstream(path + ".1") << all.substr(0, all.size() - keep);
        std::filesystem::resize_file(path, 0);
        append(all.substr(all.size() - keep));
    }

    static std::vector<std::string> read(Follower& follower) {
        auto lines = follower.read_on();
        EXPECT_TRUE(lines) << lines.error().message;
        return lines ? *lines : std::vector<std::string>();
    }

    test::TemporaryFolder folder;
    std::string path = folder.file("web.log");
};

TEST_F(Log, HasAnEmptyTailBeforeItExists) {
    const auto tail = tail_of(path, 10);
    ASSERT_TRUE(tail);
    EXPECT_THAT(tail->lines, IsEmpty());
    EXPECT_EQ(tail->end, 0);
}

TEST_F(Log, ShowsItsLastWholeLines) {
    append("one\ntwo\nthree\npart");
    const auto tail = tail_of(path, 2);
    EXPECT_THAT(tail->lines, ElementsAre("two", "three"));
    EXPECT_EQ(tail->end, 14);
}

TEST_F(Log, GoesOnIntoAsManyRotatedFilesAsAreNeeded) {
    append("six\n");
    std::ofstream(path + ".1") << "four\nfive\n";
    std::ofstream(path + ".2") << "two\nthree\n";
    std::ofstream(path + ".3") << "zero\none\n";
    EXPECT_THAT(tail_of(path, 6)->lines, ElementsAre("one", "two", "three", "four", "five", "six"));
    EXPECT_THAT(tail_of(path, 5)->lines, ElementsAre("two", "three", "four", "five", "six"));
    EXPECT_EQ(tail_of(path, 100)->lines.size(), 7U);
}

TEST_F(Log, IsReadBackwardsOverManyBlocks) {
    for (int i = 0; i < 20000; ++i) append(std::string(8, 'x') + std::to_string(i) + "\n");
    const auto tail = tail_of(path, 15000);
    ASSERT_EQ(tail->lines.size(), 15000U);
    EXPECT_EQ(tail->lines.front(), "xxxxxxxx5000");
    EXPECT_EQ(tail->lines.back(), "xxxxxxxx19999");
}

TEST_F(Log, GoesOnIntoItsPredecessor) {
    append("one\ntwo\n");
    rotate();
    append("three\n");
    EXPECT_THAT(tail_of(path, 2)->lines, ElementsAre("two", "three"));
    EXPECT_THAT(tail_of(path, 9)->lines, ElementsAre("one", "two", "three"));
    EXPECT_THAT(tail_of(path, 1)->lines, ElementsAre("three"));
}

TEST_F(Log, SaysWhyItCannotBeRead) {
    append("x");
    const auto tail = tail_of(path + "/below", 1);  // a file is no folder
    ASSERT_FALSE(tail);
    EXPECT_THAT(tail.error().message, testing::HasSubstr("Not a directory"));
}

TEST_F(Log, IsFollowedByWholeLines) {
    Follower follower(path, 0);
    EXPECT_THAT(read(follower), IsEmpty());
    append("one\ntw");
    EXPECT_THAT(read(follower), ElementsAre("one"));
    append("o\n");
    EXPECT_THAT(read(follower), ElementsAre("two"));
    EXPECT_THAT(read(follower), IsEmpty());
}

TEST_F(Log, LosesAndDoublesNothingWhenItIsRotated) {
    append("one\ntwo\n");
    Follower follower(path, 4);
    EXPECT_THAT(read(follower), ElementsAre("two"));
    append("three\nfo");
    rotate();
    append("ur\nfive\n");
    EXPECT_THAT(read(follower), ElementsAre("three", "four", "five"));
}

TEST_F(Log, LosesAndDoublesNothingWhenARestStays) {
    append("one\ntwo\nthree\n");
    Follower follower(path, 0);
    EXPECT_THAT(read(follower), ElementsAre("one", "two", "three"));
    rotate(6);  // "three\n" stays in the file, as after taking whole blocks off its front
    EXPECT_THAT(read(follower), IsEmpty());
    append("four\n");
    EXPECT_THAT(read(follower), ElementsAre("four"));
}

TEST_F(Log, IsReadFromItsBeginningWhenEmptiedWithoutAPredecessor) {
    append("one\ntwo\n");
    Follower follower(path, 8);
    std::filesystem::resize_file(path, 0);
    append("new\n");
    EXPECT_THAT(read(follower), ElementsAre("new"));
}

TEST_F(Log, IsFollowedIntoTheFileThatReplacesIt) {
    append("one\n");
    Follower follower(path, 0);
    EXPECT_THAT(read(follower), ElementsAre("one"));
    append("two\n");
    std::filesystem::rename(path, path + ".old");
    append("three\n");
    EXPECT_THAT(read(follower), ElementsAre("two", "three"));
}

TEST_F(Log, HandsOutEndlessLinesInPieces) {
    append(std::string(3 << 20, 'x'));
    Follower follower(path, 0);
    const auto lines = read(follower);
    ASSERT_FALSE(lines.empty());
    EXPECT_GT(lines.front().size(), std::size_t{1} << 20);
}

}  // namespace
}  // namespace dpsup::ctl
