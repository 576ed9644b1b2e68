// Real files: the main one, conf.d, and what services read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "config/difference.hpp"
#include "unit/config/loading.hpp"

namespace dpsup::config {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class Files : public testing::Test {
protected:
    Files() {
        std::string pattern = (fs::temp_directory_path() / "dpsup-config-XXXXXX").string();
        folder = mkdtemp(pattern.data());
        fs::create_directory(folder / "conf.d");
    }
    ~Files() override { fs::remove_all(folder); }

    void write(const std::string& name, const std::string& text) const {
        std::ofstream(folder / name) << text;
    }
    [[nodiscard]] LoadOutcome load_all() const { return load(folder / "dpsup.toml", environment_of({})); }
    [[nodiscard]] std::string path(const std::string& name) const { return (folder / name).string(); }

    fs::path folder;
};

TEST_F(Files, WithoutTheMainOneAreAnError) {
    const LoadOutcome outcome = load_all();
    EXPECT_FALSE(outcome.config);
    EXPECT_THAT(render(outcome.diagnostics),
                HasSubstr(path("dpsup.toml") + ": error: cannot be opened: No such file"));
    EXPECT_THAT(render(outcome.diagnostics), HasSubstr("hint: name another file, or write this one"));
}

TEST_F(Files, ThatCannotBeReadGetAFittingHint) {
    const auto said = [&](const fs::path& file) {
        return render(load(file, environment_of({})).diagnostics);
    };
    EXPECT_EQ(said(""), "error: the configuration file's path is empty\n    hint: name a file\n");
    EXPECT_EQ(said(folder), folder.string() +
                                ": error: is a directory\n    hint: name the file in it, such as "
                                "dpsup.toml\n");
    write("dpsup.toml", "");
    fs::resize_file(folder / "dpsup.toml", 5U << 20U);
    EXPECT_EQ(said(folder / "dpsup.toml"), path("dpsup.toml") +
                                               ": error: is larger than 4.0 MiB\n    hint: split "
                                               "it into several files in conf.d\n");
}

TEST_F(Files, InConfDExtendAndReplaceInNameOrder) {
    write(
        "dpsup.toml",
        "[daemon]\nlog_level = \"debug\"\nshutdown_timeout = \"1s\"\n[service.a]\ncommand = [\"a\", \"b\"]\n"
        "environment = { X = 1, Y = 2 }\nrestart = \"no\"\n");
    write("conf.d/20-b.toml", "[service.a]\ncommand = [\"late\"]\n");
    write("conf.d/10-a.toml",
          "[daemon]\nlog_level = \"error\"\n[service.a]\ncommand = [\"early\"]\nenvironment = { Y = 3, Z = 4 "
          "}\n"
          "restart = { policy = \"always\" }\n[service.b]\ncommand = [\"b\"]\n");
    write("conf.d/30-c.toml.bak", "garbage");
    write("conf.d/.hidden.toml", "garbage");
    const LoadOutcome outcome = load_all();
    ASSERT_TRUE(outcome.config) << render(outcome.diagnostics);
    const Config& config = *outcome.config;
    EXPECT_EQ(config.daemon.log_level, "error");
    EXPECT_EQ(config.daemon.shutdown_timeout, std::chrono::seconds(1));
    ASSERT_EQ(config.services.size(), 2U);
    EXPECT_THAT(config.services[0].process.command, ElementsAre("late"));
    using Pair = std::pair<std::string, EnvironmentValue>;
    EXPECT_THAT(config.services[0].process.environment,
                ElementsAre(Pair{"X", "1"}, Pair{"Y", "3"}, Pair{"Z", "4"}));
    EXPECT_EQ(config.services[0].policy.restart.when, core::RestartWhen::always);
    EXPECT_EQ(config.services[0].place.file, path("dpsup.toml"));
    EXPECT_EQ(config.services[1].place.file, path("conf.d/10-a.toml"));
    EXPECT_FALSE(config.host.name.empty());
}

TEST_F(Files, InConfDNeedNotBe) {
    fs::remove(folder / "conf.d");
    write("dpsup.toml", "[service.a]\ncommand = [\"a\"]\n");
    const LoadOutcome outcome = load_all();
    ASSERT_TRUE(outcome.config) << render(outcome.diagnostics);
    EXPECT_TRUE(outcome.diagnostics.empty());
}

TEST_F(Files, AreAllNamedWhenWrong) {
    write("dpsup.toml", "[service.a]\ncommand = 1\n");
    write("conf.d/a.toml", "[service.a]\nnice = 99\n");
    const std::string found = render(load_all().diagnostics);
    EXPECT_THAT(found, HasSubstr(path("dpsup.toml") + ":2:11: error"));
    EXPECT_THAT(found, HasSubstr(path("conf.d/a.toml") + ":2:8: error"));
    write("dpsup.toml", "[");
    write("conf.d/a.toml", "]");
    const std::string broken = render(load_all().diagnostics);
    EXPECT_THAT(broken, HasSubstr(path("dpsup.toml") + ":1:"));
    EXPECT_THAT(broken, HasSubstr(path("conf.d/a.toml") + ":1:"));
}

TEST_F(Files, ThatWouldBlockAreRefused) {
    ASSERT_EQ(mkfifo(path("dpsup.toml").c_str(), 0600), 0);
    EXPECT_THAT(render(load_all().diagnostics), HasSubstr("is no regular file"));
}

TEST_F(Files, ThatServicesReadAreSeenToChange) {
    write("dpsup.toml", "[service.a]\ncommand = [\"a\"]\nenv_file = \"" + path("env") +
                            "\"\n"
                            "[service.b]\ncommand = [\"b\"]\nenvironment = { P = { file = \"" +
                            path("secret") +
                            "\" } }\n"
                            "[service.c]\ncommand = [\"c\"]\nconfig_files = [\"" +
                            path("conf") +
                            "\"]\nreload = { signal = \"HUP\" }\n"
                            "[service.d]\ncommand = [\"d\"]\nconfig_files = [\"" +
                            path("conf") + "\"]\n");
    for (const auto* name : {"env", "secret", "conf"}) write(name, "before");
    const LoadOutcome before = load_all();
    ASSERT_TRUE(before.config);
    EXPECT_TRUE(before.diagnostics.empty()) << render(before.diagnostics);
    EXPECT_TRUE(difference(*before.config, *load_all().config).operations.empty());
    for (const auto* name : {"env", "secret", "conf"}) write(name, "after!");
    const auto plan = difference(*before.config, *load_all().config).operations;
    ASSERT_EQ(plan.size(), 4U);
    EXPECT_EQ(plan[0].action, Action::restart);
    EXPECT_THAT(plan[0].causes, ElementsAre("env_file " + path("env") + " changed"));
    EXPECT_THAT(plan[1].causes, ElementsAre("secret " + path("secret") + " changed"));
    EXPECT_EQ(plan[1].action, Action::restart);
    EXPECT_EQ(plan[2].action, Action::reload);
    EXPECT_EQ(plan[3].action, Action::restart);
}

TEST_F(Files, ThatServicesReadMayBeMissingYet) {
    write("dpsup.toml", "[service.a]\ncommand = [\"a\"]\nenv_file = \"" + path("env") + "\"\n");
    const LoadOutcome outcome = load_all();
    ASSERT_TRUE(outcome.config);
    EXPECT_THAT(render(outcome.diagnostics),
                HasSubstr("warning: service.a: " + path("env") + " cannot be opened"));
}

TEST_F(Files, AreReadFromTheProcesssEnvironment) {
    ASSERT_EQ(setenv("DPSUP_TEST_NAME", "from-outside", 1), 0);
    EXPECT_EQ(process_environment()("DPSUP_TEST_NAME"), "from-outside");
    EXPECT_EQ(process_environment()("DPSUP_TEST_NONE"), std::nullopt);
}

}  // namespace
}  // namespace dpsup::config
