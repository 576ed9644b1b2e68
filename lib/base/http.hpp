// The seam between the transport (io/http: sockets, limits, time-outs) and the API (control: routes, roles,
// JSON), which do not know each other: one request and what may be answered to it. Everything happens on one
// thread.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dpsup::http {

// Who is at the other end, as the kernel says (SO_PEERCRED, SO_PEERGROUPS).
struct Peer {
    pid_t pid = 0;
    uid_t uid = static_cast<uid_t>(-1);
    gid_t gid = static_cast<gid_t>(-1);
    std::vector<gid_t> groups;  // supplementary
};

struct Request {
    std::string method;  // "GET"
    std::string target;  // path and query, still percent-encoded
    std::string body = {};
    Peer peer;
};

struct Reply {
    unsigned status = 200;
    std::string body = {};
    std::string content_type = "application/json";
    std::string allow = {};  // the Allow header of a 405
};

// A reply without an end. It is over once the peer has gone, or reads so slowly that the bounded buffer is
// full.
class Stream {
public:
    virtual ~Stream() = default;
    // Queues text; never blocks. False: the stream is over.
    virtual bool write(std::string_view text) = 0;
};

// One request that waits for its answer: call reply() or stream() once. Destroyed without either, it answers
// 500.
class Exchange {
public:
    virtual ~Exchange() = default;
    virtual void reply(Reply reply) = 0;
    // Begins an endless reply with `first`; `heartbeat` is sent whenever nothing else was for some time.
    virtual std::weak_ptr<Stream> stream(std::string_view content_type, std::string first,
                                         std::string heartbeat) = 0;
    // Expires when the asker has gone and nobody will read an answer.
    [[nodiscard]] virtual std::weak_ptr<void> alive() const = 0;
};

class Handler {
public:
    virtual ~Handler() = default;
    virtual void handle(Request request, std::shared_ptr<Exchange> exchange) = 0;
};

}  // namespace dpsup::http
