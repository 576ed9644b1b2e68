// Descriptors that must outlive this dpsupd, by name. Two keepers hold them on: systemd's file descriptor store over our
// death and restart (FDSTORE=1 in sd_notify(3); given back as LISTEN_FDS, see sd_listen_fds(3)), and the process itself
// over a re-exec, where they simply stay open. A new dpsupd finds both in one place, here.
//
// A name is printable ASCII without ':' and spaces, at most 255 bytes, and may stand for several descriptors.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "io/unique_fd.hpp"

namespace dpsup::io {

class DescriptorStore {
public:
    // Takes over what was passed to this process, out of its environment too. Once, before anything is launched: until
    // then a child would inherit it all.
    [[nodiscard]] static DescriptorStore inherit();

    // Those passed under this name, in order; they are the caller's from now on. systemd keeps its copies until drop().
    [[nodiscard]] std::vector<UniqueFd> take(std::string_view name);
    // Names of what was passed and nobody has taken, each once, in order.
    [[nodiscard]] std::vector<std::string> waiting() const;

    // Keeps a copy for whoever comes after us. Fails where the descriptor cannot be copied; a systemd that is not there,
    // or keeps nothing, is no failure.
    [[nodiscard]] Result<void> keep(const std::string& name, int fd);
    // As keep(), but for a re-exec only: of what systemd has anyway.
    [[nodiscard]] Result<void> keep_over_exec(const std::string& name, int fd);
    // Nobody needs it any more: neither keeper holds what was kept or passed under this name.
    void drop(const std::string& name);

    // Lets all that is kept through the next exec and names it in the environment, in order; what does not fit there (more
    // than some thousands) is closed. Undone where that exec fails.
    void open_for_exec();
    void exec_failed();

private:
    struct Named {
        std::string name;
        UniqueFd fd;
    };
    std::vector<Named> passed_;
    std::vector<Named> kept_;
};

}  // namespace dpsup::io
