// The decoders of bodies and targets, and dpsupctl's readers of replies. The first byte chooses which.
#include <cstdlib>
#include <string_view>

#include "base/utf8.hpp"
#include "control/decode.hpp"
#include "control/errors.hpp"
#include "dpsupctl/reply_parser.hpp"
#include "dpsupctl/view.hpp"

namespace {

using namespace dpsup;

// An error that people see is named, says something, and can be sent.
template <class T>
void expect_sane(const Result<T>& result) {
    if (result) return;
    const auto& error = result.error();
    if (error.code.empty() || error.message.empty()) std::abort();
    const auto reply = control::error_reply(error);
    if (reply.status != 400 || !is_utf8(reply.body)) std::abort();
}

void decode_target(std::string_view text) {
    const auto target = control::parse_target(text);
    expect_sane(target);
    if (!target) return;
    expect_sane(control::decode_names(*target));
    expect_sane(control::decode_limit(*target));
    expect_sane(control::check_no_query(*target));
}

void read_reply(std::string_view text) {
    (void)ctl::read_status(text);
    (void)ctl::read_explanation(text);
    (void)ctl::read_command(text);
    (void)ctl::read_plan(text);
    (void)ctl::read_decisions(text);
    (void)ctl::read_version(text);
    (void)ctl::read_event(text);
    if (ctl::read_error(500, text).code.empty()) std::abort();
}

// However it is cut, a reply reads the same.
void parse_reply(std::string_view text) {
    ctl::ReplyParser whole;
    const bool good = whole.feed(text);
    ctl::ReplyParser pieces;
    bool pieces_good = true;
    for (std::size_t at = 0; at < text.size() && pieces_good; at += 7)
        pieces_good = pieces.feed(text.substr(at, 7));
    if (good && pieces_good && (whole.done() != pieces.done() || whole.take_body() != pieces.take_body()))
        std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (data[0] % 9) {
        case 0:
            expect_sane(control::decode_action(text));
            break;
        case 1:
            expect_sane(control::decode_command(core::Verb::start, "web", text));
            break;
        case 2:
            expect_sane(control::decode_command(core::Verb::stop, "web", text));
            break;
        case 3:
            expect_sane(control::decode_command(core::Verb::kill, "web", text));
            break;
        case 4:
            expect_sane(control::decode_command(core::Verb::reload, "web", text));
            break;
        case 5:
            expect_sane(control::check_no_body(text));
            break;
        case 6:
            decode_target(text);
            break;
        case 7:
            read_reply(text);
            break;
        default:
            parse_reply(text);
            break;
    }
    return 0;
}
