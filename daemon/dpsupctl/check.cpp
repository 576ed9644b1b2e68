#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "config/load.hpp"
#include "dpsupctl/asking.hpp"
#include "dpsupctl/commands.hpp"

namespace dpsup::ctl {
namespace {

std::string as_json(const std::vector<config::Diagnostic>& diagnostics) {
    boost::json::array list;
    for (const auto& each : diagnostics)
        list.push_back({{"file", each.place.file},
                        {"line", each.place.line},
                        {"column", each.place.column},
                        {"severity", each.severity == config::Severity::error ? "error" : "warning"},
                        {"message", each.message},
                        {"hint", each.hint}});
    return boost::json::serialize(boost::json::object{{"diagnostics", std::move(list)}}) + "\n";
}

}  // namespace

// Needs no daemon: the same code reads the files as in dpsupd.
Exit run_check(const Options& options) {
    const auto outcome = config::load(options.file, config::process_environment(), {.digest_inputs = false});
    std::string text;
    if (options.json) {
        text = as_json(outcome.diagnostics);
    } else {
        text = config::render(outcome.diagnostics);
        if (outcome.config) {
            const auto count = outcome.config->services.size();
            text += options.file + ": good, " + std::to_string(count) +
                    (count == 1 ? " service" : " services") + "\n";
        }
    }
    const Exit printed = print_or_report(text);
    if (printed != Exit::done) return printed;
    return outcome.config ? Exit::done : Exit::failed;
}

}  // namespace dpsup::ctl
