#include "takeover_check.hpp"

#include <cstdio>
#include <string_view>

#include "daemon.hpp"
#include "io/state/record_file.hpp"
#include "io/state/run_log.hpp"
#include "io/state/state_store.hpp"

namespace dpsup {
namespace {

constexpr std::string_view name = "dpsupd ";
constexpr std::string_view can = " can take over";

Result<void> check(const std::string& config_file) {
    Start start;
    const Result<config::LoadOutcome> outcome = load_to_start(config_file, start);
    if (!outcome) return tl::unexpected(outcome.error());
    if (!start.goes_on || !outcome->config)
        return fail("applied_not_understood", "the configuration that was applied is not on record in " +
                                                  start.applied_path + ", or is not understood");
    const config::Daemon& paths = outcome->config->daemon;
    if (Result<void> state = io::StateStore::check(paths.state_dir); !state) return state;
    return io::RunLog::check(paths.runtime_dir + "/runs", io::boot_id());
}

}  // namespace

int check_takeover(const std::string& config_file) {
    if (const Result<void> checked = check(config_file); !checked) {
        std::fprintf(stderr, "%s\n", checked.error().message.c_str());
        return 1;
    }
    std::printf("%.*s%s%.*s\n", static_cast<int>(name.size()), name.data(), DPSUP_VERSION,
                static_cast<int>(can.size()), can.data());
    return 0;
}

std::string version_that_can_take_over(const std::string& said) {
    if (!said.starts_with(name) || !said.ends_with(can) || said.size() <= name.size() + can.size()) return {};
    return said.substr(name.size(), said.size() - name.size() - can.size());
}

}  // namespace dpsup
