#include "config/keys.hpp"

namespace dpsup::config {
namespace {

template <class T>
SectionView view(const Section<T>& section) {
    SectionView result{section.path, section.doc, {}};
    const T defaults{};
    for (const Field<T>& field : section.fields) {
        std::string fallback(field.key.fallback);
        if (fallback.empty()) fallback = field.show(defaults);
        result.keys.push_back({&field.key, field.shape(), std::move(fallback)});
    }
    return result;
}

}  // namespace

const Section<Service>& service_section() {
    static const std::vector<Field<Service>> rows = [] {
        std::vector<Field<Service>> all;
        for (const auto part : {lifecycle_rows(), probe_rows(), process_rows()})
            all.insert(all.end(), part.begin(), part.end());
        return all;
    }();
    static const Section<Service> section{
        "service.NAME",
        "One service or job. Its name: small letters, digits, \".\", \"_\" and \"-\", at most 64 of them.",
        rows};
    return section;
}

std::vector<SectionView> all_sections() {
    return {view(host_section()),    view(daemon_section()),  view(restart_budget_section()),
            view(control_section()), view(service_section()), view(dependency_section()),
            view(restart_section()), view(probe_section()),   view(limits_section()),
            view(log_section()),     view(reload_section())};
}

}  // namespace dpsup::config
