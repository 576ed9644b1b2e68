// systemd's end of NOTIFY_SOCKET, with its store of descriptors: keeps what it is given (FDSTORE=1) under its name, until
// it is told otherwise (FDSTOREREMOVE=1), and passes it to the next daemon.
#pragma once

#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace dpsup::test {

class FakeStore {
public:
    explicit FakeStore(const std::string& path);
    ~FakeStore();
    FakeStore(const FakeStore&) = delete;
    FakeStore& operator=(const FakeStore&) = delete;

    // What is kept now, sorted. Who has said it may have been faster than we are.
    [[nodiscard]] std::vector<std::string> names() const;
    // In the process that is about to be the daemon (Options::before_exec): as systemd passes what is kept.
    [[nodiscard]] bool pass() const;

private:
    void receive();
    [[nodiscard]] bool has(int fd) const;
    void take(const std::string& text, const std::vector<int>& descriptors);

    int fd_;
    mutable std::mutex mutex_;
    std::vector<std::pair<std::string, int>> kept_;
    std::jthread receiver_;  // so that whoever tells us something never waits
};

}  // namespace dpsup::test
