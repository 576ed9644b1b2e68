#include "config/inputs.hpp"

#include "base/hash.hpp"
#include "config/patient_read.hpp"

namespace dpsup::config {
namespace {

constexpr std::size_t input_size_max = std::size_t{16} << 20U;

// Calls `digest` for each path that the service reads.
template <class Digest>
void fill(Service& service, Digest digest) {
    service.inputs.clear();
    const auto add = [&](InputFile::Use use, const std::string& path) {
        service.inputs.push_back({use, path, digest(path)});
    };
    for (const std::string& path : service.process.env_file) add(InputFile::Use::environment, path);
    for (const auto& [name, value] : service.process.environment)
        if (const auto* secret = std::get_if<SecretFile>(&value)) add(InputFile::Use::secret, secret->path);
    for (const std::string& path : service.process.config_files) add(InputFile::Use::config, path);
}

}  // namespace

std::uint64_t digest_of(std::string_view content) {
    const std::uint64_t hash = fnv1a(content);
    return hash == 0 ? 1 : hash;
}

InputDigests digest_inputs(Config& config, std::vector<Diagnostic>& diagnostics) {
    InputDigests known;  // services often share them
    PatientReader reader;
    for (Service& service : config.services) {
        fill(service, [&](const std::string& path) {
            const auto [place, fresh] = known.try_emplace(path, 0);
            if (!fresh) return place->second;
            const auto content = reader.read(path, input_size_max);
            if (content)
                place->second = digest_of(*content);
            else if (content.error().code == PatientReader::silent)
                place->second = unknown_digest;
            if (!content)
                diagnostics.push_back(
                    {service.place, Severity::warning,
                     "service." + service.name + ": " + path + " " + content.error().message,
                     "the service needs it when it is launched"});
            return place->second;
        });
    }
    return known;
}

void keep_known_digests(InputDigests& digests, const Config& before) {
    for (const Service& service : before.services)
        for (const InputFile& input : service.inputs)
            if (const auto found = digests.find(input.path);
                found != digests.end() && found->second == unknown_digest)
                found->second = input.digest;
}

void take_digests(Config& config, const InputDigests& digests) {
    for (Service& service : config.services)
        fill(service, [&](const std::string& path) {
            const auto digest = digests.find(path);
            return digest == digests.end() ? 0 : digest->second;
        });
}

}  // namespace dpsup::config
