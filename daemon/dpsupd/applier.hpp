// Configuration -> running. Reads and checks the files off the loop's thread, takes the difference between
// them and what runs, and tells it to the brain as one event. Start and reload are the same path: at the
// start nothing runs.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>
#include <vector>

#include "applied_record.hpp"
#include "catalogue.hpp"
#include "config/difference.hpp"
#include "config/load.hpp"
#include "control/backend.hpp"
#include "engine.hpp"
#include "io/workers.hpp"

namespace dpsup {

class Applier {
public:
    using Reply = std::function<void(Result<control::PlanReply>)>;

    Applier(boost::asio::io_context& context, Engine& engine, Memory& memory, AppliedRecord& record,
            std::string config_file, config::Config first);

    // Starts what the first configuration wants, or goes on with it. `origin`: what it was made of.
    void start(config::Origin origin);

    // What an apply would do now. Changes nothing.
    void plan(Reply reply);

    // Runs the files' configuration from now on; where they have errors, nothing changes.
    void apply(const std::string& by, Reply reply);

    // Nothing runs any more, by whatever means it ended: the next dpsupd reads the files.
    void forget_applied() { record_.clear(); }

    // Told after each apply, for what holds beside the services.
    void on_applied(std::function<void(const config::Config&)> applied) { applied_ = std::move(applied); }

    // The files are being read.
    [[nodiscard]] bool busy() const { return loading_ > 0; }

    [[nodiscard]] const Catalogue& catalogue() const { return catalogue_; }

private:
    using Loaded = std::function<void(config::LoadOutcome)>;

    void load(Loaded loaded);
    [[nodiscard]] Result<control::PlanReply> plan_for(const config::LoadOutcome& outcome) const;
    // The error: it is carried out, and not on record.
    [[nodiscard]] Result<void> carry_out(const std::vector<config::Operation>& operations,
                                         config::LoadOutcome outcome);
    [[nodiscard]] bool is_another_job(const core::ServiceChange& change, const io::RunRecord& record) const;
    void take_over(core::ServiceChange& change);
    void adopt_leftover(core::ServiceChange& change);
    void take_over_removed(const std::string& name, ServiceId id, const io::RunRecord& record,
                           core::ConfigLoaded& event);
    void restart_where_changed(core::Snapshot& past, const std::string& definition,
                               const core::Policy& policy) const;
    [[nodiscard]] core::ServiceChange add(const config::Service& service) const;

    boost::asio::io_context& context_;
    Engine& engine_;
    Memory& memory_;
    AppliedRecord& record_;
    std::string config_file_;
    Catalogue catalogue_;
    std::function<void(const config::Config&)> applied_;
    int loading_ = 0;
    io::Workers reader_;  // one thread: who asked first is answered first
};

// All diagnostics as one error: its message has a line each.
[[nodiscard]] Error to_error(const std::vector<config::Diagnostic>& diagnostics);

}  // namespace dpsup
