#include "io/state/applied_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace dpsup::io {
namespace {

AppliedConfig some_config() {
    AppliedConfig applied;
    applied.origin.sources = {{"/etc/dpsup/dpsup.toml", "[service.a]\ncommand = \"\u00e9\"\n"},
                              {"/etc/dpsup/conf.d/b.toml", ""}};
    applied.origin.variables = {{"HOME", "/root"}, {"UNSET", std::nullopt}, {"BYTES", "\xff\x01\n"}};
    applied.origin.inputs = {{"/etc/a.env", ~0ULL}, {"/etc/missing", 0}};
    applied.socket = "/run/s";
    applied.state_dir = "/var/lib/s";
    applied.runtime_dir = "/run/r";
    applied.log_dir = "/var/log/l";
    return applied;
}

AppliedConfig another_config() {
    AppliedConfig applied = some_config();
    applied.log_dir = "/var/log/another";
    return applied;
}

class AppliedConfigTest : public testing::Test {
protected:
    AppliedConfigTest() {
        std::string name = testing::TempDir() + "dpsup-applied-XXXXXX";
        directory_ = mkdtemp(name.data());
        path_ = directory_ + "/run/applied";
    }
    ~AppliedConfigTest() override { std::filesystem::remove_all(directory_); }

    [[nodiscard]] std::string content() const {
        std::ifstream file(path_, std::ios::binary);
        std::ostringstream text;
        text << file.rdbuf();
        return text.str();
    }
    void put(const std::string& content) const { std::ofstream(path_, std::ios::binary) << content; }
    void put_first(const std::string& content) const {
        std::filesystem::create_directory(directory_ + "/run");
        put(content);
    }
    // Neither a record nor an error.
    [[nodiscard]] bool is_nothing(const std::string& boot) const {
        const auto loaded = load_applied_config(path_, boot);
        return loaded && !*loaded;
    }

    std::string directory_;
    std::string path_;
};

TEST_F(AppliedConfigTest, ReadsBackWhatWasStoredInThisBootOnly) {
    EXPECT_TRUE(is_nothing("boot-a"));
    ASSERT_TRUE(store_applied_config(path_, "boot-a", some_config()));
    EXPECT_EQ(load_applied_config(path_, "boot-a"), some_config());
    EXPECT_TRUE(is_nothing("boot-b"));
    EXPECT_TRUE(is_nothing(""));
    struct stat status{};
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U) << "it holds the values of variables";
    remove_applied_config(path_);
    EXPECT_TRUE(is_nothing("boot-a"));
}

TEST_F(AppliedConfigTest, IsMarkedAnewByEachStore) {
    EXPECT_EQ(applied_config_mark(path_), "");
    ASSERT_TRUE(store_applied_config(path_, "boot-a", some_config()));
    const std::string first = applied_config_mark(path_);
    EXPECT_NE(first, "");
    EXPECT_EQ(applied_config_mark(path_), first);
    ASSERT_TRUE(store_applied_config(path_, "boot-a", another_config()));
    EXPECT_NE(applied_config_mark(path_), first);
    remove_applied_config(path_);
    EXPECT_EQ(applied_config_mark(path_), "");
}

TEST_F(AppliedConfigTest, CutOffOrDamagedIsNothing) {
    ASSERT_TRUE(store_applied_config(path_, "boot-a", some_config()));
    const std::string whole = content();
    for (std::size_t length = 0; length + 1 < whole.size(); ++length) {
        put(whole.substr(0, length));
        EXPECT_TRUE(is_nothing("boot-a")) << length;
    }
    for (std::size_t i = 0; i + 1 < whole.size(); ++i) {
        std::string spoiled = whole;
        spoiled[i] = static_cast<char>(spoiled[i] ^ 0x15);
        put(spoiled);
        EXPECT_TRUE(is_nothing("boot-a")) << i;
    }
}

TEST_F(AppliedConfigTest, OfANewerVersionIsRefusedAndLeftAlone) {
    for (const std::string newer : {"dpsup-applied 2 boot-a\nsomething else\n", "dpsup-applied 99\n"}) {
        put_first(newer);
        const auto loaded = load_applied_config(path_, "boot-a");
        ASSERT_FALSE(loaded) << newer;
        EXPECT_EQ(loaded.error().code, "state_too_new");
        EXPECT_EQ(content(), newer);
    }
}

// As dpsup 0.1.0 wrote it. A later one may write otherwise, but it reads this: it takes over from the former.
TEST_F(AppliedConfigTest, IsReadAsTheFirstVersionWroteIt) {
    put_first(R"x(dpsup-applied 1 boot-a)x"
              "\n"
              R"x(783562eb {"socket":"/run/s","state_dir":"/var/lib/s","runtime_dir":"/run/r","log)x"
              R"x(_dir":"/var/log/l","sources":[{"name":"/etc/dpsup/dpsup.toml","text":"[service.a)x"
              R"x(]\ncommand = \")x"
              "\xc3\xa9"
              R"x(\"\n"},{"name":"/etc/dpsup/conf.d/b.toml","text":""}],"variables":{"BYTES":")x"
              "\xff"
              R"x(\u0001\n","HOME":"/root","UNSET":null},"inputs":{"/etc/a.env":184467440737095516)x"
              R"x(15,"/etc/missing":0}})x"
              "\n");
    EXPECT_EQ(load_applied_config(path_, "boot-a"), some_config());
}

// As on a full disk: a file can be no larger than 100 bytes.
Result<void> store_without_room(const std::string& path, const AppliedConfig& applied) {
    const auto before = std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    EXPECT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
    const rlimit tight{100, limit.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
    Result<void> stored = store_applied_config(path, "boot-a", applied);
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    (void)std::signal(SIGXFSZ, before);
    return stored;
}

TEST_F(AppliedConfigTest, WithAFullDiskThereIsNoneRatherThanAnOldOne) {
    ASSERT_TRUE(store_applied_config(path_, "boot-a", some_config()));
    const auto stored = store_without_room(path_, another_config());
    ASSERT_FALSE(stored);
    EXPECT_EQ(stored.error().code, "configuration_not_recorded");
    EXPECT_TRUE(is_nothing("boot-a"));
    EXPECT_TRUE(std::filesystem::is_empty(directory_ + "/run"));
}

// A takeover records again what it goes on with.
TEST_F(AppliedConfigTest, WithAFullDiskTheOneThatIsRightStays) {
    ASSERT_TRUE(store_applied_config(path_, "boot-a", some_config()));
    EXPECT_TRUE(store_without_room(path_, some_config()));
    EXPECT_EQ(load_applied_config(path_, "boot-a"), some_config());
}

TEST(AppliedConfigPath, TellsConfigurationsApartAndIsTheSameForOne) {
    EXPECT_EQ(applied_config_path("/etc/dpsup/dpsup.toml"),
              applied_config_path("/etc/dpsup/../dpsup/dpsup.toml"));
    EXPECT_NE(applied_config_path("/etc/dpsup/dpsup.toml"), applied_config_path("/etc/dpsup/other.toml"));
    EXPECT_EQ(applied_config_path("x.toml"),
              applied_config_path(std::filesystem::current_path().string() + "/x.toml"));
}

}  // namespace
}  // namespace dpsup::io
