#include "daemon.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <sstream>

namespace dpsup::test {
namespace {

constexpr std::size_t log_shown_max = 20000;

std::string tail_of(const std::string& text) {
    return text.size() <= log_shown_max ? text : "[...]" + text.substr(text.size() - log_shown_max);
}

}  // namespace

bool full_size() {
    const char* size = std::getenv("DPSUP_TEST_SIZE");
    return size != nullptr && std::string(size) == "full";
}

Daemon::Daemon(const std::string& configuration, Options options)
    : Daemon(configuration, std::move(options), Prepared{}) {
    launch();
    EXPECT_TRUE(answers());
}

Daemon::Daemon(const std::string& configuration, Options options, Prepared /*unused*/)
    : options_(std::move(options)), socket_(scratch_.path("run/control.sock")) {
    configure(configuration);
}

Daemon::~Daemon() {
    child_.reset();
    scratch_.kill_leftovers();
    if (::testing::Test::HasFailure())
        std::cerr << "--- " << config_file() << " was:\n"
                  << text("dpsup.toml") << "--- dpsupd said:\n"
                  << tail_of(log());
}

std::string Daemon::expand(std::string text) const {
    text = replaced(std::move(text), "@DIR@", scratch_.path());
    text = replaced(std::move(text), "@HOST@", own_address());
    return replaced(std::move(text), "@ACTOR@", DPSUP_ACTOR);
}

void Daemon::configure(const std::string& configuration) {
    const std::string base =
        "[host]\nname = \"testhost\"\n\n[daemon]\nsocket = \"@DIR@/run/control.sock\"\nstate_dir = "
        "\"@DIR@/state\"\n"
        "runtime_dir = \"@DIR@/run\"\nlog_dir = \"@DIR@/log\"\n" +
        options_.daemon_keys + "\n\n";
    write_file(config_file(), expand(base + configuration));
}

// In the child, between fork and exec.
bool Daemon::prepare_mounts() const {
    if (options_.cgroups && options_.small_state_dir.empty()) return true;
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        return false;
    if (!options_.cgroups && ::mount("none", "/sys/fs/cgroup", "tmpfs", 0, nullptr) != 0) return false;
    if (options_.small_state_dir.empty()) return true;
    const std::string options = "size=" + options_.small_state_dir;
    ::mkdir(path("state").c_str(), 0700);
    return ::mount("none", path("state").c_str(), "tmpfs", 0, options.c_str()) == 0;
}

void Daemon::launch() {
    Spawn spawn;
    spawn.command = {expand(options_.program), "--config", config_file()};
    spawn.command.insert(spawn.command.end(), options_.arguments.begin(), options_.arguments.end());
    spawn.environment["RUNTIME_DIRECTORY"] = path("run");
    for (const auto& [name, value] : options_.environment) spawn.environment[name] = expand(value);
    spawn.out = spawn.err = path("dpsupd.log");
    spawn.before_exec = [this] {
        return scratch_.enter_cgroup() && prepare_mounts() &&
               (!options_.before_exec || options_.before_exec());
    };
    child_.reset();
    child_.emplace(spawn);
    scratch_.note_process(child_->pid());
}

::testing::AssertionResult Daemon::answers() {
    bool ended = false;
    const bool answered = eventually([&] {
        ended = !child_->running();
        return ended || http("GET", "/v1/version").status == 200;
    });
    if (ended) return ::testing::AssertionFailure() << "dpsupd ended instead of answering";
    return answered ? ::testing::AssertionSuccess()
                    : ::testing::AssertionFailure() << "dpsupd does not answer";
}

void Daemon::signal(int number) const {
    child_->signal(number);
}

std::optional<End> Daemon::wait(Clock::duration limit) {
    return child_->wait(limit);
}

std::optional<End> Daemon::terminate() {
    signal(SIGTERM);
    return wait();
}

void Daemon::relaunch() {
    const auto end = terminate();
    EXPECT_TRUE(end.has_value()) << "dpsupd does not end on SIGTERM";
    launch();
    EXPECT_TRUE(answers());
}

void Daemon::crash() {
    signal(SIGKILL);
    ASSERT_TRUE(wait().has_value());
    launch();
    ASSERT_TRUE(answers());
}

std::vector<std::string> Daemon::ctl_command(const std::vector<std::string>& arguments) const {
    std::vector<std::string> command{DPSUP_DPSUPCTL, "--socket", socket_};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return command;
}

Finished Daemon::ctl(const std::vector<std::string>& arguments, Clock::duration limit) const {
    return run({.command = ctl_command(arguments)}, limit);
}

Json Daemon::ctl_json(const std::vector<std::string>& arguments) const {
    std::vector<std::string> all{"--json"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return Json::parse(ctl(all).out);
}

Reply Daemon::http(std::string_view method, std::string_view target, std::string_view body) const {
    return test::http(socket_, method, target, body);
}

Json Daemon::status(const std::string& service) const {
    return http("GET", "/v1/status?name=" + service).json()["services"].where("name", service);
}

Json Daemon::explain(const std::string& service) const {
    return http("GET", "/v1/services/" + service).json();
}

std::string Daemon::story(const std::string& service) const {
    const Json explanation = explain(service);
    std::string text = explanation["service"]["reason"].text() + "\n" + explanation["summary"].text() + "\n";
    for (const Json& decision : explanation["decisions"].items())
        text += decision["from"].text() + " -> " + decision["to"].text() + ": " + decision["reason"].text() +
                "\n";
    return text;
}

::testing::AssertionResult Daemon::until(const std::string& what,
                                         const std::function<bool(const States&)>& holds,
                                         Clock::duration limit) const {
    const auto deadline = Clock::now() + limit;
    Events events(socket_);
    while (events.next(deadline).present())
        if (holds(events.services())) return ::testing::AssertionSuccess();
    auto failure = ::testing::AssertionFailure() << "not seen on /v1/events: " << what << "; last seen:\n";
    std::size_t shown = 0;
    for (const auto& [name, seen] : events.services())
        if (++shown <= 20) failure << "  " << name << " " << seen.state << ": " << seen.reason << "\n";
    return failure;
}

::testing::AssertionResult Daemon::reaches(const std::string& service, const std::string& state,
                                           Clock::duration limit) const {
    const auto holds = [&](const States& states) {
        const auto found = states.find(service);
        return found != states.end() && found->second.state == state;
    };
    return until(service + " " + state, holds, limit);
}

::testing::AssertionResult Daemon::all_reach(const std::vector<std::string>& wanted,
                                             Clock::duration limit) const {
    const auto holds = [&](const States& states) {
        return std::all_of(states.begin(), states.end(), [&](const auto& one) {
            return std::find(wanted.begin(), wanted.end(), one.second.state) != wanted.end();
        });
    };
    return until("all services " + wanted.front(), holds, limit);
}

std::vector<Record> records_of(const std::string& path) {
    std::vector<Record> records;
    for (const std::string& line : lines_of(read_file(path))) {
        std::istringstream fields(line);
        Record record;
        fields >> record.event >> record.name >> record.at_ns >> record.pid;
        if (fields) records.push_back(record);
    }
    return records;
}

long long time_of(const std::vector<Record>& records, const std::string& event, const std::string& name) {
    for (const Record& record : records)
        if (record.event == event && record.name == name) return record.at_ns;
    return -1;
}

std::size_t count_records(const std::string& path, const std::string& event, const std::string& name) {
    const auto records = records_of(path);
    return static_cast<std::size_t>(std::count_if(records.begin(), records.end(), [&](const Record& record) {
        return record.event == event && record.name == name;
    }));
}

}  // namespace dpsup::test
