#include "config/suggest.hpp"

#include <array>

#include "base/text.hpp"

namespace dpsup::config {
namespace {

struct Foreign {
    std::string_view section;
    std::string_view word;
    std::string_view hint;
};

constexpr std::string_view root = "";
constexpr std::string_view service = "service.NAME";
constexpr std::string_view probe = "service.NAME.healthcheck";

// Keys that people know from elsewhere.
constexpr std::array foreign_keys{
    Foreign{root, "services", "write [service.NAME] for each service"},
    Foreign{root, "version", "the files have no version; leave it out"},
    Foreign{root, "name", "write it as name in [host]"},
    Foreign{root, "include", "put further files into the folder conf.d beside the main file"},
    Foreign{root, "dpsupd", "write [daemon]"},
    Foreign{service, "env", "write environment"},
    Foreign{service, "cmd", "write command"},
    Foreign{service, "exec", "write command"},
    Foreign{service, "args", "put the arguments into command"},
    Foreign{service, "entrypoint", "write command, with the program as its first word"},
    Foreign{service, "ExecStart", "write command"},
    Foreign{service, "program", "write command"},
    Foreign{service, "working_directory", "write working_dir"},
    Foreign{service, "directory", "write working_dir"},
    Foreign{service, "workdir", "write working_dir"},
    Foreign{service, "cwd", "write working_dir"},
    Foreign{service, "stop_grace_period", "write stop_timeout"},
    Foreign{service, "kill_timeout", "write stop_timeout"},
    Foreign{service, "stopwaitsecs", "write stop_timeout = \"10s\""},
    Foreign{service, "stopsignal", "write stop_signal"},
    Foreign{service, "kill_signal", "write stop_signal"},
    Foreign{service, "autostart", "write enabled"},
    Foreign{service, "disabled", "write enabled = false"},
    Foreign{service, "autorestart", "write restart = \"always\", \"on-failure\" or \"no\""},
    Foreign{service, "restart_policy", "write restart = { policy = \"always\", ... }"},
    Foreign{service, "oneshot", "write job = true"},
    Foreign{service, "type", "write job = true or notify = true"},
    Foreign{service, "requires", "write depends_on = { other = \"ready\" }"},
    Foreign{service, "after", "write depends_on = { other = \"ready\" }"},
    Foreign{service, "wants", "write depends_on = { other = { condition = \"started\", optional = true } }"},
    Foreign{service, "links", "write depends_on"},
    Foreign{service, "environment_file", "write env_file"},
    Foreign{service, "EnvironmentFile", "write env_file"},
    Foreign{service, "envfile", "write env_file"},
    Foreign{service, "ulimits", "write rlimits"},
    Foreign{service, "cap_add", "write capabilities: the list of those that the service is to have"},
    Foreign{service, "cap_drop", "write capabilities: the list of those that the service is to have"},
    Foreign{service, "security_opt", "write no_new_privs = true"},
    Foreign{service, "group_add", "write groups"},
    Foreign{service, "deploy", "write limits = { cpus = 2, memory = \"4GiB\" }"},
    Foreign{service, "resources", "write limits = { cpus = 2, memory = \"4GiB\" }"},
    Foreign{service, "mem_limit", "write limits = { memory = \"4GiB\" }"},
    Foreign{service, "memory", "write limits = { memory = \"4GiB\" }"},
    Foreign{service, "cpus", "write limits = { cpus = 2 }"},
    Foreign{service, "pids_limit", "write limits = { pids = 1000 }"},
    Foreign{service, "logging", "write log"},
    Foreign{service, "health_check", "write healthcheck"},
    Foreign{service, "probe", "write healthcheck, startup, readiness or liveness"},
    Foreign{service, "container_name", "the name is that of the table, [service.NAME]"},
    Foreign{service, "hostname", "the host's name is set in [host]"},
    Foreign{service, "secrets", "write environment = { NAME = { file = \"/path/of/the/secret\" } }"},
    Foreign{probe, "test",
            "write exec = [\"program\", \"argument\"], or one of http, tcp, unix, postgres and log"},
    Foreign{probe, "command", "write exec"},
    Foreign{probe, "cmd", "write exec"},
    Foreign{probe, "url", "write http"},
    Foreign{probe, "httpGet", "write http = \"http://127.0.0.1:80/path\""},
    Foreign{probe, "tcpSocket", "write tcp = \"127.0.0.1:80\""},
    Foreign{probe, "socket", "write unix"},
    Foreign{probe, "pg", "write postgres"},
    Foreign{probe, "initialDelaySeconds", "write start_period"},
    Foreign{probe, "start_delay", "write start_period"},
    Foreign{probe, "periodSeconds", "write interval"},
    Foreign{probe, "timeoutSeconds", "write timeout"},
    Foreign{probe, "failureThreshold", "write retries"},
    Foreign{probe, "successThreshold", "write successes"},
    Foreign{probe, "disable", "leave the healthcheck out"},
    Foreign{probe, "action", "write on_failure"},
    Foreign{"service.NAME.limits", "mem", "write memory"},
    Foreign{"service.NAME.limits", "cpu", "write cpus"},
    Foreign{"service.NAME.limits", "mem_limit", "write memory"},
    Foreign{"service.NAME.restart", "condition", "write policy"},
    Foreign{"service.NAME.restart", "max_attempts", "write give_up = true and attempts"},
    Foreign{"service.NAME.restart", "window", "write stable_after"},
    Foreign{"service.NAME.depends_on.OTHER", "required",
            "write optional = true for what Compose calls required: false"},
    Foreign{"service.NAME.depends_on.OTHER", "restart",
            "write on_dependency_loss = \"restart\" in the service"},
};

// Keys of later versions. One of them is a clear answer, not a riddle.
constexpr std::array later_keys{
    Foreign{root, "postgres",
            "clusters with failover come later; a PostgreSQL server runs as a [service.NAME] until then"},
    Foreign{root, "minio", "watching MinIO comes later; MinIO runs as a [service.NAME] until then"},
    Foreign{root, "store", "it belongs to PostgreSQL clusters, which come later"},
    Foreign{root, "volumes", "they belong to containers, which come later"},
    Foreign{root, "networks", "they belong to containers, which come later"},
    Foreign{root, "backup", "backups come later"},
    Foreign{service, "image", "containers come later; this version runs processes: command = [...]"},
    Foreign{service, "unit", "systemd units come later; this version runs processes: command = [...]"},
    Foreign{service, "build", "containers come later"},
    Foreign{service, "ports", "containers come later; a process listens where its own settings say"},
    Foreign{service, "expose", "containers come later"},
    Foreign{service, "volumes", "containers come later; a process sees the host's files"},
    Foreign{service, "networks", "containers come later"},
    Foreign{service, "pull_policy", "containers come later"},
    Foreign{service, "labels", "they come later"},
    Foreign{service, "profiles", "they come later; enabled = false keeps a service from starting by itself"},
    Foreign{service, "replicas", "they come later; write one [service.NAME] for each"},
    Foreign{service, "scale", "replicas come later; write one [service.NAME] for each"},
    Foreign{service, "schedule", "timers come later"},
    Foreign{service, "timer", "timers come later"},
    Foreign{service, "pre_start", "hooks come later; a job that the service depends on does the same"},
    Foreign{service, "post_start", "hooks come later"},
    Foreign{service, "pre_stop", "hooks come later"},
    Foreign{service, "post_stop", "hooks come later"},
    Foreign{service, "hooks", "hooks come later; a job that the service depends on can prepare things"},
};

// Values that people know from elsewhere; `section` is not used.
constexpr std::array foreign_words{
    Foreign{{}, "unless-stopped", "write \"always\": a service that somebody stopped stays stopped here"},
    Foreign{{}, "never", "write \"no\""},
    Foreign{{}, "none", "write \"no\""},
    Foreign{{}, "any", "write \"always\""},
    Foreign{{}, "on_failure", "write \"on-failure\""},
    Foreign{{}, "failure", "write \"on-failure\""},
    Foreign{{}, "service_started", "write \"started\""},
    Foreign{{}, "service_healthy", "write \"ready\""},
    Foreign{{}, "healthy", "write \"ready\""},
    Foreign{{}, "service_completed_successfully", "write \"done\""},
    Foreign{{}, "completed", "write \"done\""},
    Foreign{{}, "completed_successfully", "write \"done\""},
    Foreign{{}, "primary", "it belongs to PostgreSQL clusters, which come with a later version"},
    Foreign{{}, "warn", "write \"warning\""},
    Foreign{{}, "fatal", "write \"error\""},
    Foreign{{}, "syslog", "write \"journal\""},
    Foreign{{}, "json-file", "write \"file\""},
};

template <std::size_t size>
const Foreign* find_foreign(const std::array<Foreign, size>& table, std::string_view section,
                            std::string_view word) {
    for (const Foreign& row : table)
        if (row.section == section && row.word == word) return &row;
    return nullptr;
}

}  // namespace

void tell_unknown_key(Reading& reading, const Entry& entry, std::string_view section,
                      std::span<const std::string_view> known) {
    if (reading.findings().full()) return reading.error(entry.position, "unknown key");
    const Reading::Inside inside(reading, entry.key);
    if (const Foreign* later = find_foreign(later_keys, section, entry.key))
        return reading.error(entry.position, "not in this version yet", std::string(later->hint));
    if (const Foreign* foreign = find_foreign(foreign_keys, section, entry.key))
        return reading.error(entry.position, "unknown key", std::string(foreign->hint));
    const std::string_view near = nearest(entry.key, known);
    if (!near.empty())
        return reading.error(entry.position, "unknown key", "did you mean " + std::string(near) + "?");
    std::vector<std::string> words(known.begin(), known.end());
    reading.error(entry.position, "unknown key",
                  words.size() > 12 ? "config/README.md lists the keys" : "known here: " + listed(words));
}

void tell_unknown_word(Reading& reading, const Node& node, std::string_view shape,
                       std::span<const std::string_view> known) {
    const std::string* text = node.string();
    if (text == nullptr || reading.findings().full()) return reading.expected(node, shape);
    if (const Foreign* foreign = find_foreign(foreign_words, {}, *text))
        return reading.expected(node, shape, std::string(foreign->hint));
    const std::string_view near = nearest(*text, known);
    reading.expected(node, shape, near.empty() ? "" : "did you mean " + quoted(near) + "?");
}

}  // namespace dpsup::config
