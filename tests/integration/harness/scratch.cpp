#include "scratch.hpp"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <set>
#include <sstream>
#include <stdexcept>

#include "files.hpp"
#include "wait.hpp"

namespace dpsup::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* root = "/tmp/dpsup-test";

std::string name_of_test() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    if (test == nullptr) return "no-test";
    return std::string(test->test_suite_name()) + "." + test->name();
}

// Field 22 of /proc/PID/stat, which with the pid names one process of this boot; empty where it has gone.
std::string start_time_of(pid_t pid) {
    const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
    const auto after_name = stat.rfind(')');
    if (after_name == std::string::npos) return {};
    std::istringstream fields(stat.substr(after_name + 1));
    std::string field;
    for (int number = 3; number <= 22; ++number) fields >> field;
    return field;
}

std::string identity_of(pid_t pid) {
    return std::to_string(pid) + " " + start_time_of(pid);
}

bool lives(const std::string& identity) {
    return !identity.empty() && identity_of(static_cast<pid_t>(std::atoi(identity.c_str()))) == identity;
}

// The cgroup that we are in ourselves, as a directory; empty where there is no cgroup v2.
std::string own_cgroup() {
    std::string mount;
    for (const std::string& line : lines_of(read_file("/proc/self/mounts"))) {
        std::istringstream fields(line);
        std::string device;
        std::string place;
        std::string type;
        fields >> device >> place >> type;
        if (type == "cgroup2") mount = place;
    }
    if (mount.empty()) return {};
    for (const std::string& line : lines_of(read_file("/proc/self/cgroup")))
        if (line.starts_with("0::")) return mount + (line == "0::/" ? "" : line.substr(3));
    return {};
}

void kill_cgroup(const std::string& cgroup) {
    const auto remove = [&] {
        std::error_code error;
        std::vector<fs::path> directories{cgroup};
        for (auto it = fs::recursive_directory_iterator(cgroup, error); !error && it != fs::end(it);
             it.increment(error))
            if (it->is_directory(error)) directories.push_back(it->path());
        for (auto it = directories.rbegin(); it != directories.rend(); ++it) ::rmdir(it->c_str());
        return !fs::exists(cgroup, error);
    };
    if (cgroup.empty() || remove()) return;
    append_file(cgroup + "/cgroup.kill", "1");
    (void)eventually(remove, std::chrono::seconds(10));
}

void remove_run(const fs::path& run) {
    for (const std::string& identity : lines_of(read_file(run / "processes")))
        if (lives(identity)) ::kill(static_cast<pid_t>(std::atoi(identity.c_str())), SIGKILL);
    kill_cgroup(read_file(run / "cgroup"));
    std::error_code ignored;
    fs::remove_all(run, ignored);
}

void remove_dead_runs(const std::string& test) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(root, error))
        if (read_file(entry.path() / "test") == test && !lives(read_file(entry.path() / "owner")))
            remove_run(entry.path());
}

}  // namespace

Scratch::Scratch() {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    const std::string test = name_of_test();
    fs::create_directories(root);
    fs::permissions(root, fs::perms::all);
    remove_dead_runs(test);
    std::string pattern = std::string(root) + "/XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr)
        throw std::runtime_error("cannot make a directory in " + std::string(root));
    path_ = pattern;
    fs::permissions(path_, static_cast<fs::perms>(0755));
    write_file(path("owner"), identity_of(::getpid()));
    write_file(path("test"), test);
    if (const std::string own = own_cgroup(); !own.empty()) {
        const std::string cgroup = own + "/dpsup-test-" + fs::path(path_).filename().string();
        if (::mkdir(cgroup.c_str(), 0755) == 0) cgroup_ = cgroup;
    }
    write_file(path("cgroup"), cgroup_);
}

Scratch::~Scratch() {
    kill_leftovers();
    kill_cgroup(cgroup_);
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

void Scratch::note_process(pid_t pid) const {
    append_file(path("processes"), identity_of(pid) + "\n");
}

bool Scratch::enter_cgroup() const {
    if (cgroup_.empty()) return true;
    append_file(cgroup_ + "/cgroup.procs", "0");
    return true;
}

void Scratch::kill_leftovers() const {
    if (!cgroup_.empty()) append_file(cgroup_ + "/cgroup.kill", "1");
    // Orphans come to us, since we are a subreaper; their own children follow when they die.
    const auto all_gone = [] {
        const std::string self = std::to_string(::getpid());
        const std::string children = read_file("/proc/self/task/" + self + "/children");
        std::istringstream list(children);
        for (pid_t pid = 0; list >> pid;) {
            ::kill(pid, SIGKILL);
            ::waitpid(pid, nullptr, WNOHANG);
        }
        return children.empty();
    };
    (void)eventually(all_gone, std::chrono::seconds(10));
}

std::string own_address() {
    const int pid = ::getpid();
    return "127." + std::to_string(1 + pid / 65536 % 250) + "." + std::to_string(pid / 256 % 256) + "." +
           std::to_string(pid % 256);
}

}  // namespace dpsup::test
