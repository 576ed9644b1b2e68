// What is said to etcd's JSON gateway about one key, and what it answers: version 3 of its API (etcd.io/docs, "gRPC
// gateway"). Keys and values are base64 there, 64-bit numbers are texts, and what is zero or false is left out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace dpsup::io {

using EtcdRevision = std::uint64_t;

// --- Bodies of requests ---

[[nodiscard]] std::string etcd_range(std::string_view key);  // POST kv/range

// POST kv/txn. Puts the value where the key's revision is `expected` (0: where there is none), else reads it.
[[nodiscard]] std::string etcd_put_if(std::string_view key, EtcdRevision expected, std::string_view value);

// POST watch. Changes from `from` on; with progress every ten minutes, so that one that is dead can be told.
[[nodiscard]] std::string etcd_watch(std::string_view key, EtcdRevision from);

// POST auth/authenticate
[[nodiscard]] std::string etcd_authenticate(std::string_view user, std::string_view password);

// --- Answers. Errors: "etcd_answer", where it is none of what was asked for ---

struct EtcdValue {
    std::string value;
    EtcdRevision revision = 0;  // of the key
};

struct EtcdRange {
    std::optional<EtcdValue> found;
    EtcdRevision revision = 0;  // of the store, when it was read
};
[[nodiscard]] Result<EtcdRange> decode_etcd_range(std::string_view body);

struct EtcdPut {
    bool written = false;
    EtcdRevision revision = 0;       // of the store; written: of the key
    std::optional<EtcdValue> found;  // not written: what is there
};
[[nodiscard]] Result<EtcdPut> decode_etcd_put(std::string_view body);

struct EtcdChange {
    std::optional<EtcdValue> value;  // nothing: it was removed
    EtcdRevision revision = 0;
};
// One line of a watch's stream.
struct EtcdWatched {
    bool created = false;
    bool cancelled = false;
    EtcdRevision compacted = 0;  // cancelled: what was asked for is older than that, and no longer there
    std::string reason;          // cancelled
    EtcdRevision revision = 0;   // of the store
    std::vector<EtcdChange> changes;
};
[[nodiscard]] Result<EtcdWatched> decode_etcd_watched(std::string_view line);

[[nodiscard]] Result<std::string> decode_etcd_token(std::string_view body);  // of etcd_authenticate()

// An answer with an HTTP status of 400 or above, or an error in a stream.
struct EtcdError {
    int code = 0;         // gRPC's; 2: unknown, where it does not say
    std::string message;  // as etcd says it, or the beginning of the body
};
[[nodiscard]] EtcdError decode_etcd_error(std::string_view body);

// The token is no longer valid: authenticate again.
[[nodiscard]] bool is_unauthenticated(const EtcdError& error);

}  // namespace dpsup::io
