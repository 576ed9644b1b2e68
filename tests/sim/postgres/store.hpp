// A modelled store: one record under compare-and-swap, and everybody who watches it.
#pragma once

#include <optional>

#include "core/postgres/record.hpp"

namespace dpsup::sim::postgres {

struct Store {
    std::optional<core::postgres::Record> record;
    core::postgres::Revision revision = 0;  // of the store, as etcd counts it
    core::postgres::Revision modified = 0;  // of the record; 0: there is none
    bool up = true;

    // Whether it was written.
    bool write(core::postgres::Revision expected, const core::postgres::Record& wanted) {
        if (expected != modified) return false;
        record = wanted;
        modified = ++revision;
        return true;
    }
    void remove() {
        record.reset();
        ++revision;
        modified = 0;
    }
};

}  // namespace dpsup::sim::postgres
