#include "config/difference.hpp"

#include <array>
#include <cstdio>
#include <unordered_map>

#include "config/comparison.hpp"
#include "config/inputs.hpp"
#include "config/keys.hpp"
#include "config/section_io.hpp"

namespace dpsup::config {
namespace {

using core::Change;

std::string_view name_of(InputFile::Use use) {
    switch (use) {
        case InputFile::Use::environment:
            return "env_file";
        case InputFile::Use::secret:
            return "secret";
        case InputFile::Use::config:
            return "config_file";
    }
    return "file";
}

// What is new or gone among the files has been told by its key.
void compare_inputs(const Service& before, const Service& after, Comparison& comparison) {
    for (const InputFile& was : before.inputs)
        for (const InputFile& is : after.inputs)
            if (was.use == is.use && was.path == is.path && was.digest != is.digest &&
                was.digest != unknown_digest && is.digest != unknown_digest)
                comparison.add(std::string(name_of(is.use)) + " " + is.path, "changed",
                               is.use == InputFile::Use::config ? ChangeClass::reload : ChangeClass::restart);
}

Change action_for(ChangeClass cost, const Service& wanted) {
    switch (cost) {
        case ChangeClass::live:
            return Change::update;
        case ChangeClass::reload:
            return wanted.policy.can_reload ? Change::reload : Change::restart;
        case ChangeClass::restart:
            return Change::restart;
    }
    return Change::restart;
}

void compare_services(const Config& running, const Config& wanted, std::vector<Operation>& operations) {
    std::unordered_map<std::string_view, const Service*> before;
    for (const Service& service : running.services) before.emplace(service.name, &service);
    for (const Service& service : wanted.services) {
        const auto found = before.find(service.name);
        if (found == before.end()) {
            operations.push_back({service.name, Change::add, {"new in the configuration"}});
            continue;
        }
        Comparison comparison;
        compare_section(service_section(), *found->second, service, comparison);
        compare_inputs(*found->second, service, comparison);
        before.erase(found);
        if (!comparison.empty())
            operations.push_back({service.name, action_for(comparison.cost(), service), comparison.causes()});
    }
    for (auto service = running.services.rbegin(); service != running.services.rend(); ++service)
        if (before.contains(service->name))
            operations.push_back({service->name, Change::remove, {"no longer in the configuration"}});
}

template <class T>
void compare_settings(const Section<T>& section, const T& running, const T& wanted, Difference& result) {
    for (const Field<T>& row : section.fields) {
        Comparison comparison;
        const Comparison::Inside inside(comparison, section.path);
        row.compare(row, running, wanted, comparison);
        for (const std::string& cause : comparison.causes()) {
            if (comparison.cost() == ChangeClass::live)
                result.settings.push_back(cause);
            else
                result.warnings.push_back(cause + "; takes effect when dpsupd is stopped and started");
        }
    }
}

}  // namespace

Difference difference(const Config& running, const Config& wanted) {
    Difference result;
    compare_services(running, wanted, result.operations);
    compare_settings(host_section(), running.host, wanted.host, result);
    compare_settings(daemon_section(), running.daemon, wanted.daemon, result);
    compare_settings(control_section(), running.control, wanted.control, result);
    return result;
}

std::string fingerprint(const Service& service) {
    const Service defaults;
    std::string text = service.name;
    for (const Field<Service>& row : service_section().fields) {
        // Defaults are left out, so that a later version with further keys does not run finished jobs again.
        const std::string shown = row.key.change == ChangeClass::restart ? row.show(service) : std::string();
        if (!shown.empty() && shown != row.show(defaults))
            text += "\n" + std::string(row.key.name) + " = " + shown;
    }
    std::array<char, 24> digits{};
    std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(digest_of(text)));
    return digits.data();
}

std::string launch_fingerprint(const Service& service) {
    std::string text = fingerprint(service);
    for (const InputFile& input : service.inputs)
        if (input.use != InputFile::Use::config)
            text += "\n" + input.path + " " + std::to_string(input.digest);
    std::array<char, 24> digits{};
    std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(digest_of(text)));
    return digits.data();
}

bool launched_otherwise(const std::string& definition, const Service& service) {
    const bool is_known = std::ranges::none_of(service.inputs, [](const InputFile& input) {
        return input.use != InputFile::Use::config && input.digest == unknown_digest;
    });
    return is_known && !definition.empty() && definition != launch_fingerprint(service);
}

std::string_view to_string(Change action) {
    switch (action) {
        case Change::add:
            return "add";
        case Change::update:
            return "update";
        case Change::reload:
            return "reload";
        case Change::restart:
            return "restart";
        case Change::remove:
            return "remove";
    }
    return "?";
}

}  // namespace dpsup::config
