#include <poll.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/utf8.hpp"
#include "dpsupctl/asking.hpp"
#include "dpsupctl/commands.hpp"
#include "dpsupctl/journal.hpp"
#include "dpsupctl/log_reader.hpp"
#include "dpsupctl/text.hpp"
#include "dpsupctl/view.hpp"

namespace dpsup::ctl {
namespace {

constexpr std::size_t lines_default = 50;
constexpr int look_again_ms = 1000;  // for files that do not exist yet, and ones that inotify cannot see

struct LogFile {
    std::string service;
    std::string path;
};

struct Places {
    std::vector<LogFile> files;
    std::vector<std::string> identifiers;
    std::string unit;
};

// Lines on their way out: as they are for programs, harmless for terminals, with the service's name where
// there are several.
class LinePrinter {
public:
    LinePrinter(const Options& options, std::size_t services)
        : json_(options.json), named_(services > 1), terminal_(terminal().width > 0) {}

    [[nodiscard]] Result<void> print_all(const std::string& service,
                                         const std::vector<std::string>& lines) const {
        std::string text;
        for (const auto& line : lines) text += formatted(service, line);
        return text.empty() ? Result<void>() : print(text);
    }

private:
    [[nodiscard]] std::string formatted(const std::string& service, const std::string& line) const {
        if (json_)
            return boost::json::serialize(
                       boost::json::object{{"service", service}, {"line", made_utf8(line)}}) +
                   "\n";
        const std::string prefix = named_ ? service + " | " : std::string();
        return prefix + (terminal_ ? harmless(line) : line) + "\n";
    }

    bool json_;
    bool named_;
    bool terminal_;
};

Result<Places> ask_places(const Options& options) {
    Places places;
    for (const auto& name : options.names) {
        const auto body = ask(options, {.target = "/v1/services/" + escaped(name)});
        if (!body) return tl::unexpected<Error>(body.error());
        const auto explanation = read_explanation(*body);
        if (!explanation) return tl::unexpected<Error>(explanation.error());
        const LogView& log = explanation->log;
        if (log.kind == "file") {
            places.files.push_back({name, log.path});
        } else if (log.kind == "journal") {
            places.identifiers.push_back(log.identifier);
            places.unit = log.unit;
        } else {
            return fail("no_log", "the output of " + name + " goes nowhere",
                        "its configuration says log = \"none\"");
        }
    }
    return places;
}

// inotify on all files; without it the second-long timeout alone has to do.
class Watch {
public:
    Watch() : fd_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {}
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() {
        if (fd_ >= 0) ::close(fd_);
    }
    void add(const std::string& path) const {
        if (fd_ >= 0) ::inotify_add_watch(fd_, path.c_str(), IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF);
    }
    void wait() const {
        pollfd waiting{fd_, POLLIN, 0};
        if (::poll(&waiting, fd_ < 0 ? 0 : 1, look_again_ms) <= 0) return;
        std::array<char, 4096> ignored{};
        while (::read(fd_, ignored.data(), ignored.size()) > 0) continue;
    }

private:
    int fd_;
};

Result<void> follow(const std::vector<LogFile>& files, std::vector<Follower>& followers,
                    const LinePrinter& printer) {
    const Watch watch;
    for (;;) {
        bool quiet = true;
        for (std::size_t i = 0; i < files.size(); ++i) {
            watch.add(files[i].path);  // again, since it may be a new file by now
            const auto lines = followers[i].read_on();
            if (!lines) return tl::unexpected<Error>(lines.error());
            quiet = quiet && lines->empty();
            if (auto printed = printer.print_all(files[i].service, *lines); !printed) return printed;
        }
        if (quiet) watch.wait();
    }
}

Result<void> show_files(const Places& places, const Options& options, const LinePrinter& printer) {
    std::vector<Follower> followers;
    for (const auto& file : places.files) {
        const auto tail = tail_of(file.path, options.lines.value_or(lines_default));
        if (!tail) return tl::unexpected<Error>(tail.error());
        if (auto printed = printer.print_all(file.service, tail->lines); !printed) return printed;
        followers.emplace_back(file.path, tail->end);
    }
    return options.follow ? follow(places.files, followers, printer) : Result<void>();
}

}  // namespace

Exit run_logs(const Options& options) {
    const auto places = ask_places(options);
    if (!places) return report(places.error(), options.json);
    const JournalQuestion question{places->identifiers, places->unit, options.lines.value_or(lines_default),
                                   options.follow, options.json};
    if (places->files.empty()) return report(become_journalctl(question), options.json);

    Result<pid_t> journal = pid_t{0};
    if (!places->identifiers.empty()) journal = start_journalctl(question);
    if (!journal) return report(journal.error(), options.json);
    const auto shown = show_files(*places, options, LinePrinter(options, options.names.size()));
    if (*journal > 0 && options.follow) ::kill(*journal, SIGTERM);
    if (*journal > 0) ::waitpid(*journal, nullptr, 0);
    return shown ? Exit::done : report(shown.error(), options.json);
}

}  // namespace dpsup::ctl
