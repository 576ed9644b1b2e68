// One member, told one thing after the other.
#pragma once

#include <gtest/gtest.h>

#include <optional>

#include "core/postgres/member.hpp"

namespace dpsup::core::postgres {

using namespace std::chrono_literals;

class MemberTest : public testing::Test {
protected:
    MemberTest() {
        Policy policy;
        policy.name = "me";
        policy.sync = {.mode = Mode::sync, .required = 1, .strict = false};
        policy.lease = 8s;
        me_ = make_member(policy, {}, now_);
    }

    void tell(const Event& event) { last_ = step(me_, event, now_); }
    void pass(Duration time) {
        now_ += time;
        tell(DeadlineReached{});
    }
    void see(const Record& record) { tell(StoreSeen{record, ++revision_}); }
    void see_local(LocalKind kind, Position position = {{1}, {100}}) {
        Local local;
        local.kind = kind;
        local.position = position;
        local.rule = closed_rule();
        if (kind == LocalKind::standby) {
            local.upstream = "other";
            local.receiving = true;
        }
        tell(LocalSeen{local, 0, me_.last_task});
    }
    // A standby of `other`, which has just renewed its lease.
    void be_standby() {
        record_.term = 1;
        record_.holder = "other";
        record_.timeline = {1};
        record_.lease = 8s;
        record_.members = {"me", "other", "third"};
        record_.promise = {{"me"}, 1};
        see_local(LocalKind::standby);
        see(record_);
        ++record_.stamp;
        see(record_);
    }
    // Holder, with PostgreSQL as primary.
    void be_primary() {
        be_standby();
        record_.holder = "me";
        ++record_.term;
        see(record_);
        tell_written(true);
        see_local(LocalKind::primary);
    }
    // Answers the write that is under way.
    void tell_written(bool written) {
        const auto write = asked<Write>();
        if (!write) return;
        if (written) record_ = write->record;
        tell(Written{write->number, written ? Written::Outcome::written : Written::Outcome::unknown,
                     written ? ++revision_ : 0});
    }

    template <class Wanted>
    [[nodiscard]] std::optional<Wanted> asked() const {
        for (const Effect& effect : last_.effects)
            if (const auto* wanted = std::get_if<Wanted>(&effect)) return *wanted;
        return std::nullopt;
    }
    [[nodiscard]] std::optional<TaskKind> task() const {
        const auto wanted = asked<Task>();
        return wanted ? std::optional(wanted->kind) : std::nullopt;
    }

    Instant now_ = Instant(1000s);
    Member me_;
    Output last_;
    Record record_;
    Revision revision_ = 10;
};

}  // namespace dpsup::core::postgres
