#include "config/load.hpp"

#include <utility>

#include "config/check.hpp"
#include "config/graph.hpp"
#include "config/keys.hpp"
#include "config/section_io.hpp"
#include "config/socket_keys.hpp"
#include "config/toml_reader.hpp"

namespace dpsup::config {
namespace {

// Parses all sources and lays them over each other. Nothing where one is no TOML: what would be found in the
// rest might only be missing there.
std::optional<Node> merged_tree(std::span<const Source> sources, Findings& findings) {
    Node root;
    bool good = true;
    for (const Source& source : sources) {
        auto tree = read_toml(source.text, findings.add_file(source.name), findings);
        good = good && tree.has_value();
        if (good) merge(root, std::move(*tree));
    }
    return good ? std::optional(std::move(root)) : std::nullopt;
}

class Assembly {
public:
    explicit Assembly(Findings& findings) : findings_(findings), reading_(findings) {}

    Config run(const Node& root) {
        for (const Entry& entry : *root.table()) read_root_key(entry);
        if (drafts_.size() > services_max)
            findings_.error(drafts_.back().table->position, "there are " + std::to_string(drafts_.size()) +
                                                                " services, and 10000 is the most");
        else
            check_graph();
        for (Draft& draft : drafts_) config_.services.push_back(std::move(draft.service));
        return std::move(config_);
    }

private:
    void read_root_key(const Entry& entry) {
        constexpr std::array<std::string_view, 4> known{"host", "daemon", "control", "service"};
        const Node& node = entry.value;
        if (std::ranges::find(known, entry.key) == known.end())
            return tell_unknown_key(reading_, entry, "", known);
        const Reading::Inside inside(reading_, entry.key);
        if (entry.key == "host") read_section(reading_, node, host_section(), config_.host);
        if (entry.key == "control") read_section(reading_, node, control_section(), config_.control);
        if (entry.key == "daemon" && read_section(reading_, node, daemon_section(), config_.daemon))
            check_daemon(reading_, node, config_.daemon);
        if (entry.key == "service") read_services(node);
    }

    void read_services(const Node& node) {
        const Table* table = node.table();
        if (table == nullptr) return reading_.expected(node, "tables", "write [service.NAME]");
        drafts_.reserve(table->size());
        for (const Entry& entry : *table) read_service(entry);
    }

    void read_service(const Entry& entry) {
        if (!check_name(reading_, entry)) return;
        const Reading::Inside inside(reading_, entry.key);
        Draft draft{.service = {}, .table = &entry.value};
        draft.service.name = entry.key;
        draft.service.policy.name = entry.key;
        draft.service.place = findings_.place(entry.position);
        if (!read_section(reading_, entry.value, service_section(), draft.service)) return;
        check_service(reading_, entry.value, draft.service);
        drafts_.push_back(std::move(draft));
    }

    void check_graph() {
        check_references(drafts_, findings_);
        check_sockets(drafts_, config_.daemon, findings_);
        sort_by_dependency(drafts_, findings_);
    }

    Findings& findings_;
    Reading reading_;
    Config config_;
    std::vector<Draft> drafts_;
};

}  // namespace

LoadOutcome load_sources(std::span<const Source> sources, const Environment& environment) {
    Findings findings;
    LoadOutcome outcome;
    if (auto root = merged_tree(sources, findings)) {
        interpolate(*root, environment, findings);
        Config config = Assembly(findings).run(*root);
        if (findings.errors() == 0) outcome.config = std::move(config);
    }
    outcome.diagnostics = findings.take();
    return outcome;
}

}  // namespace dpsup::config
