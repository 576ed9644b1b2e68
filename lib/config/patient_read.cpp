#include "config/patient_read.hpp"

#include <memory>
#include <system_error>

#include "base/patient_call.hpp"
#include "config/read_file.hpp"

namespace dpsup::config {

Result<std::string> PatientReader::read(const std::string& path, std::size_t size_max) {
    const Patience patience{.limit = patience_, .limit_while_silent = std::chrono::milliseconds(300)};
    const auto text = std::make_shared<Result<std::string>>();
    try {
        if (call_patiently(path, patience, [path, size_max, text] { *text = read_file(path, size_max); }))
            return std::move(*text);
    } catch (const std::system_error& error) {
        return fail("unreadable", std::string("cannot be read: no thread can be started: ") + error.what());
    }
    return fail(std::string(silent), "does not answer (a file system that hangs?)");
}

}  // namespace dpsup::config
