#include "config/inputs.hpp"

#include <unordered_map>

#include "base/hash.hpp"
#include "config/read_file.hpp"

namespace dpsup::config {
namespace {

constexpr std::size_t input_size_max = std::size_t{16} << 20U;

class Digests {
public:
    explicit Digests(std::vector<Diagnostic>& diagnostics) : diagnostics_(diagnostics) {}

    void fill(Service& service) {
        for (const std::string& path : service.process.env_file)
            add(service, InputFile::Use::environment, path);
        for (const auto& [name, value] : service.process.environment)
            if (const auto* secret = std::get_if<SecretFile>(&value))
                add(service, InputFile::Use::secret, secret->path);
        for (const std::string& path : service.process.config_files)
            add(service, InputFile::Use::config, path);
    }

private:
    void add(Service& service, InputFile::Use use, const std::string& path) {
        const auto known = known_.find(path);
        const std::uint64_t digest = known == known_.end() ? read(service, path) : known->second;
        service.inputs.push_back({use, path, digest});
    }

    std::uint64_t read(const Service& service, const std::string& path) {
        const auto content = read_file(path, input_size_max);
        if (!content)
            diagnostics_.push_back({service.place, Severity::warning,
                                    "service." + service.name + ": " + path + " " + content.error().message,
                                    "the service needs it when it is launched"});
        return known_[path] = content ? digest_of(*content) : 0;
    }

    std::vector<Diagnostic>& diagnostics_;
    std::unordered_map<std::string, std::uint64_t> known_;  // services often share them
};

}  // namespace

std::uint64_t digest_of(std::string_view content) {
    const std::uint64_t hash = fnv1a(content);
    return hash == 0 ? 1 : hash;
}

void digest_inputs(Config& config, std::vector<Diagnostic>& diagnostics) {
    Digests digests(diagnostics);
    for (Service& service : config.services) digests.fill(service);
}

}  // namespace dpsup::config
