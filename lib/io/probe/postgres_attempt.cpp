#include "io/probe/postgres_attempt.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "base/text.hpp"
#include "io/answers.hpp"
#include "io/probe/postgres_conninfo.hpp"
#include "io/probe/postgres_library.hpp"
#include "io/probe/postgres_verdict.hpp"

namespace dpsup::io {
namespace {

namespace asio = boost::asio;
using Library = std::shared_ptr<const PostgresLibrary>;

class PostgresAttempt final : public Attempt, public std::enable_shared_from_this<PostgresAttempt> {
public:
    PostgresAttempt(PostgresTools& tools, const config::PostgresProbe& probe, Done done)
        : Attempt(std::move(done)), tools_(tools), probe_(probe), descriptor_(tools.loop) {}
    ~PostgresAttempt() override { release(); }

    void start() override;
    [[nodiscard]] Verdict timed_out(const std::string& text) const override;

protected:
    void release() override;

private:
    using Wait = asio::posix::stream_descriptor::wait_type;
    using Step = void (PostgresAttempt::*)();
    enum class Stage : std::uint8_t { loading, resolving, login, querying };

    void use(const Library& library);
    void resolve_next();
    void connect();
    void poll();
    void logged_in();
    void send();
    void receive();
    void take(PGresult* result);
    void wait(Wait what, Step then);
    [[nodiscard]] std::string error_message() const { return pq_->error_message(connection_); }

    PostgresTools& tools_;
    config::PostgresProbe probe_;
    Library pq_;
    Stage stage_ = Stage::loading;
    Conninfo conninfo_;
    std::vector<std::string> names_;  // still to be resolved
    std::map<std::string, Addresses> addresses_;
    std::string unresolved_;  // why the last one that was not
    PGconn* connection_ = nullptr;
    asio::posix::stream_descriptor descriptor_;  // holds libpq's socket only while it waits
};

void PostgresAttempt::start() {
    tools_.library.with([weak = weak_from_this()](const auto& library) {
        const auto self = weak.lock();
        if (!self || self->over()) return;
        if (!library) return self->finish(unknown(library.error().message));
        self->use(*library);
    });
}

void PostgresAttempt::use(const Library& library) {
    pq_ = library;
    const auto conninfo = Conninfo::parse(*pq_, probe_.conninfo);
    if (!conninfo) return finish(unknown("conninfo: " + conninfo.error().message));
    conninfo_ = *conninfo;
    names_ = conninfo_.names();
    stage_ = Stage::resolving;
    resolve_next();
}

void PostgresAttempt::resolve_next() {
    if (names_.empty()) return connect();
    const std::string name = names_.back();
    names_.pop_back();
    tools_.resolver.resolve(name, [weak = weak_from_this(), name](const Result<Addresses>& addresses) {
        const auto self = weak.lock();
        if (!self || self->over()) return;
        if (addresses)
            self->addresses_[name] = *addresses;
        else
            self->unresolved_ = addresses.error().message;
        self->resolve_next();
    });
}

void PostgresAttempt::connect() {
    const auto parameters = conninfo_.parameters(addresses_);
    if (parameters.empty()) return finish(unknown(unresolved_));
    for (const auto& path : conninfo_.paths())
        if (!answers(path)) return finish(unknown("the file system of " + quoted(path) + " does not answer"));
    std::vector<const char*> keys;
    std::vector<const char*> values;
    for (const auto& [key, value] : parameters) {
        keys.push_back(key.c_str());
        values.push_back(value.c_str());
    }
    keys.push_back(nullptr);
    values.push_back(nullptr);
    stage_ = Stage::login;
    connection_ = pq_->connect_start(keys.data(), values.data(), 0);
    if (connection_ == nullptr) return finish(unknown("cannot probe: no memory"));
    pq_->set_error_verbosity(connection_,
                             PQERRORS_VERBOSE);  // the only way to the SQLSTATE of a refused login
    pq_->set_notice_processor(connection_, [](void*, const char*) {}, nullptr);
    if (pq_->status(connection_) == CONNECTION_BAD)
        return finish(verdict_of_login(error_message(), false, !probe_.query.empty()));
    wait(Wait::wait_write, &PostgresAttempt::poll);
}

// libpq may close its socket and open another in any step, so asio lets go of it before each.
void PostgresAttempt::wait(Wait what, Step then) {
    boost::system::error_code error;
    const int fd = pq_->socket(connection_);
    if (fd < 0) return finish(failed("the connection broke"));
    descriptor_.assign(fd, error);
    if (error) return finish(verdict_of_errno(error.value()));
    descriptor_.async_wait(what, [self = shared_from_this(), then](const boost::system::error_code& failure) {
        if (self->over() || failure == asio::error::operation_aborted) return;
        self->descriptor_.release();
        (*self.*then)();
    });
}

void PostgresAttempt::poll() {
    switch (pq_->connect_poll(connection_)) {
        case PGRES_POLLING_READING:
            return wait(Wait::wait_read, &PostgresAttempt::poll);
        case PGRES_POLLING_WRITING:
            return wait(Wait::wait_write, &PostgresAttempt::poll);
        case PGRES_POLLING_OK:
            return logged_in();
        case PGRES_POLLING_ACTIVE:
        case PGRES_POLLING_FAILED:
            break;
    }
    const bool needs_password = pq_->needs_password(connection_) != 0;
    finish(verdict_of_login(error_message(), needs_password, !probe_.query.empty()));
}

void PostgresAttempt::logged_in() {
    if (probe_.query.empty()) return finish(passed("accepts connections"));
    stage_ = Stage::querying;
    const bool sent = pq_->set_nonblocking(connection_, 1) == 0 &&
                      pq_->send_query(connection_, probe_.query.c_str()) == 1 &&
                      pq_->set_single_row_mode(connection_) == 1;  // however much it returns, we hold one row
    if (!sent) return finish(verdict_of_query("", error_message()));
    send();
}

void PostgresAttempt::send() {
    const int left = pq_->flush(connection_);
    if (left < 0) return finish(verdict_of_query("", error_message()));
    if (left > 0) return wait(Wait::wait_write, &PostgresAttempt::send);
    wait(Wait::wait_read, &PostgresAttempt::receive);
}

void PostgresAttempt::receive() {
    if (pq_->consume_input(connection_) == 0) return finish(verdict_of_query("", error_message()));
    while (!over() && pq_->is_busy(connection_) == 0) {
        PGresult* result = pq_->get_result(connection_);
        if (result == nullptr) {
            stage_ = Stage::login;  // nothing is left to be cancelled
            return finish(passed("query succeeded"));
        }
        take(result);
    }
    if (!over()) wait(Wait::wait_read, &PostgresAttempt::receive);
}

void PostgresAttempt::take(PGresult* result) {
    const std::unique_ptr<PGresult, decltype(pq_->clear)> owner(result, pq_->clear);
    switch (pq_->result_status(result)) {
        case PGRES_TUPLES_OK:
        case PGRES_COMMAND_OK:
        case PGRES_SINGLE_TUPLE:
#ifdef LIBPQ_HAS_CHUNK_MODE  // PostgreSQL 17
        case PGRES_TUPLES_CHUNK:
#endif
        case PGRES_EMPTY_QUERY:
            return;
        case PGRES_COPY_OUT:
        case PGRES_COPY_IN:
        case PGRES_COPY_BOTH:
            return finish(unknown("COPY cannot be used as a probe's query"));
        case PGRES_BAD_RESPONSE:
        case PGRES_NONFATAL_ERROR:
        case PGRES_FATAL_ERROR:
        case PGRES_PIPELINE_SYNC:
        case PGRES_PIPELINE_ABORTED:
            break;
    }
    const char* sqlstate = pq_->result_error_field(result, PG_DIAG_SQLSTATE);
    stage_ = Stage::login;
    finish(verdict_of_query(sqlstate != nullptr ? sqlstate : "", error_message()));
}

void PostgresAttempt::release() {
    if (descriptor_.is_open()) descriptor_.release();
    if (connection_ == nullptr) return;
    if (stage_ == Stage::querying) {
        // The server would go on with a query that nobody waits for, and the next probe would add another.
        const std::shared_ptr<PGcancel> cancel(pq_->get_cancel(connection_), pq_->free_cancel);
        const auto work = [pq = pq_, cancel] {
            std::array<char, 256> reason{};
            if (cancel) pq->cancel(cancel.get(), reason.data(), static_cast<int>(reason.size()));
        };
        static_cast<void>(tools_.cancels.submit(work, [] {}));
    }
    pq_->finish(connection_);
    connection_ = nullptr;
}

Verdict PostgresAttempt::timed_out(const std::string& text) const {
    switch (stage_) {
        case Stage::loading:
            return unknown(text + ", loading libpq");
        case Stage::resolving:
            return unknown(text + ", resolving the host's name");
        case Stage::querying:
            return failed(text + ", running the query");
        case Stage::login:
            break;
    }
    const bool connecting = connection_ == nullptr || pq_->status(connection_) == CONNECTION_STARTED;
    return failed(text + (connecting ? ", connecting" : ", connected but no answer"));
}

}  // namespace

std::shared_ptr<Attempt> postgres_attempt(PostgresTools& tools, const config::PostgresProbe& probe,
                                          Attempt::Done done) {
    return std::make_shared<PostgresAttempt>(tools, probe, std::move(done));
}

}  // namespace dpsup::io
