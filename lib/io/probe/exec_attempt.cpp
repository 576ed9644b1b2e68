#include "io/probe/exec_attempt.hpp"

#include "base/signals.hpp"

namespace dpsup::io {
namespace {

std::string first_line(const std::string& text) {
    const auto begin = text.find_first_not_of(" \t\r\n");
    return begin == std::string::npos ? "" : text.substr(begin, text.find_first_of("\r\n", begin) - begin);
}

class ExecAttempt final : public Attempt, public std::enable_shared_from_this<ExecAttempt> {
public:
    ExecAttempt(std::shared_ptr<ExecTools> tools, ProbeKey key, ExecRequest request,
                std::function<void()> began, Done done)
        : Attempt(std::move(done)),
          tools_(std::move(tools)),
          key_(key),
          request_(std::move(request)),
          began_(std::move(began)) {}

    void start() override;

    [[nodiscard]] Verdict timed_out(const std::string& text) const override { return failed(text); }

protected:
    void release() override {
        if (const auto kill = std::exchange(kill_, nullptr)) kill();
    }

private:
    void ended(const ExecResult& result);

    std::shared_ptr<ExecTools> tools_;
    ProbeKey key_;
    ExecRequest request_;
    std::function<void()> began_;
    std::function<void()> kill_;
};

Verdict verdict_of(const ExecResult& result) {
    const std::string said = first_line(result.output);
    const std::string suffix = said.empty() ? "" : ": " + excerpt(said);
    switch (result.kind) {
        case ExecResult::Kind::exited:
            if (result.code == 0) return passed("exit 0");
            return failed("exit " + std::to_string(result.code) + suffix);
        case ExecResult::Kind::signaled:
            return failed("killed by " + signal_name(result.code) + suffix);
        case ExecResult::Kind::not_started:
            return unknown("cannot run it: " + result.error);
    }
    return unknown("cannot run it");
}

void ExecAttempt::start() {
    if (!tools_->run) return finish(unknown("this daemon cannot run commands"));
    if (!tools_->alive.insert(key_).second) return finish(unknown("its last run has not ended yet"));
    ExecEvents events;
    events.launched = [began = began_] { began(); };
    events.ended = [weak = weak_from_this()](const ExecResult& result) {
        if (const auto self = weak.lock()) self->ended(result);
    };
    events.gone = [tools = tools_, key = key_] { tools->alive.erase(key); };
    kill_ = tools_->run(request_, std::move(events));
}

void ExecAttempt::ended(const ExecResult& result) {
    kill_ = nullptr;
    finish(verdict_of(result));
}

}  // namespace

std::shared_ptr<Attempt> exec_attempt(std::shared_ptr<ExecTools> tools, ProbeKey key, ExecRequest request,
                                      std::function<void()> began, Attempt::Done done) {
    return std::make_shared<ExecAttempt>(std::move(tools), key, std::move(request), std::move(began),
                                         std::move(done));
}

}  // namespace dpsup::io
