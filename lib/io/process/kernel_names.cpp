#include "io/process/kernel_names.hpp"

#include <sys/resource.h>

#include <array>
#include <utility>

namespace dpsup::io {
namespace {

// In the order of their numbers, as linux/capability.h has them.
constexpr std::array<std::string_view, 41> capabilities{"CAP_CHOWN",
                                                        "CAP_DAC_OVERRIDE",
                                                        "CAP_DAC_READ_SEARCH",
                                                        "CAP_FOWNER",
                                                        "CAP_FSETID",
                                                        "CAP_KILL",
                                                        "CAP_SETGID",
                                                        "CAP_SETUID",
                                                        "CAP_SETPCAP",
                                                        "CAP_LINUX_IMMUTABLE",
                                                        "CAP_NET_BIND_SERVICE",
                                                        "CAP_NET_BROADCAST",
                                                        "CAP_NET_ADMIN",
                                                        "CAP_NET_RAW",
                                                        "CAP_IPC_LOCK",
                                                        "CAP_IPC_OWNER",
                                                        "CAP_SYS_MODULE",
                                                        "CAP_SYS_RAWIO",
                                                        "CAP_SYS_CHROOT",
                                                        "CAP_SYS_PTRACE",
                                                        "CAP_SYS_PACCT",
                                                        "CAP_SYS_ADMIN",
                                                        "CAP_SYS_BOOT",
                                                        "CAP_SYS_NICE",
                                                        "CAP_SYS_RESOURCE",
                                                        "CAP_SYS_TIME",
                                                        "CAP_SYS_TTY_CONFIG",
                                                        "CAP_MKNOD",
                                                        "CAP_LEASE",
                                                        "CAP_AUDIT_WRITE",
                                                        "CAP_AUDIT_CONTROL",
                                                        "CAP_SETFCAP",
                                                        "CAP_MAC_OVERRIDE",
                                                        "CAP_MAC_ADMIN",
                                                        "CAP_SYSLOG",
                                                        "CAP_WAKE_ALARM",
                                                        "CAP_BLOCK_SUSPEND",
                                                        "CAP_AUDIT_READ",
                                                        "CAP_PERFMON",
                                                        "CAP_BPF",
                                                        "CAP_CHECKPOINT_RESTORE"};

constexpr std::array<std::pair<std::string_view, int>, 16> rlimits{{{"as", RLIMIT_AS},
                                                                    {"core", RLIMIT_CORE},
                                                                    {"cpu", RLIMIT_CPU},
                                                                    {"data", RLIMIT_DATA},
                                                                    {"fsize", RLIMIT_FSIZE},
                                                                    {"locks", RLIMIT_LOCKS},
                                                                    {"memlock", RLIMIT_MEMLOCK},
                                                                    {"msgqueue", RLIMIT_MSGQUEUE},
                                                                    {"nice", RLIMIT_NICE},
                                                                    {"nofile", RLIMIT_NOFILE},
                                                                    {"nproc", RLIMIT_NPROC},
                                                                    {"rss", RLIMIT_RSS},
                                                                    {"rtprio", RLIMIT_RTPRIO},
                                                                    {"rttime", RLIMIT_RTTIME},
                                                                    {"sigpending", RLIMIT_SIGPENDING},
                                                                    {"stack", RLIMIT_STACK}}};

}  // namespace

std::optional<unsigned> capability_number(std::string_view name) {
    for (unsigned number = 0; number < capabilities.size(); ++number)
        if (capabilities[number] == name) return number;
    return std::nullopt;
}

std::optional<int> rlimit_number(std::string_view name) {
    for (const auto& [known, number] : rlimits)
        if (known == name) return number;
    return std::nullopt;
}

}  // namespace dpsup::io
