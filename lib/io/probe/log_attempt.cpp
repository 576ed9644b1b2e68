#include "io/probe/log_attempt.hpp"

namespace dpsup::io {
namespace {

class LogAttempt final : public Attempt, public std::enable_shared_from_this<LogAttempt> {
public:
    LogAttempt(LogTools& tools, Result<std::shared_ptr<LogWatch>> watch, Done done)
        : Attempt(std::move(done)), tools_(tools), watch_(std::move(watch)) {}

    void start() override {
        if (!watch_) return finish(unknown(watch_.error().message));
        if ((*watch_)->done) return finish(passed((*watch_)->seen));
        if ((*watch_)->reading) return finish(unknown("the log is still being read"));
        look();
    }

    [[nodiscard]] Verdict timed_out(const std::string& text) const override {
        return unknown(text + ", reading the log");
    }

protected:
    void release() override {}  // a look that is under way ends by itself

private:
    void look();
    void take(const LogProgress& progress);

    LogTools& tools_;
    Result<std::shared_ptr<LogWatch>> watch_;
};

void LogAttempt::look() {
    auto progress = std::make_shared<LogProgress>();
    const auto watch = *watch_;
    watch->reading = true;
    const bool submitted = tools_.workers.submit([scan = watch->scan, progress] { *progress = scan->look(); },
                                                 [watch, progress, weak = weak_from_this()] {
                                                     watch->reading = false;
                                                     if (progress->matched) {
                                                         watch->done = true;
                                                         watch->seen = "seen " + excerpt(progress->line);
                                                         watch->scan.reset();
                                                     }
                                                     const auto self = weak.lock();
                                                     if (self && !self->over()) self->take(*progress);
                                                 });
    if (submitted) return;
    watch->reading = false;
    finish(unknown("too many logs are being read"));
}

void LogAttempt::take(const LogProgress& progress) {
    if (progress.matched) return finish(passed("seen " + excerpt(progress.line)));
    if (!progress.problem.empty()) return finish(unknown(progress.problem));
    if (progress.behind) return look();
    finish(failed("no matching line yet"));
}

}  // namespace

LogProgress LogWatch::Scan::look() {
    if (auto* file = std::get_if<FileCursor>(&cursor)) return scan_file(*file, pattern);
    return scan_journal(std::get<JournalCursor>(cursor), pattern);
}

Result<std::shared_ptr<LogWatch>> LogTools::watch(ProbeKey key, Generation generation,
                                                  const std::string& pattern, const OutputPlace& output) {
    auto& kept = watches_[key];
    if (kept && kept->generation == generation && kept->pattern == pattern) return kept;
    kept.reset();
    auto compiled = Pattern::compile(pattern);
    if (!compiled) return tl::unexpected(compiled.error());
    std::variant<FileCursor, JournalCursor> cursor;
    if (const auto* file = std::get_if<FileOutput>(&output))
        cursor = FileCursor{
            .path = file->path, .offset = file->offset, .inode = 0, .before = file->tail, .begun = {}};
    else if (const auto* journal = std::get_if<JournalOutput>(&output))
        cursor = JournalCursor{.output = *journal, .cursor = {}};
    else
        return fail("no_output", "the output of this service goes nowhere that can be read");
    kept = std::make_shared<LogWatch>();
    kept->generation = generation;
    kept->pattern = pattern;
    kept->scan = std::make_shared<LogWatch::Scan>(LogWatch::Scan{std::move(*compiled), std::move(cursor)});
    return kept;
}

void LogTools::resume_passed(ProbeKey key, Generation generation, const std::string& pattern) {
    auto& kept = watches_[key] = std::make_shared<LogWatch>();
    kept->generation = generation;
    kept->pattern = pattern;
    kept->done = true;
    kept->seen = "seen before dpsupd was started anew";
}

void LogTools::forget(ServiceId service) {
    auto entry = watches_.lower_bound({service, 0});
    while (entry != watches_.end() && entry->first.first == service) entry = watches_.erase(entry);
}

std::shared_ptr<Attempt> log_attempt(LogTools& tools, ProbeKey key, Generation generation,
                                     const config::LogProbe& probe, const OutputPlace& output,
                                     Attempt::Done done) {
    return std::make_shared<LogAttempt>(tools, tools.watch(key, generation, probe.pattern, output),
                                        std::move(done));
}

}  // namespace dpsup::io
