// The configuration that runs, and which service has which id. Ids are never used again: what still runs of a
// removed service keeps its own.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/id.hpp"
#include "config/model.hpp"
#include "io/process/process_host.hpp"

namespace dpsup {

class Catalogue {
public:
    explicit Catalogue(config::Config config);

    [[nodiscard]] const config::Config& config() const { return *config_; }
    [[nodiscard]] const std::map<std::string, ServiceId>& ids() const { return ids_; }
    [[nodiscard]] std::optional<ServiceId> id_of(const std::string& name) const;

    // For what runs and is not in the configuration any more.
    [[nodiscard]] ServiceId new_id() { return ServiceId{next_id_++}; }

    // Shares the whole configuration's memory rather than copying a part of it.
    [[nodiscard]] io::ServiceConfig service(const std::string& name) const;

    // From now on this configuration runs: new names get new ids, and names that are gone lose theirs.
    void adopt(config::Config config);

private:
    std::shared_ptr<const config::Config> config_;
    std::map<std::string, const config::Service*> services_;
    std::map<std::string, ServiceId> ids_;
    std::uint32_t next_id_ = 1;
};

}  // namespace dpsup
