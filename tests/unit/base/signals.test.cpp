#include "base/signals.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace dpsup {
namespace {

TEST(Signals, AreKnownByNameAndNumber) {
    for (const auto* text : {"SIGHUP", "HUP", "hup", "sighup", "1"})
        EXPECT_EQ(parse_signal(text), SIGHUP) << text;
    EXPECT_EQ(parse_signal("RTMIN"), SIGRTMIN);
    EXPECT_EQ(parse_signal("SIGRTMIN+2"), SIGRTMIN + 2);
    for (const auto* text : {"", "0", "32", "33", "65", "99999999999", "-1", "SIG", "FOO", "1x", "RTMIN+99",
                             "RTMIN+", "RTMIN+-1", " HUP"})
        EXPECT_EQ(parse_signal(text), std::nullopt) << text;
}

TEST(Signals, AreShownAsTheyReadBack) {
    for (int signal = 1; signal <= SIGRTMAX; ++signal) {
        if (signal >= 32 && signal < SIGRTMIN) continue;  // the C library keeps these for itself
        EXPECT_EQ(parse_signal(signal_name(signal)), signal) << signal_name(signal);
    }
    EXPECT_EQ(signal_name(15), "SIGTERM");
    EXPECT_EQ(signal_name(99), "signal 99");
}

}  // namespace
}  // namespace dpsup
