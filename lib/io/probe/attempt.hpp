// One probe that is under way. The runner owns it, gives it its time, and takes exactly one verdict from it;
// all kinds of probes look alike from there.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "io/probe/verdict.hpp"

namespace dpsup::io {

class Attempt {
public:
    using Done = std::function<void(Verdict)>;

    explicit Attempt(Done done) : done_(std::move(done)) {}
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;
    virtual ~Attempt() = default;

    // Begins. The verdict may come before this returns.
    virtual void start() = 0;

    // The verdict when the time is up; `text` is "timed out after 5s". Says what it was waiting for.
    [[nodiscard]] virtual Verdict timed_out(const std::string& text) const = 0;

    // Lets go of everything that it holds. No verdict comes after this.
    void stop() {
        done_ = nullptr;
        release();
    }

protected:
    virtual void release() = 0;

    [[nodiscard]] bool over() const { return !done_; }

    // Tells the verdict, the first one only.
    void finish(Verdict verdict) {
        if (const auto done = std::exchange(done_, nullptr)) done(std::move(verdict));
    }

private:
    Done done_;
};

}  // namespace dpsup::io
