// Shared libraries that are loaded when the first probe needs them. libcurl and libpq bring some 30 further
// libraries and 6 MB of resident memory, as much as the rest of the daemon; a host without http or postgres
// probes does not pay for them, and a host on which one of them is broken still supervises its services.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "io/workers.hpp"

namespace dpsup::io {

// Opens `soname`; it is never unloaded, since libraries with threads and exit handlers do not bear that.
[[nodiscard]] Result<void*> open_library(const char* soname, const char* package);

// The address of a function; nullptr where there is none.
[[nodiscard]] void* find_function(void* library, const char* name);

template <class Function>
[[nodiscard]] bool bind_function(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(find_function(library, name));
    return function != nullptr;
}

// Loads a table of functions once, off the loop's thread, and keeps it. `Table::load()` gives
// Result<std::shared_ptr<const Table>>. A load that failed is tried again by the next one who asks.
template <class Table>
class OnDemand {
public:
    using Loaded = Result<std::shared_ptr<const Table>>;
    using Use = std::function<void(const Loaded&)>;

    explicit OnDemand(Workers& workers) : workers_(workers) {}

    // Calls `use` at once where the table is there, else later, on the loop.
    void with(Use use) {
        if (table_) return use(table_);
        waiting_.push_back(std::move(use));
        if (waiting_.size() > 1) return;
        auto loaded = std::make_shared<Loaded>();
        const bool submitted =
            workers_.submit([loaded] { *loaded = Table::load(); }, [this, loaded] { tell(*loaded); });
        if (!submitted) tell(fail("busy", "no thread to load a library with"));
    }

private:
    void tell(const Loaded& loaded) {
        if (loaded) table_ = *loaded;
        const auto waiting = std::exchange(waiting_, {});
        for (const auto& use : waiting) use(loaded);
    }

    Workers& workers_;
    std::shared_ptr<const Table> table_;
    std::vector<Use> waiting_;
};

}  // namespace dpsup::io
