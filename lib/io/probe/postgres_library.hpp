// The part of libpq that postgres probes use; see library.hpp for why it is not simply linked.
#pragma once

#include <libpq-fe.h>

#include <memory>

#include "base/result.hpp"

namespace dpsup::io {

struct PostgresLibrary {
    decltype(&::PQconninfoParse) conninfo_parse = nullptr;
    decltype(&::PQconninfoFree) conninfo_free = nullptr;
    decltype(&::PQfreemem) freemem = nullptr;
    decltype(&::PQconnectStartParams) connect_start = nullptr;
    decltype(&::PQconnectPoll) connect_poll = nullptr;
    decltype(&::PQconnectionNeedsPassword) needs_password = nullptr;
    decltype(&::PQstatus) status = nullptr;
    decltype(&::PQsocket) socket = nullptr;
    decltype(&::PQerrorMessage) error_message = nullptr;
    decltype(&::PQfinish) finish = nullptr;
    decltype(&::PQsetErrorVerbosity) set_error_verbosity = nullptr;
    decltype(&::PQsetNoticeProcessor) set_notice_processor = nullptr;
    decltype(&::PQsetnonblocking) set_nonblocking = nullptr;
    decltype(&::PQsendQuery) send_query = nullptr;
    decltype(&::PQsetSingleRowMode) set_single_row_mode = nullptr;
    decltype(&::PQflush) flush = nullptr;
    decltype(&::PQconsumeInput) consume_input = nullptr;
    decltype(&::PQisBusy) is_busy = nullptr;
    decltype(&::PQgetResult) get_result = nullptr;
    decltype(&::PQresultStatus) result_status = nullptr;
    decltype(&::PQresultErrorField) result_error_field = nullptr;
    decltype(&::PQclear) clear = nullptr;
    decltype(&::PQgetCancel) get_cancel = nullptr;
    decltype(&::PQcancel) cancel = nullptr;
    decltype(&::PQfreeCancel) free_cancel = nullptr;

    // Loads libpq. Blocks for as long as the disk takes.
    [[nodiscard]] static Result<std::shared_ptr<const PostgresLibrary>> load();
};

}  // namespace dpsup::io
