#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/text.hpp"
#include "config/graph.hpp"
#include "config/graph_places.hpp"

namespace dpsup::config {
namespace {

using core::Condition;
using core::Dependency;
using core::Kind;
using core::RestartWhen;

class References {
public:
    References(std::vector<Draft>& drafts, Findings& findings) : drafts_(drafts), findings_(findings) {
        for (const Draft& draft : drafts_) by_name_.emplace(draft.service.name, &draft.service);
    }

    void check() {
        for (Draft& draft : drafts_) {
            std::unordered_set<std::string> seen;
            std::erase_if(draft.service.policy.depends_on, [&](const Dependency& dependency) {
                if (!seen.insert(dependency.service).second) {
                    findings_.error(place_of_dependency(draft, dependency.service),
                                    about(draft, dependency) + "is named twice");
                    return false;
                }
                return !check_one(draft, dependency);
            });
        }
    }

private:
    static std::string about(const Draft& draft, const Dependency& dependency) {
        return "service." + draft.service.name + ".depends_on: " + quoted(dependency.service) + " ";
    }

    // False: it leads nowhere, and may be dropped.
    bool check_one(const Draft& draft, const Dependency& dependency) {
        if (dependency.service == draft.service.name) {
            findings_.error(place_of_dependency(draft, dependency.service),
                            "service." + draft.service.name + ".depends_on: it depends on itself");
            return true;
        }
        const auto found = by_name_.find(dependency.service);
        if (found == by_name_.end()) return tell_unknown(draft, dependency);
        check_condition(draft, dependency, *found->second);
        if (!found->second->policy.autostart && !dependency.optional && draft.service.policy.autostart)
            findings_.warning(place_of_dependency(draft, dependency.service),
                              about(draft, dependency) + "has enabled = false: " + draft.service.name +
                                  " waits until somebody starts it");
        return true;
    }

    bool tell_unknown(const Draft& draft, const Dependency& dependency) {
        const Position place = place_of_dependency(draft, dependency.service);
        if (dependency.optional) {
            findings_.warning(
                place, about(draft, dependency) + "is not configured; it is optional, so it is left out");
            return false;
        }
        findings_.error(place, about(draft, dependency) + "is not configured", hint_for(dependency.service));
        return true;
    }

    // A search over all names for each of thousands of mistakes would take minutes: the first few must do.
    std::string hint_for(const std::string& name) {
        constexpr std::size_t searches_max = 20;
        std::string fallback = "write [service." + name + "], or take it out";
        if (++searches_ > searches_max) return fallback;
        std::vector<std::string_view> names;
        for (const Draft& draft : drafts_) names.push_back(draft.service.name);
        const std::string_view near = nearest(name, names);
        return near.empty() ? fallback : "did you mean " + quoted(near) + "?";
    }

    void check_condition(const Draft& draft, const Dependency& dependency, const Service& target) {
        const Position place = place_of_dependency(draft, dependency.service);
        const bool job = target.policy.kind == Kind::job;
        if (dependency.condition == Condition::done && !job &&
            target.policy.restart.when == RestartWhen::always)
            findings_.error(place,
                            about(draft, dependency) + "is never done: it is no job, and is always restarted",
                            "write \"ready\", or job = true in [service." + target.name + "]");
        if (dependency.condition == Condition::ready && job)
            findings_.error(place, about(draft, dependency) + "is a job, which is never ready",
                            "write \"done\"");
        const Node* written = draft.table->find("depends_on");
        if (job && dependency.condition == Condition::started && written != nullptr &&
            written->array() != nullptr)
            findings_.warning(place, about(draft, dependency) + "is a job, and only its start is waited for",
                              "write depends_on = { " + target.name +
                                  " = \"done\" } to wait for its success, or " + target.name +
                                  " = \"started\" if this is meant");
    }

    std::vector<Draft>& drafts_;
    Findings& findings_;
    std::unordered_map<std::string, const Service*> by_name_;
    std::size_t searches_ = 0;
};

}  // namespace

Position place_of_dependency(const Draft& draft, std::string_view name) {
    const Node* depends_on = draft.table->find("depends_on");
    if (depends_on == nullptr) return draft.table->position;
    if (const Array* names = depends_on->array())
        for (const Node& node : *names)
            if (node.string() != nullptr && *node.string() == name) return node.position;
    if (const Table* table = depends_on->table())
        for (const Entry& entry : *table)
            if (entry.key == name) return entry.position;
    return depends_on->position;
}

void check_references(std::vector<Draft>& drafts, Findings& findings) {
    References(drafts, findings).check();
}

}  // namespace dpsup::config
