#include "io/probe/postgres_verdict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dpsup::io {
namespace {

using core::ProbeOutcome;
using testing::HasSubstr;

std::string fatal(const std::string& sqlstate, const std::string& text) {
    return "connection to server on socket \"/run/postgresql/.s.PGSQL.5432\" failed: FATAL:  " + sqlstate +
           ": " + text + "\nLOCATION:  ProcessStartupPacket, postmaster.c:2341\n";
}

TEST(PostgresVerdict, AServerThatIsBusyWithItselfIsNeitherWellNorFailed) {
    for (const char* text : {"the database system is starting up", "the database system is shutting down",
                             "the database system is in recovery mode"}) {
        const auto verdict = verdict_of_login(fatal("57P03", text), false, true);
        EXPECT_EQ(verdict.outcome, ProbeOutcome::unknown);
        EXPECT_EQ(verdict.detail, text);
    }
    EXPECT_EQ(verdict_of_login(fatal("53300", "sorry, too many clients already"), false, false).outcome,
              ProbeOutcome::unknown);
    EXPECT_EQ(verdict_of_query("57P01", "FATAL:  57P01: terminating connection\n").outcome,
              ProbeOutcome::unknown);
}

TEST(PostgresVerdict, ARefusedLoginIsNeverAFailure) {
    const auto refused = fatal("28P01", "password authentication failed for user \"x\"");
    const auto lives = verdict_of_login(refused, false, false);
    EXPECT_EQ(lives.outcome, ProbeOutcome::passed);
    EXPECT_THAT(lives.detail, HasSubstr("login refused: password authentication failed"));
    const auto no_query = verdict_of_login(refused, false, true);
    EXPECT_EQ(no_query.outcome, ProbeOutcome::unknown);
    EXPECT_THAT(no_query.detail, HasSubstr("check user and password"));
    EXPECT_EQ(verdict_of_login("connection to ... failed: fe_sendauth: no password supplied\n", true, false)
                  .outcome,
              ProbeOutcome::passed);
}

TEST(PostgresVerdict, AMissingDatabaseMattersOnlyToAQuery) {
    const auto missing = fatal("3D000", "database \"x\" does not exist");
    EXPECT_EQ(verdict_of_login(missing, false, false).outcome, ProbeOutcome::passed);
    EXPECT_EQ(verdict_of_login(missing, false, true).outcome, ProbeOutcome::failed);
}

TEST(PostgresVerdict, TakesTheLastOfSeveralHosts) {
    const auto verdict = verdict_of_login(
        "connection to server at \"db1\" (10.0.0.1), port 5432 failed: Connection refused\n"
        "\tIs the server running on that host and accepting TCP/IP connections?\n" +
            fatal("57P03", "the database system is starting up"),
        false, false);
    EXPECT_EQ(verdict.outcome, ProbeOutcome::unknown);
    EXPECT_EQ(verdict.detail, "the database system is starting up");
}

TEST(PostgresVerdict, SaysItInOneClause) {
    EXPECT_EQ(verdict_of_login(
                  "connection to server on socket \"/x/.s.PGSQL.5432\" failed: No such file or directory\n"
                  "\tIs the server running locally and accepting connections on that socket?\n",
                  false, false)
                  .detail,
              "no such file or directory");
    EXPECT_EQ(verdict_of_login("", false, false).detail, "the connection failed");
    EXPECT_EQ(verdict_of_query("42P01", "ERROR:  42P01: relation \"t\" does not exist\nLINE 1: ...").detail,
              "the query failed: relation \"t\" does not exist");
    EXPECT_EQ(verdict_of_login("could not create socket: Too many open files\n", false, false).outcome,
              ProbeOutcome::unknown);
}

TEST(PostgresVerdict, UnderstandsTranslatedServers) {
    EXPECT_EQ(
        last_error_of("connection to server failed: PANIK:  57P03: das Datenbanksystem startet\n").sqlstate,
        "57P03");
}

}  // namespace
}  // namespace dpsup::io
