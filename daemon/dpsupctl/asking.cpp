#include "dpsupctl/asking.hpp"

#include <array>
#include <cstdio>

#include "dpsupctl/view.hpp"

namespace dpsup::ctl {
namespace {

constexpr unsigned ok = 200;

}  // namespace

Result<std::string> ask(const Options& options, const Question& question) {
    Client client(options.socket);
    auto answer = client.ask(question.method, question.target, question.body, question.patience);
    if (!answer) return tl::unexpected<Error>(std::move(answer.error()));
    if (answer->status != ok) return tl::unexpected<Error>(read_error(answer->status, answer->body));
    return std::move(answer->body);
}

Exit print_or_report(std::string_view text) {
    const auto printed = print(text);
    return printed ? Exit::done : report(printed.error(), false);
}

Exit ask_and_print(const Options& options, const Question& question,
                   const std::function<Result<std::string>(const std::string& body)>& render) {
    Client client(options.socket);
    const auto answer = client.ask(question.method, question.target, question.body, question.patience);
    if (!answer) return report(answer.error(), options.json);
    if (options.json) {
        const Exit printed = print_or_report(answer->body);
        return printed != Exit::done || answer->status == ok
                   ? printed
                   : exit_of(read_error(answer->status, answer->body));
    }
    if (answer->status != ok) return report(read_error(answer->status, answer->body), false);
    const auto text = render(answer->body);
    return text ? print_or_report(*text) : report(text.error(), false);
}

std::string escaped(std::string_view name) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string text;
    for (const char c : name) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                           c == '-' || c == '_' || c == '.' || c == '~';
        if (plain)
            text += c;
        else
            text.append({'%', digits[byte >> 4U], digits[byte & 15U]});
    }
    return text;
}

}  // namespace dpsup::ctl
