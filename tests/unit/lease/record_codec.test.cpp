#include "io/lease/record_codec.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace dpsup::io {
namespace {

core::postgres::Record example() {
    core::postgres::Record record;
    record.term = 7;
    record.holder = "db1";
    record.stamp = UINT64_MAX;
    record.released = true;
    record.ended = "db1";
    record.end = {{3}, {0x16B3748}};
    record.successor = "db2";
    record.opening = true;
    record.system = 7'123'456'789'012'345'678U;
    record.lease = std::chrono::milliseconds(5250);
    record.asynchronous = true;
    record.timeline = {3};
    record.forks = {{{2}, {100}}, {{3}, {200}}};
    record.promise = {{"db2", "db3"}, 1};
    record.written = {0x16B3748};
    record.members = {"db1", "db2", "db3"};
    return record;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
    const auto at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return text.replace(at, what.size(), by);
}

TEST(RecordCodec, GivesBackWhatItWasGiven) {
    const auto record = decode_record(encode_record(example()), "/dpsup/main");
    ASSERT_TRUE(record) << record.error().message;
    EXPECT_EQ(*record, example());
}

TEST(RecordCodec, RefusesANewerVersionByName) {
    const auto record =
        decode_record(replaced(encode_record(example()), R"("version":1)", R"("version":2)"), "x");
    ASSERT_FALSE(record);
    EXPECT_EQ(record.error().code, "record_too_new");
}

TEST(RecordCodec, GuessesNothing) {
    const std::string good = encode_record(example());
    for (const auto& [what, by] : {std::pair{R"("term":7)", R"("term":-7)"},
                                   {R"("term":7)", R"("term":"7")"},
                                   {R"("term":7,)", ""},
                                   {R"("term":7)", R"("term":7,"lease":1)"},
                                   {R"("released":true)", R"("released":1)"},
                                   {R"("required":1)", R"("required":4294967296)"},
                                   {R"("required":1)", R"("required":1,"x":1)"},
                                   {R"(["db2","db3"])", R"(["db3","db2"])"},
                                   {R"(["db2","db3"])", R"("db2")"},
                                   {R"("begins":100)", R"("begins":1.5)"}}) {
        const auto record = decode_record(replaced(good, what, by), "/dpsup/main");
        ASSERT_FALSE(record) << by;
        EXPECT_EQ(record.error().code, "record_damaged");
        EXPECT_EQ(record.error().message.rfind("/dpsup/main: record.", 0) == 0 ||
                      record.error().message.find("does not know") != std::string::npos,
                  true)
            << record.error().message;
    }
    for (std::size_t size = 0; size < good.size(); ++size)
        EXPECT_FALSE(decode_record(good.substr(0, size), "x"));
}

}  // namespace
}  // namespace dpsup::io
