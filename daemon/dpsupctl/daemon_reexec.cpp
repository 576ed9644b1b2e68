#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <cmath>
#include <thread>

#include "base/units.hpp"
#include "dpsupctl/asking.hpp"
#include "dpsupctl/commands.hpp"
#include "dpsupctl/view.hpp"

namespace dpsup::ctl {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Duration wait_default = std::chrono::seconds(30);
constexpr Duration ask_again = std::chrono::milliseconds(10);

// Until another run than `before` answers, or that one says why there is none.
Result<VersionView> wait_for_new(const Options& options, const std::string& before,
                                 Clock::time_point deadline) {
    for (;;) {
        const auto left = deadline - Clock::now();
        if (left <= Duration::zero())
            return fail("timeout", "the new dpsupd does not answer in time",
                        "see whether it is well: systemctl status dpsupd");
        const auto body = ask(options, {.target = "/v1/version", .patience = left});
        auto version = body ? read_version(*body) : Result<VersionView>(VersionView{});
        if (!version) return version;
        if (body && version->run != before) return version;
        if (!version->reexec_error.empty())
            return fail("failed", "dpsupd did not re-execute: " + version->reexec_error,
                        "it goes on as it is; see its log: journalctl -u dpsupd");
        std::this_thread::sleep_for(ask_again);
    }
}

std::string milliseconds(double count) {
    return std::to_string(static_cast<long>(std::ceil(count))) + " ms";
}

std::string as_text(const ReexecView& before, const VersionView& now, double took_ms) {
    std::string text = "dpsupd " + before.version_before + " -> " + now.version + " (pid " +
                       std::to_string(now.pid) + "), replaced in " + milliseconds(took_ms);
    if (now.unsupervised_ms) text += "; nobody supervised for " + milliseconds(*now.unsupervised_ms);
    return text + "\n";
}

std::string as_json(const ReexecView& before, const VersionView& now, double took_ms) {
    boost::json::object document{{"version_before", before.version_before},
                                 {"version_after", now.version},
                                 {"pid", now.pid},
                                 {"took_ms", took_ms}};
    if (now.unsupervised_ms) document["unsupervised_ms"] = *now.unsupervised_ms;
    return boost::json::serialize(document) + "\n";
}

}  // namespace

Exit run_daemon_reexec(const Options& options) {
    const auto began = Clock::now();
    const auto body = ask(options, {.method = "POST", .target = "/v1/daemon/reexec"});
    if (!body) return report(body.error(), options.json);
    const auto before = read_reexec(*body);
    if (!before) return report(before.error(), options.json);
    const auto now = wait_for_new(options, before->run, began + options.timeout.value_or(wait_default));
    if (!now) return report(now.error(), options.json);
    const double took_ms = std::chrono::duration<double, std::milli>(Clock::now() - began).count();
    return print_or_report(options.json ? as_json(*before, *now, took_ms) : as_text(*before, *now, took_ms));
}

}  // namespace dpsup::ctl
