// What PostgreSQL's errors say about the server. Pure.
//
// The server is there but busy with itself (57P03 starting up, shutting down or recovering; 57P01, 57P02
// ending this connection; 53300 too many clients): unknown, since a restart would only make it start again.
// The server refuses our login (class 28, or a password that we do not have): it lives and accepts
// connections, as pg_isready has it, so a probe without a query passes and its detail says so. With a query,
// the query could not be run for a reason that lies in the probe's configuration: unknown. Never failed:
// restarting a healthy database because of a wrong password in a probe is what must not happen. The database
// does not exist (3D000): the same without a query; with one, failed, since what was to be probed is not
// there. Everything else is failed.
#pragma once

#include <string>
#include <string_view>

#include "io/probe/verdict.hpp"

namespace dpsup::io {

// `message` is libpq's, with verbosity "verbose", so that it holds the SQLSTATE.
[[nodiscard]] Verdict verdict_of_login(std::string_view message, bool needs_password, bool has_query);

// Of a query that failed on a connection that stood. `sqlstate` is empty where the connection broke.
[[nodiscard]] Verdict verdict_of_query(std::string_view sqlstate, std::string_view message);

// "starting up" out of "connection to server at ... failed: FATAL:  57P03: the database system is starting
// up\n..."; `sqlstate` is empty where the server said nothing.
struct PostgresError {
    std::string sqlstate;
    std::string text;
};
[[nodiscard]] PostgresError last_error_of(std::string_view message);

}  // namespace dpsup::io
