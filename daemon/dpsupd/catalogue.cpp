#include "catalogue.hpp"

#include <utility>

namespace dpsup {

Catalogue::Catalogue(config::Config config) {
    adopt(std::move(config));
}

std::optional<ServiceId> Catalogue::id_of(const std::string& name) const {
    const auto found = ids_.find(name);
    if (found == ids_.end()) return std::nullopt;
    return found->second;
}

io::ServiceConfig Catalogue::service(const std::string& name) const {
    const auto found = services_.find(name);
    return found == services_.end() ? nullptr : io::ServiceConfig(config_, found->second);
}

void Catalogue::adopt(config::Config config) {
    config_ = std::make_shared<const config::Config>(std::move(config));
    services_.clear();
    std::map<std::string, ServiceId> ids;
    for (const config::Service& service : config_->services) {
        services_[service.name] = &service;
        const auto known = ids_.find(service.name);
        ids[service.name] = known != ids_.end() ? known->second : ServiceId{next_id_++};
    }
    ids_ = std::move(ids);
}

}  // namespace dpsup
