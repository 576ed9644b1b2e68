// The parts of a member's step. Internal to core/postgres.
#pragma once

#include <string>

#include "core/postgres/member.hpp"

namespace dpsup::core::postgres {

// A holder that cannot be promoted gives the lease to others.
inline constexpr std::uint32_t promotions_max = 3;

class Moves {
public:
    Moves(Member& member, Instant now, Output& output) : me_(member), now_(now), output_(output) {}

    // member.cpp
    void take(const StoreSeen& seen);
    void take(const Written& written);
    void take(const LocalSeen& seen);
    void take(const Exited& exited);
    void take(const TaskEnded& ended);
    void take(const Asked& asked);
    void take(const Answered& answered);
    void take(const Registered& registered);
    void take(const SwitchoverAsked& asked);
    void take(const DeadlineReached& reached);
    void advance();

private:
    // lease.cpp: what the store is told, and what our lease is
    void see(const std::optional<Record>& record, Revision revision, std::uint64_t store);
    void forget_store();
    [[nodiscard]] bool may_write() const;
    void extend(Instant until);
    void shorten(Instant until);
    void credit(const Record& record);
    void create_again();
    void keep_lease();
    void give_up_write();
    void write(Record record, Revision expected);
    void ask_for_time();
    [[nodiscard]] bool is_settled() const;

    // lead.cpp: the lease is ours
    void lead();
    void lead_down();
    void lead_primary();
    void lead_standby();
    void release(const std::string& why);
    [[nodiscard]] Record wanted_record() const;
    [[nodiscard]] SyncRule wanted_rule() const;
    [[nodiscard]] SyncStep sync_step() const;
    [[nodiscard]] bool has_heirs() const;
    [[nodiscard]] bool is_published() const;
    [[nodiscard]] bool begins_new_timeline() const;

    // follow.cpp: it is not
    void follow();
    void follow_down();
    void follow_standby();
    void found_cluster();
    [[nodiscard]] bool holder_lives() const;
    [[nodiscard]] bool holder_leads() const;
    [[nodiscard]] bool has_left() const;
    [[nodiscard]] bool is_foreign() const;
    [[nodiscard]] std::string wanted_upstream() const;

    // election.cpp
    void stand();
    void read_again();
    void begin_election();
    void decide();
    void take_over(const std::string& why);
    void lose(const std::string& why);
    void measure_once_cut_off();
    void measured(const LocalSeen& seen);
    [[nodiscard]] bool is_cut_off(Revision revision) const;
    [[nodiscard]] bool was_last_holder() const;
    [[nodiscard]] bool may_stand() const;
    [[nodiscard]] bool is_due() const;
    [[nodiscard]] bool enough_answers() const;
    [[nodiscard]] Record takeover_record() const;
    void vote_asked(const Asked& asked, const VoteQuestion& question);
    void time_asked(const Asked& asked, const TimeQuestion& question);
    void reply(const Asked& asked, Answer answer);
    void refuse(const Asked& asked, std::string why, bool veto = false);

    // member.cpp
    void fence();
    void kill(const std::string& why);
    void begin(TaskKind kind, const std::string& source = {}, const SyncRule& rule = {});
    void note(std::string text) { output_.notes.push_back(std::move(text)); }
    [[nodiscard]] bool may_be_primary() const;

    Member& me_;
    Instant now_;
    Output& output_;
};

}  // namespace dpsup::core::postgres
