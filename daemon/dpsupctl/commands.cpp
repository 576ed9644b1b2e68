#include "dpsupctl/commands.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/units.hpp"
#include "dpsupctl/asking.hpp"
#include "dpsupctl/log_reader.hpp"
#include "dpsupctl/story.hpp"
#include "dpsupctl/table.hpp"
#include "dpsupctl/text.hpp"
#include "dpsupctl/view.hpp"
#include "dpsupctl/watch.hpp"

namespace dpsup::ctl {
namespace {

// Reads a reply and turns it into text; an error of the reading goes through.
template <class View, class Render>
Result<std::string> rendered(Result<View> view, Render render) {
    if (!view) return tl::unexpected<Error>(std::move(view.error()));
    return render(*view);
}

std::string status_target(const Options& options) {
    std::string target = "/v1/status";
    for (const auto& name : options.names)
        target += (target.back() == 's' && target.size() == 10 ? "?name=" : "&name=") + escaped(name);
    return target;
}

std::string action_body(const std::string& action, const Options& options) {
    boost::json::object body{{"action", action}};
    if (options.all)
        body["all"] = true;
    else
        body["services"] = boost::json::array(options.names.begin(), options.names.end());
    if (options.cascade) body["cascade"] = true;
    if (options.wait || options.timeout) body["wait"] = true;
    if (options.timeout) body["timeout"] = format_duration(*options.timeout);
    if (options.stop_timeout) body["stop_timeout"] = format_duration(*options.stop_timeout);
    if (options.signal) body["signal"] = *options.signal;
    return boost::json::serialize(body);
}

// With --wait the daemon keeps the time; without a time of ours it has its own.
// What dpsupd itself waits at the most where no time is given.
constexpr Duration wait_longest = std::chrono::minutes(5);

std::optional<Duration> patience_for(const Options& options) {
    if (options.timeout) return *options.timeout + patience;
    if (options.wait) return wait_longest + patience;
    return patience;
}

Result<std::string> show_plan(const std::string& body) {
    return rendered(read_plan(body), plan_text);
}

}  // namespace

Exit run_status(const Options& options) {
    if (options.watch) return watch_status(options);
    return ask_and_print(options, {.target = status_target(options)}, [](const std::string& body) {
        return rendered(read_status(body),
                        [](const StatusView& status) { return status_text(status, terminal(), wall_now()); });
    });
}

Exit run_action(const std::string& action, const Options& options) {
    if (options.all && !options.names.empty())
        return report({"usage", action + ": give either the names of services, or --all, not both",
                       "see: dpsupctl " + action + " --help"},
                      options.json);
    if (!options.all && options.names.empty())
        return report({"usage", action + " what? Give the names of services, or --all",
                       "see: dpsupctl " + action + " --help"},
                      options.json);
    const Question question{"POST", "/v1/actions", action_body(action, options), patience_for(options)};
    return ask_and_print(options, question, [](const std::string& body) {
        return rendered(read_command(body),
                        [](const CommandView& command) { return outcome_text(command, terminal()); });
    });
}

Exit run_plan(const Options& options) {
    return ask_and_print(options, {.target = "/v1/plan"}, show_plan);
}

Exit run_apply(const Options& options) {
    if (options.dry_run) return run_plan(options);
    return ask_and_print(options, {.method = "POST", .target = "/v1/apply"}, show_plan);
}

Exit run_explain(const Options& options) {
    return ask_and_print(options, {.target = "/v1/services/" + escaped(options.names.front())},
                         [](const std::string& body) {
                             return rendered(read_explanation(body), [](const ExplanationView& explanation) {
                                 constexpr std::size_t lines = 5;
                                 return explanation_text(explanation, last_lines(explanation.log, lines),
                                                         terminal(), wall_now());
                             });
                         });
}

Exit run_version(const Options& options) {
    const std::string ours = std::string("dpsupctl ") + DPSUP_VERSION + "\n";
    const auto body = ask(options, {.target = "/v1/version"});
    if (options.json) {
        boost::json::object versions{{"dpsupctl", DPSUP_VERSION}, {"dpsupd", nullptr}};
        if (body)
            if (const auto daemon = read_version(*body)) versions["dpsupd"] = daemon->version;
        const Exit printed = print_or_report(boost::json::serialize(versions) + "\n");
        return printed != Exit::done || body ? printed : exit_of(body.error());
    }
    if (!body) {
        const Exit printed = print_or_report(ours);
        return printed == Exit::done ? report(body.error(), false) : printed;
    }
    const auto daemon = read_version(*body);
    if (!daemon) return report(daemon.error(), false);
    return print_or_report(ours + "dpsupd   " + daemon->version + " (pid " + std::to_string(daemon->pid) +
                           ")\n");
}

}  // namespace dpsup::ctl
