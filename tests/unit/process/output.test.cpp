// Where output goes, and that it stays bounded.
#include "io/journal/output.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "io/journal/rotate_file.hpp"
#include "unit/process/host_fixture.hpp"

namespace dpsup::io {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class Output : public HostTest {
protected:
    // A journal that takes streams, as journald does.
    UniqueFd fake_journal() {
        UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, options_.journal_socket.data(), options_.journal_socket.size());
        EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::listen(fd.get(), 0), 0);
        return fd;
    }
    std::string log() const { return options_.log_dir + "/s.log"; }
};

TEST_F(Output, BothStreamsGoToTheFile) {
    launch_well(shell("s", "echo out; echo err >&2"));
    ASSERT_TRUE(wait_for<core::Emptied>());
    EXPECT_EQ(log_of("s"), "out\nerr\n");
    EXPECT_EQ(fs::status(log()).permissions(), fs::perms(0640));
}

TEST_F(Output, TellsWhereInTheFileAnInstanceBegins) {
    std::vector<std::uint64_t> sizes;
    std::string tail;
    options_.output_began = [&](ServiceId, const OutputBegin& begin) {
        sizes.push_back(begin.size);
        tail = begin.tail;
    };
    open_host();
    for (std::uint64_t generation = 1; generation <= 2; ++generation) {
        launch_well(shell("s", "echo out"), generation);
        ASSERT_TRUE(wait_for<core::Emptied>());
    }
    EXPECT_EQ(sizes, (std::vector<std::uint64_t>{0, 4}));
    EXPECT_EQ(tail, "out\n");
}

TEST_F(Output, GoesToTheJournalWhereThereIsOne) {
    const UniqueFd journal = fake_journal();
    launch_well(shell("s", "echo hello; echo \"$JOURNAL_STREAM\""));
    ASSERT_TRUE(wait_for<core::Emptied>());
    const UniqueFd stream(::accept(journal.get(), nullptr, nullptr));
    std::array<char, 4096> buffer{};
    std::string text;
    for (ssize_t count = 0; (count = ::read(stream.get(), buffer.data(), buffer.size())) > 0;)
        text.append(buffer.data(), static_cast<std::size_t>(count));
    EXPECT_TRUE(text.starts_with("s\nservices.scope\n6\n1\n0\n0\n0\nhello\n")) << text;
    EXPECT_NE(text.find(':'), std::string::npos) << "no JOURNAL_STREAM";
    EXPECT_FALSE(fs::exists(log()));
}

TEST_F(Output, AJournalThatIsStuckFailsTheLaunchAndBlocksNobody) {
    const UniqueFd journal = fake_journal();
    auto service = program("s", {"/bin/true"});
    core::ServiceEvent answer;
    for (std::uint64_t i = 1; i < 10; ++i) {  // until the queue of the socket is full
        answer = launch(service, i);
        if (std::holds_alternative<core::LaunchFailed>(answer.fact)) break;
        ASSERT_TRUE(wait_for<core::Emptied>());
    }
    const auto* failed = std::get_if<core::LaunchFailed>(&answer.fact);
    ASSERT_NE(failed, nullptr);
    EXPECT_EQ(failed->stage, "output");
    EXPECT_EQ(failed->error_number, EAGAIN);
}

TEST_F(Output, GoesNowhereOnRequest) {
    auto service = shell("s", "echo x");
    service.process.log.target = config::LogConfig::Target::none;
    launch_well(service);
    ASSERT_TRUE(wait_for<core::Emptied>());
    EXPECT_FALSE(fs::exists(log()));
}

TEST_F(Output, RecreatesALogDirectoryThatWasRemoved) {
    fs::remove_all(options_.log_dir);
    launch_well(shell("s", "echo x"));
    ASSERT_TRUE(wait_for<core::Emptied>());
    EXPECT_EQ(log_of("s"), "x\n");
}

TEST_F(Output, AFullDiskUnderTheLogsHurtsNobody) {
    // /dev/full answers ENOSPC to each write, as a full disk does.
    fs::create_symlink("/dev/full", log());
    const auto failed = launch_badly(shell("s", "echo x"));
    EXPECT_EQ(failed.stage, "output");
    EXPECT_EQ(failed.error_number, ELOOP);
    EXPECT_GT(launch_well(shell("other", "exec sleep 100"), 1, 2), 0);
}

TEST_F(Output, StaysBoundedInAFlood) {
    constexpr std::uint64_t size_max = 1 << 20;
    auto service = program("s", {"/bin/sh", "-c", "exec yes 'a line of some length that floods the log'"});
    service.process.log.max_size = size_max;
    service.process.log.keep = 2;
    launch_well(service);
    ASSERT_TRUE(run_until([&] { return fs::exists(log() + ".2"); }, 20s));
    run_for(500ms);
    host_->kill_tree(ServiceId{1}, Generation{1});
    ASSERT_TRUE(wait_for<core::Emptied>());
    EXPECT_TRUE(run_until([&] { return fs::file_size(log()) <= size_max; }));
    EXPECT_LE(fs::file_size(log() + ".1"), 2 * size_max);
    EXPECT_FALSE(fs::exists(log() + ".3"));
    for (const auto& warning : warnings_) ADD_FAILURE() << warning;
}

TEST_F(Output, AQuietServiceWakesNobody) {
    launch_well(shell("s", "echo started; exec sleep 100"));
    run_for(1500ms);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(context_->run_one_for(1500ms), 0U) << "something polls";
    EXPECT_GE(std::chrono::steady_clock::now() - start, 1400ms);
}

TEST_F(Output, RotatesEachTimeItIsFull) {
    auto service = shell("s",
                         "while read -r line; do :; done < /dev/null; i=0; "
                         "while :; do echo \"line $i of a slow writer that never floods\"; i=$((i+1)); "
                         "[ $((i % 50)) = 0 ] && sleep 0.05; done");
    service.process.log.max_size = 8192;
    service.process.log.keep = 1;
    launch_well(service);
    ASSERT_TRUE(run_until([&] { return fs::exists(log() + ".1"); }));
    const auto first = fs::last_write_time(log() + ".1");
    EXPECT_TRUE(run_until([&] { return fs::last_write_time(log() + ".1") != first; })) << "only once";
}

class RotateFile : public HostTest {
protected:
    void SetUp() override {
        HostTest::SetUp();
        std::string text;
        for (int i = 0; i < 3000; ++i) text += "line " + std::to_string(i) + "\n";
        write_file(path("file"), text);
        text_ = text;
    }
    std::string text_;
    std::uint64_t size_max_ = 1 << 20;
    std::atomic<bool> go_on_ = false;
};

TEST_F(RotateFile, LosesNothing) {
    const auto result = rotate_file(path("file"), size_max_, 3, go_on_);
    EXPECT_EQ(result.error, "");
    EXPECT_EQ(read_file(path("file.1")) + read_file(path("file")), text_);
    EXPECT_LT(fs::file_size(path("file")), 8192U);
    EXPECT_EQ(fs::exists(path("file.2")), false);
}

TEST_F(RotateFile, KeepsTheLastOfWhatIsFarTooMuch) {
    const auto result = rotate_file(path("file"), 5000, 1, go_on_);
    EXPECT_EQ(result.error, "");
    const std::string kept = read_file(path("file.1")) + read_file(path("file"));
    const std::string whole = kept.substr(kept.find('\n') + 1);  // after the line that says what is missing
    EXPECT_TRUE(kept.starts_with("[")) << kept.substr(0, 80);
    EXPECT_TRUE(text_.ends_with(whole));
    EXPECT_GE(kept.size(), 5000U);
    EXPECT_LE(fs::file_size(path("file.1")), 2 * 5000U);
}

TEST_F(RotateFile, WritersGoOnAtTheEnd) {
    const UniqueFd writer(::open(path("file").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
    ASSERT_EQ(rotate_file(path("file"), size_max_, 1, go_on_).error, "");
    ASSERT_EQ(::write(writer.get(), "end\n", 4), 4);
    EXPECT_EQ(read_file(path("file.1")) + read_file(path("file")), text_ + "end\n");
}

TEST_F(RotateFile, KeepsAsManyAsAskedFor) {
    for (int round = 0; round < 4; ++round) {
        write_file(path("file"), std::string(10000, static_cast<char>('a' + round)));
        ASSERT_EQ(rotate_file(path("file"), size_max_, 2, go_on_).error, "");
    }
    EXPECT_EQ(read_file(path("file.1")).front(), 'd');
    EXPECT_EQ(read_file(path("file.2")).front(), 'c');
    EXPECT_FALSE(fs::exists(path("file.3")));
}

TEST_F(RotateFile, KeepsNoneWhereNoneIsWanted) {
    ASSERT_EQ(rotate_file(path("file"), size_max_, 0, go_on_).error, "");
    EXPECT_LT(fs::file_size(path("file")), 8192U);
    EXPECT_FALSE(fs::exists(path("file.1")));
}

TEST_F(RotateFile, StaysBoundedWhereTheCopyFails) {
    fs::create_directory(path("file.1"));
    write_file(path("file.1/in-the-way"), "");
    const auto result = rotate_file(path("file"), size_max_, 1, go_on_);
    EXPECT_NE(result.error.find("was cut all the same"), std::string::npos) << result.error;
    EXPECT_LT(fs::file_size(path("file")), 8192U);
}

TEST_F(RotateFile, IsLeftAloneWhenTheDaemonEnds) {
    go_on_ = true;
    static_cast<void>(rotate_file(path("file"), size_max_, 1, go_on_));
    EXPECT_EQ(read_file(path("file")), text_);
}

}  // namespace
}  // namespace dpsup::io
