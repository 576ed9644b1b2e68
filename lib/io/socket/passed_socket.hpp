// A listening socket that a process is to be handed.
#pragma once

#include <memory>
#include <vector>

#include "config/model.hpp"
#include "io/unique_fd.hpp"

namespace dpsup::io {

// Shared, so that it is open until the child has it, whatever was decided meanwhile.
struct PassedSocket {
    config::Socket socket;
    std::shared_ptr<const UniqueFd> fd;
};

// In the order of their descriptors, from 3 on.
using PassedSockets = std::vector<PassedSocket>;

}  // namespace dpsup::io
