#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "support/probe/probing.hpp"

namespace dpsup::io {
namespace {

class LogProbing : public Probing {
protected:
    LogProbing() : path(directory / "service.log") {}

    void write(const std::string& text, std::ios::openmode mode = std::ios::app) {
        std::ofstream(path, std::ios::binary | mode) << text;
    }

    core::Probed look(const std::string& pattern, std::uint64_t offset = 0, std::uint64_t generation = 7) {
        const auto before = answers.size();
        runner->run(ServiceId{1}, Generation{generation}, {.probe = 0, .sequence = ++sequence, .timeout = 5s},
                    config::LogProbe{pattern}, FileOutput{path, offset});
        wait_for(before + 1);
        return answers.size() > before ? answers.back().probed : core::Probed{};
    }

    TemporaryDirectory directory;
    std::string path;
};

TEST_F(LogProbing, PassesOnceALineMatchesAndFromThenOn) {
    const auto missing = look("ready");
    EXPECT_TRUE(is(missing, ProbeOutcome::failed));
    EXPECT_EQ(missing.detail, "no matching line yet (log \"ready\")");
    write("starting\nalmost rea");
    EXPECT_TRUE(is(look("ready"), ProbeOutcome::failed));
    write("dy");
    EXPECT_TRUE(is(look("ready"), ProbeOutcome::failed)) << "the line is not complete yet";
    write(" for you\r\n");
    const auto seen = look("ready for you$");
    EXPECT_TRUE(is(seen, ProbeOutcome::passed)) << "the pattern changed: from the launch on";
    EXPECT_EQ(seen.detail, "seen \"almost ready for you\"");
    std::filesystem::remove(path);
    EXPECT_TRUE(is(look("ready for you$"), ProbeOutcome::passed));
}

TEST_F(LogProbing, LooksOnlyAtThisInstancesOutput) {
    write("ready\n");
    EXPECT_TRUE(is(look("ready", 6), ProbeOutcome::failed));
    write("ready again\n");
    EXPECT_TRUE(is(look("ready", 6), ProbeOutcome::passed));
    EXPECT_TRUE(is(look("ready", std::filesystem::file_size(path), 8), ProbeOutcome::failed));
    runner->forget(ServiceId{1});
    EXPECT_TRUE(is(look("ready", 0, 8), ProbeOutcome::passed));
}

TEST_F(LogProbing, BelievesNoRotatedCopyThatItDoesNotKnow) {
    std::ofstream(path + ".1") << "long before this instance\nready of an old one\n";
    write("short\n");
    const auto offset = std::filesystem::file_size(path);
    write("", std::ios::trunc);
    EXPECT_TRUE(is(look("ready", offset), ProbeOutcome::failed));
}

TEST_F(LogProbing, FindsItsLinesInACopyThatWasRotatedBeforeTheFirstLook) {
    write("of an old one\n");
    const auto offset = std::filesystem::file_size(path);
    write("ready\n");
    std::filesystem::copy_file(path, path + ".1");
    write("", std::ios::trunc);
    runner->run(ServiceId{1}, Generation{7}, {.probe = 0, .sequence = ++sequence, .timeout = 5s},
                config::LogProbe{"ready"}, FileOutput{path, offset, "of an old one\n"});
    wait_for(1);
    ASSERT_FALSE(answers.empty());
    EXPECT_TRUE(is(answers.back().probed, ProbeOutcome::passed));
}

TEST_F(LogProbing, WhatAnEarlierDaemonHasSeenStaysSeen) {
    runner->resume_passed(ServiceId{1}, Generation{7}, 0, {"ready"});
    const auto seen = look("ready", 0, 7);
    EXPECT_TRUE(is(seen, ProbeOutcome::passed));
    EXPECT_EQ(seen.detail, "seen before dpsupd was started anew");
    EXPECT_TRUE(is(look("steady", 0, 7), ProbeOutcome::failed)) << "another pattern";
    runner->resume_passed(ServiceId{1}, Generation{7}, 0, {"ready"});
    EXPECT_TRUE(is(look("ready", 0, 8), ProbeOutcome::failed)) << "another instance";
}

TEST_F(LogProbing, ReadsEachByteOnce) {
    write("ready\n");
    EXPECT_TRUE(is(look("x"), ProbeOutcome::failed));
    write("READY\n", std::ios::in | std::ios::out);  // overwrites what was read, which shows as another file
    EXPECT_TRUE(is(look("x"), ProbeOutcome::failed));
    write("x\n");
    EXPECT_TRUE(is(look("x"), ProbeOutcome::passed));
}

TEST_F(LogProbing, FollowsARotationByRename) {
    write("starting\n");
    EXPECT_TRUE(is(look("ready"), ProbeOutcome::failed));
    write("now ready\n");
    std::filesystem::rename(path, path + ".1");
    write("something else\n");
    EXPECT_TRUE(is(look("ready"), ProbeOutcome::passed));
}

TEST_F(LogProbing, FollowsARotationByCopyAndTruncate) {
    write("starting\n");
    EXPECT_TRUE(is(look("ready"), ProbeOutcome::failed));
    EXPECT_TRUE(is(look("first"), ProbeOutcome::failed));
    std::filesystem::copy_file(path, path + ".1");
    write("", std::ios::trunc);
    write("is ready and longer than what was there before\n");
    EXPECT_TRUE(is(look("^is ready"), ProbeOutcome::passed));
}

TEST_F(LogProbing, ReadsWhatWasWrittenBetweenTheLastLookAndTheTruncation) {
    write("starting\n");
    EXPECT_TRUE(is(look("ready"), ProbeOutcome::failed));
    write("now ready\n");
    std::filesystem::copy_file(path, path + ".1");
    write("", std::ios::trunc);
    EXPECT_TRUE(is(look("ready"), ProbeOutcome::passed));
}

// As the daemon rotates: the front of the file is copied away and cut off, wherever that is in a line.
TEST_F(LogProbing, SeesALineThatARotationCutsInTwo) {
    write("starting\n");
    EXPECT_TRUE(is(look("^server is ready$"), ProbeOutcome::failed));
    std::filesystem::copy_file(path, path + ".1");
    std::ofstream(path + ".1", std::ios::app) << "more\nserver is re";
    write("ady\n", std::ios::trunc);
    EXPECT_TRUE(is(look("^server is ready$"), ProbeOutcome::passed));
}

TEST_F(LogProbing, GoesOnBehindWhatItHasReadWhereTheFrontWasCutOff) {
    write("starting\nnot ready\n");
    EXPECT_TRUE(is(look("^ready$"), ProbeOutcome::failed));
    std::ofstream(path + ".1") << "starting\nnot ";
    write("ready\n", std::ios::trunc);
    EXPECT_TRUE(is(look("^ready$"), ProbeOutcome::failed)) << "the end of a line that was read before";
    write("ready\n");
    EXPECT_TRUE(is(look("^ready$"), ProbeOutcome::passed));
}

TEST_F(LogProbing, WaitsForTheEndOfALineThatARotationCutInTwo) {
    write("starting\n");
    EXPECT_TRUE(is(look("ready$"), ProbeOutcome::failed));
    std::ofstream(path + ".1") << "starting\nserver is re";
    write("a", std::ios::trunc);
    EXPECT_TRUE(is(look("ready$"), ProbeOutcome::failed));
    write("dy\n");
    EXPECT_TRUE(is(look("ready$"), ProbeOutcome::passed));
}

TEST_F(LogProbing, CopesWithAFloodAndWithLinesWithoutEnd) {
    std::string flood;
    for (int i = 0; i < 200'000; ++i) flood += "2026-01-01 INFO something happened that nobody waits for\n";
    write(flood + std::string(300'000, 'x') + "ready\n");  // more than one look takes
    EXPECT_TRUE(is(look("ready"), ProbeOutcome::failed)) << "only the beginning of a line counts";
    write("ready\n");
    EXPECT_TRUE(is(look("ready"), ProbeOutcome::passed));
}

TEST_F(LogProbing, APatternThatTakesTooLongIsUnknownAndHarmless) {
    for (int i = 0; i < 100; ++i) write(std::string(4000, 'x') + "\n");
    const auto begun = std::chrono::steady_clock::now();
    const auto probed = look("(x+x+)+[yz]");
    EXPECT_TRUE(is(probed, ProbeOutcome::unknown));
    EXPECT_THAT(probed.detail, HasSubstr("takes too long"));
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 2s);
}

TEST_F(LogProbing, SaysWhyItCannotLook) {
    const auto bad = look("(");
    EXPECT_TRUE(is(bad, ProbeOutcome::unknown));
    EXPECT_THAT(bad.detail, HasSubstr("missing closing parenthesis"));
    std::filesystem::create_directory(path);
    EXPECT_TRUE(is(look("x"), ProbeOutcome::unknown));
    EXPECT_TRUE(is(ask(config::LogProbe{.pattern = "x"}), ProbeOutcome::unknown));
}

// A journal of our own, written by systemd-journal-remote from the export format.
class JournalProbing : public LogProbing {
protected:
    static constexpr const char* writer = "/lib/systemd/systemd-journal-remote";

    static std::string boot_id() {
        std::string id;
        std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
        std::erase(id, '-');
        return id;
    }

    static Instant now() {
        timespec time{};
        ::clock_gettime(CLOCK_MONOTONIC, &time);
        return Instant(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
    }

    // One entry, `age` before `launched`; appended to the export.
    void log(const std::string& identifier, const std::string& message,
             std::chrono::microseconds after_launch, const std::string& boot = boot_id(),
             const std::string& trusted = {}) {
        const auto at =
            std::chrono::duration_cast<std::chrono::microseconds>(launched.time_since_epoch() + after_launch);
        static int counter = 0;
        exported += "__REALTIME_TIMESTAMP=" + std::to_string(1'700'000'000'000'000 + ++counter) +
                    "\n__MONOTONIC_TIMESTAMP=" + std::to_string(at.count()) + "\n_BOOT_ID=" + boot +
                    "\nSYSLOG_IDENTIFIER=" + identifier + trusted + "\nMESSAGE=" + message + "\n\n";
    }

    void flush() {
        std::ofstream(directory / "export") << exported;
        exported.clear();
        const std::string file = directory.path() + "/j" + std::to_string(++files) + ".journal";
        const std::string command =
            std::string(writer) + " -o " + file + " " + (directory / "export") + " >/dev/null 2>&1";
        ASSERT_EQ(std::system(command.c_str()), 0);
        ASSERT_TRUE(std::filesystem::exists(file));
    }

    core::Probed look_at(const std::string& identifier, const std::string& pattern,
                         const std::string& unit = {}) {
        const auto before = answers.size();
        begin(config::LogProbe{pattern}, 5s, 1, JournalOutput{identifier, launched, directory.path(), unit});
        wait_for(before + 1);
        return answers.size() > before ? answers.back().probed : core::Probed{};
    }

    Instant launched = now();
    std::string exported;
    int files = 0;
};

TEST_F(JournalProbing, FindsTheLineOfThisInstance) {
    if (::access(writer, X_OK) != 0) GTEST_SKIP() << "systemd-journal-remote is not installed";
    log("db", "ready (an earlier instance)", -1s);
    log("db", "ready (an earlier boot)", 1s, std::string(32, 'a'));
    log("other", "ready", 1s);
    log("db", "starting", 2s);
    flush();
    EXPECT_TRUE(is(look_at("db", "ready"), ProbeOutcome::failed));
    EXPECT_TRUE(is(look_at("db", "ready"), ProbeOutcome::failed));
    log("db", "still starting", 3s);
    log("db", "now ready", 4s);
    flush();
    const auto seen = look_at("db", "ready");
    EXPECT_TRUE(is(seen, ProbeOutcome::passed));
    EXPECT_EQ(seen.detail, "seen \"now ready\"");
}

TEST_F(JournalProbing, BelievesNobodyWhoOnlyClaimsTheName) {
    if (::access(writer, X_OK) != 0) GTEST_SKIP() << "systemd-journal-remote is not installed";
    log("db", "ready", 1s);
    log("db", "ready", 2s, boot_id(), "\n_SYSTEMD_UNIT=session-1.scope");
    flush();
    EXPECT_TRUE(is(look_at("db", "ready", "services.scope"), ProbeOutcome::failed));
    log("db", "ready", 3s, boot_id(), "\n_SYSTEMD_UNIT=services.scope");
    flush();
    EXPECT_TRUE(is(look_at("db", "ready", "services.scope"), ProbeOutcome::passed));
}

TEST_F(JournalProbing, ReadsOnFromWhereItWas) {
    if (::access(writer, X_OK) != 0) GTEST_SKIP() << "systemd-journal-remote is not installed";
    for (int i = 1; i <= 50; ++i) log("db", "line " + std::to_string(i), std::chrono::milliseconds(i));
    flush();
    EXPECT_TRUE(is(look_at("db", "^line 51$"), ProbeOutcome::failed));
    log("db", "line 51", 60ms);
    flush();
    EXPECT_TRUE(is(look_at("db", "^line 51$"), ProbeOutcome::passed));
}

TEST_F(JournalProbing, AnEmptyJournalIsNoFailureOfTheReader) {
    EXPECT_TRUE(is(look_at("db", "ready"), ProbeOutcome::failed));
}

}  // namespace
}  // namespace dpsup::io
