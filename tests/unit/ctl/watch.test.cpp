#include "dpsupctl/watch.hpp"

#include <gtest/gtest.h>

namespace dpsup::ctl {
namespace {

EventView snapshot(const std::vector<std::string>& names) {
    EventView event;
    event.type = "snapshot";
    for (const auto& name : names) {
        event.snapshot.services.emplace_back();
        event.snapshot.services.back().name = name;
    }
    return event;
}

EventView change(const std::string& name, std::optional<std::string> state) {
    EventView event;
    event.type = "change";
    event.change.service = name;
    if (state) {
        event.status.emplace();
        event.status->name = name;
        event.status->state = *state;
    }
    return event;
}

TEST(Picture, FollowsSnapshotsAndChanges) {
    StatusView status;
    EXPECT_TRUE(take_event(status, snapshot({"a", "b"}), {}));
    EXPECT_TRUE(take_event(status, change("b", "failed"), {}));
    EXPECT_TRUE(take_event(status, change("new", "ready"), {}));
    EXPECT_TRUE(take_event(status, change("a", std::nullopt), {}));
    ASSERT_EQ(status.services.size(), 2U);
    EXPECT_EQ(status.services[0].state, "failed");
    EXPECT_EQ(status.services[1].name, "new");
}

TEST(Picture, ShowsNamedServicesOnly) {
    StatusView status;
    take_event(status, snapshot({"a", "b"}), {"b"});
    EXPECT_FALSE(take_event(status, change("a", "failed"), {"b"}));
    ASSERT_EQ(status.services.size(), 1U);
    EXPECT_EQ(status.services[0].name, "b");
}

TEST(Picture, TakesReasonsOfTheSameInstanceOnly) {
    const auto status_of = [](const std::string& state, int restarts, const std::string& reason) {
        StatusView status;
        status.services.emplace_back();
        status.services[0].name = "a";
        status.services[0].state = state;
        status.services[0].restarts = static_cast<decltype(ServiceView::restarts)>(restarts);
        status.services[0].reason = reason;
        return status;
    };
    StatusView status = status_of("starting", 7, "launched: wanted up");
    take_reasons(status, status_of("starting", 8, "of another"));
    take_reasons(status, status_of("ready", 7, "of another state"));
    take_reasons(status, StatusView{});
    EXPECT_EQ(status.services[0].reason, "launched: wanted up");
    take_reasons(status, status_of("starting", 7, "waits for READY=1 (sd_notify)"));
    EXPECT_EQ(status.services[0].reason, "waits for READY=1 (sd_notify)");
    StatusView well = status_of("ready", 7, "runs");
    take_reasons(well, status_of("ready", 7, "other"));
    EXPECT_EQ(well.services[0].reason, "runs");
}

TEST(Picture, IgnoresWhatItDoesNotKnow) {
    StatusView status;
    EventView event;
    event.type = "fireworks";
    EXPECT_FALSE(take_event(status, event, {}));
}

}  // namespace
}  // namespace dpsup::ctl
