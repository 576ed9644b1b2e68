// The promise of who vouches for commits, over all small sets of standbys.
#include "core/postgres/sync_rule.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <vector>

namespace dpsup::core::postgres {
namespace {

constexpr unsigned standbys = 4;
constexpr unsigned sets = 1U << standbys;

std::vector<std::string> names(unsigned set) {
    std::vector<std::string> all;
    for (unsigned i = 0; i < standbys; ++i)
        if ((set >> i & 1U) != 0) all.emplace_back(1, static_cast<char>('a' + i));
    return all;
}

unsigned common(unsigned one, unsigned other) {
    return static_cast<unsigned>(std::popcount(one & other));
}

struct Small {
    unsigned members = 0;
    SyncRule rule;
};

std::vector<Small> all_rules() {
    std::vector<Small> all;
    for (unsigned members = 0; members < sets; ++members)
        for (unsigned required = 0; required <= common(members, members); ++required)
            all.push_back({members, {names(members), required}});
    return all;
}

// Each set of standbys whose flush is enough for the rule.
template <class Visit>
void for_each_acknowledgement(const Small& rule, Visit visit) {
    for (unsigned flushed = 0; flushed < sets; ++flushed)
        if (common(flushed, rule.members) >= rule.rule.required) visit(flushed);
}

bool covers(const Small& promise, unsigned flushed) {
    return common(flushed, promise.members) >= promise.rule.required;
}

TEST(SyncRule, KeepsAPromiseExactlyWhereAllThatItAcknowledgesIsCovered) {
    for (const Small& rule : all_rules())
        for (const Small& promise : all_rules()) {
            bool covered = true;
            for_each_acknowledgement(rule, [&](unsigned flushed) { covered &= covers(promise, flushed); });
            ASSERT_EQ(keeps(rule.rule, promise.rule), covered)
                << rule.members << "/" << rule.rule.required << " " << promise.members << "/"
                << promise.rule.required;
        }
}

TEST(SyncRule, WidenedIsKeptByTheNewRuleAndBreaksNothing) {
    for (const Small& rule : all_rules())
        for (const Small& promise : all_rules()) {
            const SyncRule wide = widened(promise.rule, rule.rule);
            ASSERT_TRUE(keeps(rule.rule, wide));
            ASSERT_TRUE(keeps(promise.rule, wide));
        }
}

TEST(SyncRule, AsManyAnswersAsNeededHoldEachAcknowledgedCommit) {
    for (const Small& promise : all_rules())
        for (unsigned answered = 0; answered < sets; ++answered) {
            if (common(answered, promise.members) < answers_needed(promise.rule)) continue;
            for_each_acknowledgement(promise, [&](unsigned flushed) { ASSERT_NE(flushed & answered, 0U); });
        }
}

TEST(SyncRule, WhereNobodyVouchesNobodyMayLead) {
    EXPECT_GT(answers_needed({{"a", "b"}, 0}), 2U);
    EXPECT_GT(answers_needed({}), 0U);
}

TEST(SyncRule, ClosedAcknowledgesNothingAndSoKeepsAnyPromise) {
    for (const Small& promise : all_rules()) EXPECT_TRUE(keeps(closed_rule(), promise.rule));
}

Downstream at(const std::string& name, std::uint64_t lsn) {
    return {name, {lsn}, false};
}

TEST(NextStep, SwapsAStandbyInThreeSteps) {
    const SyncRule old{{"a"}, 1};
    const SyncRule wanted{{"b"}, 1};
    std::vector<Downstream> streaming{at("b", 90)};

    const SyncStep first = next_step(wanted, old, {10}, old, streaming);
    ASSERT_TRUE(first.promise);
    EXPECT_EQ(*first.promise, (SyncRule{{"a", "b"}, 1}));
    EXPECT_FALSE(first.rule);

    const SyncStep second = next_step(wanted, old, {10}, *first.promise, streaming);
    EXPECT_FALSE(second.promise);
    EXPECT_EQ(second.rule, wanted);

    const SyncStep waits = next_step(wanted, wanted, {100}, *first.promise, streaming);
    EXPECT_FALSE(waits.promise || waits.rule) << "what was written before 100 may be on a alone";

    streaming = {at("b", 100)};
    const SyncStep third = next_step(wanted, wanted, {100}, *first.promise, streaming);
    EXPECT_EQ(third.promise, wanted);

    const SyncStep done = next_step(wanted, wanted, {100}, wanted, streaming);
    EXPECT_FALSE(done.promise || done.rule);
}

// b's walsender may go by the old rule yet, and by what c has flushed already.
TEST(NextStep, CoversWhatAMixtureOfTwoRulesAcknowledges) {
    const SyncRule old{{"b"}, 1};
    const SyncRule wanted{{"b", "c"}, 2};
    const SyncStep step = next_step(wanted, old, {10}, old, {at("b", 90), at("c", 90)});
    ASSERT_TRUE(step.promise);
    EXPECT_EQ(*step.promise, (SyncRule{{"b", "c"}, 1}));
    EXPECT_FALSE(step.rule);
}

TEST(NextStep, RecordsThatNobodyVouchesBeforeItIsSo) {
    const SyncRule old{{"a"}, 1};
    const SyncStep step = next_step({}, old, {10}, old, {});
    ASSERT_TRUE(step.promise);
    EXPECT_EQ(step.promise->required, 0U);
    EXPECT_FALSE(step.rule);
}

TEST(ChooseRule, KeepsWhoVouchesAlready) {
    const SyncPolicy policy{.mode = Mode::sync, .required = 1, .strict = false};
    EXPECT_EQ(choose_rule(policy, {{"b"}, 1}, {at("a", 100), at("b", 90)}), (SyncRule{{"b"}, 1}));
}

TEST(ChooseRule, TakesTheMostAdvancedInPlaceOfWhoeverIsLost) {
    const SyncPolicy policy{.mode = Mode::sync, .required = 1, .strict = false};
    EXPECT_EQ(choose_rule(policy, {{"c"}, 1}, {at("a", 90), at("b", 100)}), (SyncRule{{"b"}, 1}));
}

TEST(ChooseRule, TakesNobodyWhoMustNotVouch) {
    const SyncPolicy policy{.mode = Mode::quorum, .required = 1, .strict = false};
    EXPECT_EQ(choose_rule(policy, {}, {{"a", {90}, true}, at("b", 100)}), (SyncRule{{"b"}, 1}));
}

TEST(ChooseRule, GoesOnAloneUnlessItIsStrict) {
    EXPECT_EQ(choose_rule({Mode::sync, 1, false}, {{"a"}, 1}, {}), SyncRule{});
    EXPECT_EQ(choose_rule({Mode::sync, 1, true}, {{"a"}, 1}, {}), (SyncRule{{"a"}, 1}));
    EXPECT_EQ(choose_rule({Mode::sync, 1, true}, closed_rule(), {}), closed_rule());
}

}  // namespace
}  // namespace dpsup::core::postgres
