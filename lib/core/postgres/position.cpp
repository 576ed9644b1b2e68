#include "core/postgres/position.hpp"

namespace dpsup::core::postgres {

bool diverged(const Position& position, Timeline latest, const std::vector<Fork>& forks) {
    if (position.timeline > latest) return true;
    // The first fork after its timeline is where it had to leave it; later ones begin no earlier.
    for (const Fork& fork : forks)
        if (fork.timeline > position.timeline) return position.lsn > fork.begins;
    return false;
}

}  // namespace dpsup::core::postgres
