#include "base/patient_call.hpp"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <thread>

namespace dpsup {
namespace {

using namespace std::chrono_literals;

constexpr Patience patience{.limit = 20ms, .limit_while_silent = 10ms};
constexpr Patience enough{.limit = 10s, .limit_while_silent = 10s};

// A call that hangs until it is let go.
class Hanging {
public:
    [[nodiscard]] std::function<void()> call() const {
        return [gate = gate_] { gate.wait(); };
    }
    void let_go() { opened_.set_value(); }

private:
    std::promise<void> opened_;
    std::shared_future<void> gate_ = opened_.get_future().share();
};

TEST(PatientCall, WaitsForItsEnd) {
    const auto made = std::make_shared<bool>(false);
    EXPECT_TRUE(call_patiently("/quick/file", enough, [made] { *made = true; }));
    EXPECT_TRUE(*made);
}

TEST(PatientCall, TriesNothingMoreInAFolderThatIsSilentUntilItAnswers) {
    Hanging hanging;
    EXPECT_FALSE(call_patiently("/silent/a", patience, hanging.call()));
    const auto made = std::make_shared<std::promise<void>>();
    EXPECT_FALSE(call_patiently("/silent/b", enough, [made] { made->set_value(); }));
    EXPECT_EQ(made->get_future().wait_for(0s), std::future_status::timeout);
    EXPECT_TRUE(call_patiently("/other/a", enough, [] {}));
    hanging.let_go();
    bool answers = false;
    for (int tries = 0; tries < 10'000 && !answers; ++tries) {
        answers = call_patiently("/silent/b", enough, [] {});
        if (!answers) std::this_thread::sleep_for(1ms);
    }
    EXPECT_TRUE(answers);
}

}  // namespace
}  // namespace dpsup
