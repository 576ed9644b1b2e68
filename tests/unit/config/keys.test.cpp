// Claims about every row of the table of keys, so that a new row is tested by being there.
#include "config/keys.hpp"

#include <gtest/gtest.h>

#include <set>

#include "config/difference.hpp"
#include "unit/config/loading.hpp"

namespace dpsup::config {
namespace {

struct Row {
    std::string section;
    std::string key;
    std::string example;
};

std::vector<Row> all_rows() {
    std::vector<Row> rows;
    for (const SectionView& section : all_sections())
        for (const KeyView& key : section.keys)
            rows.push_back(
                {std::string(section.path), std::string(key.key->name), std::string(key.key->example)});
    return rows;
}

// What a row's example needs beside it, to be a whole configuration.
std::string neighbours(const Row& row) {
    if (row.section == "service.NAME" && row.key == "watchdog") return "notify = true\n";
    if (row.section != "service.NAME.healthcheck") return {};
    static const std::set<std::string> http{"method", "headers",    "status", "body",
                                            "json",   "tls_verify", "ca_file"};
    static const std::set<std::string> targets{"http", "tcp", "unix", "exec", "postgres", "log"};
    if (targets.contains(row.key)) return {};
    if (row.key == "send" || row.key == "expect") return "tcp = \"127.0.0.1:1\"\n";
    if (row.key == "query") return "postgres = \"host=/tmp\"\n";
    return "http = \"http://127.0.0.1\"\n";
}

// Two services that examples refer to, then the row's table, with its key or without it.
std::string text_for(const Row& row, bool with_key) {
    std::string text =
        "[service.postgres]\ncommand = [\"p\"]\n[service.init-databases]\njob = true\ncommand = [\"i\"]\n";
    std::string header = row.section;
    if (const std::size_t name = header.find("NAME"); name != std::string::npos) header.replace(name, 4, "x");
    if (const std::size_t other = header.find("OTHER"); other != std::string::npos)
        header.replace(other, 5, "postgres");
    if (header.starts_with("service.x.")) text += "[service.x]\ncommand = [\"x\"]\n";
    text += "[" + header + "]\n" + neighbours(row);
    if (header == "service.x" && row.key != "command") text += "command = [\"x\"]\n";
    if (with_key) text += row.key + " = " + row.example + "\n";
    return text;
}

TEST(Keys, EveryExampleIsAccepted) {
    for (const Row& row : all_rows()) {
        const LoadOutcome outcome = load_text(text_for(row, true));
        EXPECT_TRUE(outcome.config) << row.section << "." << row.key << "\n" << render(outcome.diagnostics);
    }
}

TEST(Keys, EveryKeyHasADocAndAnExample) {
    std::set<std::string> seen;
    for (const SectionView& section : all_sections()) {
        EXPECT_FALSE(section.doc.empty()) << section.path;
        for (const KeyView& key : section.keys) {
            EXPECT_TRUE(seen.insert(std::string(section.path) + "." + std::string(key.key->name)).second)
                << key.key->name;
            EXPECT_TRUE(key.key->doc.ends_with('.')) << key.key->name;
            EXPECT_FALSE(key.key->example.empty()) << key.key->name;
            EXPECT_FALSE(key.shape.empty()) << key.key->name;
        }
    }
    EXPECT_GT(seen.size(), 80U);
}

// A wrong type for every row: a date fits none.
TEST(Keys, EveryKeyRefusesAWrongTypeWhereItStands) {
    for (Row row : all_rows()) {
        row.example = "1979-05-27";
        const std::string text = text_for(row, true);
        const auto line = std::ranges::count(text, '\n');
        const LoadOutcome outcome = load_text(text);
        EXPECT_FALSE(outcome.config) << row.section << "." << row.key;
        const bool told = std::ranges::any_of(outcome.diagnostics, [&](const Diagnostic& d) {
            return d.place.line == line && d.message.find(row.key + ": expected") != std::string::npos;
        });
        EXPECT_TRUE(told) << row.section << "." << row.key << "\n" << render(outcome.diagnostics);
    }
}

// A difference that no row sees would never be applied.
TEST(Keys, EveryKeyIsSeenByThePlan) {
    // Their examples are their defaults, or need a partner for which they have no effect.
    const std::set<std::string> same_as_default{"daemon.socket",
                                                "daemon.state_dir",
                                                "daemon.runtime_dir",
                                                "daemon.log_dir",
                                                "control.operators",
                                                "daemon.restart_budget.burst",
                                                "daemon.restart_budget.per_second",
                                                "service.NAME.restart.policy",
                                                "service.NAME.restart.delay",
                                                "service.NAME.restart.max_delay",
                                                "service.NAME.restart.factor",
                                                "service.NAME.restart.jitter",
                                                "service.NAME.restart.stable_after",
                                                "service.NAME.restart.attempts",
                                                "service.NAME.healthcheck.interval",
                                                "service.NAME.healthcheck.timeout",
                                                "service.NAME.healthcheck.start_interval",
                                                "service.NAME.command"};
    for (const Row& row : all_rows()) {
        const std::string name = row.section + "." + row.key;
        if (same_as_default.contains(name)) continue;
        const LoadOutcome without = load_text(text_for(row, false));
        const LoadOutcome with = load_text(text_for(row, true));
        ASSERT_TRUE(with.config) << name << "\n" << render(with.diagnostics);
        // Without a probe's target, or half of a table, there is nothing to load: the key was needed.
        Config before =
            without.config ? *without.config : *load_text(text_for({"host", "name", "\"h\""}, true)).config;
        const Difference plan = difference(before, *with.config);
        EXPECT_FALSE(plan.operations.empty() && plan.settings.empty() && plan.warnings.empty()) << name;
        const Difference none = difference(*with.config, *with.config);
        EXPECT_TRUE(none.operations.empty() && none.settings.empty() && none.warnings.empty()) << name;
    }
}

TEST(Keys, DefaultsThatTheDocumentsPromiseAreTheModels) {
    const std::vector<std::pair<std::string, std::string>> promised{
        {"daemon.shutdown_timeout", "\"1m30s\""},
        {"service.NAME.stop_timeout", "\"10s\""},
        {"service.NAME.stop_signal", "\"SIGTERM\""},
        {"service.NAME.restart.max_delay", "\"30s\""},
        {"service.NAME.healthcheck.retries", "3"},
        {"service.NAME.log.max_size", "\"16MiB\""},
        {"service.NAME.depends_on.OTHER.condition", "\"started\""}};
    std::map<std::string, std::string> found;
    for (const SectionView& section : all_sections())
        for (const KeyView& key : section.keys)
            found[std::string(section.path) + "." + std::string(key.key->name)] = key.fallback;
    for (const auto& [key, fallback] : promised) EXPECT_EQ(found[key], fallback) << key;
}

}  // namespace
}  // namespace dpsup::config
