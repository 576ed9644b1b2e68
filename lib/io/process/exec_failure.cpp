#include "io/process/exec_failure.hpp"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "io/unique_fd.hpp"

namespace dpsup::io {
namespace {

bool is_executable_file(const std::string& path) {
    struct stat info{};
    return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & 0111) != 0;
}

bool exists(const std::string& path) {
    return ::access(path.c_str(), F_OK) == 0;
}

// "#!/usr/bin/python3 -u" -> "/usr/bin/python3".
std::string script_interpreter(std::string_view head) {
    head = head.substr(
        2, head.find('\n') == std::string_view::npos ? std::string_view::npos : head.find('\n') - 2);
    const auto start = head.find_first_not_of(" \t");
    if (start == std::string_view::npos) return {};
    head.remove_prefix(start);
    return std::string(head.substr(0, head.find_first_of(" \t\r")));
}

std::string elf_interpreter(int fd, std::string_view head) {
    Elf64_Ehdr header{};
    if (head.size() < sizeof header || head[EI_CLASS] != ELFCLASS64) return {};
    head.copy(reinterpret_cast<char*>(&header), sizeof header);
    for (unsigned i = 0; i < std::min<unsigned>(header.e_phnum, 64); ++i) {
        Elf64_Phdr segment{};
        const auto place = static_cast<off_t>(header.e_phoff + i * sizeof segment);
        if (::pread(fd, &segment, sizeof segment, place) != static_cast<ssize_t>(sizeof segment)) return {};
        if (segment.p_type != PT_INTERP) continue;
        std::string name(std::min<std::size_t>(segment.p_filesz, 4096), '\0');
        const auto length = ::pread(fd, name.data(), name.size(), static_cast<off_t>(segment.p_offset));
        return length > 0 ? name.substr(0, name.find('\0')) : std::string();
    }
    return {};
}

struct Program {
    bool script = false;
    bool known_format = false;
    std::string interpreter;
};

Program inspect(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    std::array<char, 256> buffer{};
    const auto length = fd ? ::read(fd.get(), buffer.data(), buffer.size()) : -1;
    const std::string_view head(buffer.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
    if (head.starts_with("#!")) return {true, true, script_interpreter(head)};
    if (head.starts_with("\177ELF")) return {false, true, elf_interpreter(fd.get(), head)};
    return {};
}

std::string missing_interpreter(const std::string& path, const Program& program) {
    if (program.script && program.interpreter.ends_with('\r'))
        return path + ": its first line ends in a carriage return (saved with Windows line ends?)";
    if (!program.interpreter.empty() && !exists(program.interpreter))
        return path + ": its interpreter " + program.interpreter + " is missing";
    return path + ": the file is there, but something that it needs to run is missing";
}

std::string explain_no_access(const std::string& path) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return path + ": a directory on the way may not be entered";
    if (S_ISDIR(info.st_mode)) return path + " is a directory";
    if (!S_ISREG(info.st_mode)) return path + " is not a regular file";
    if ((info.st_mode & 0111) == 0) return path + " is not executable (chmod +x)";
    const auto program = inspect(path);
    if (!program.interpreter.empty() && exists(program.interpreter) &&
        !is_executable_file(program.interpreter))
        return path + ": its interpreter " + program.interpreter + " is not executable";
    return path +
           ": the service's user may not execute it, or a directory on the way, or it is mounted noexec";
}

}  // namespace

std::string explain_exec_failure(const std::string& path, const std::string& directory, int error_number) {
    std::string full = path.starts_with('/') ? path : directory + "/" + path;
    if (error_number == ENOENT) return exists(full) ? missing_interpreter(full, inspect(full)) : full;
    if (error_number == EACCES) return explain_no_access(full);
    if (error_number == ENOEXEC)
        return full + (inspect(full).known_format ? ": built for another kind of machine"
                                                  : ": neither a program nor a script that begins with #!");
    return full;
}

std::string find_program(const std::string& command, const std::string& search_path) {
    if (command.find('/') != std::string::npos) return command;
    std::string not_executable;
    for (std::size_t start = 0; start <= search_path.size();) {
        const auto end = std::min(search_path.find(':', start), search_path.size());
        const std::string candidate = search_path.substr(start, end - start) + "/" + command;
        if (end > start && is_executable_file(candidate)) return candidate;
        if (end > start && not_executable.empty() && exists(candidate)) not_executable = candidate;
        start = end + 1;
    }
    return not_executable;  // execve will say why it cannot be run
}

}  // namespace dpsup::io
