#include "io/probe/postgres_library.hpp"

#include "io/probe/library.hpp"

namespace dpsup::io {

Result<std::shared_ptr<const PostgresLibrary>> PostgresLibrary::load() {
    const auto library = open_library("libpq.so.5", "libpq5");
    if (!library) return tl::unexpected(library.error());
    auto pq = std::make_shared<PostgresLibrary>();
    const bool complete = bind_function(*library, "PQconninfoParse", pq->conninfo_parse) &&
                          bind_function(*library, "PQconninfoFree", pq->conninfo_free) &&
                          bind_function(*library, "PQfreemem", pq->freemem) &&
                          bind_function(*library, "PQconnectStartParams", pq->connect_start) &&
                          bind_function(*library, "PQconnectPoll", pq->connect_poll) &&
                          bind_function(*library, "PQconnectionNeedsPassword", pq->needs_password) &&
                          bind_function(*library, "PQstatus", pq->status) &&
                          bind_function(*library, "PQsocket", pq->socket) &&
                          bind_function(*library, "PQerrorMessage", pq->error_message) &&
                          bind_function(*library, "PQfinish", pq->finish) &&
                          bind_function(*library, "PQsetErrorVerbosity", pq->set_error_verbosity) &&
                          bind_function(*library, "PQsetNoticeProcessor", pq->set_notice_processor) &&
                          bind_function(*library, "PQsetnonblocking", pq->set_nonblocking) &&
                          bind_function(*library, "PQsendQuery", pq->send_query) &&
                          bind_function(*library, "PQsetSingleRowMode", pq->set_single_row_mode) &&
                          bind_function(*library, "PQflush", pq->flush) &&
                          bind_function(*library, "PQconsumeInput", pq->consume_input) &&
                          bind_function(*library, "PQisBusy", pq->is_busy) &&
                          bind_function(*library, "PQgetResult", pq->get_result) &&
                          bind_function(*library, "PQresultStatus", pq->result_status) &&
                          bind_function(*library, "PQresultErrorField", pq->result_error_field) &&
                          bind_function(*library, "PQclear", pq->clear) &&
                          bind_function(*library, "PQgetCancel", pq->get_cancel) &&
                          bind_function(*library, "PQcancel", pq->cancel) &&
                          bind_function(*library, "PQfreeCancel", pq->free_cancel);
    if (!complete) return fail("library_missing", "libpq.so.5 lacks functions: it is too old");
    return pq;
}

}  // namespace dpsup::io
