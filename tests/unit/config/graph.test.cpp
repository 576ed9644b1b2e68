#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/graph_circles.hpp"
#include "unit/config/loading.hpp"

namespace dpsup::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// "a: b c" -> a service a that depends on b and c.
std::string services(const std::vector<std::pair<std::string, std::vector<std::string>>>& all) {
    std::string text;
    for (const auto& [name, dependencies] : all) {
        text += "[service." + name + "]\ncommand = [\"x\"]\ndepends_on = [";
        for (const std::string& dependency : dependencies) text += "\"" + dependency + "\", ";
        text += "]\n";
    }
    return text;
}

std::vector<std::string> order(const std::string& text) {
    const LoadOutcome outcome = load_text(text);
    if (!outcome.config) return {render(outcome.diagnostics)};
    std::vector<std::string> names;
    for (const Service& service : outcome.config->services) names.push_back(service.name);
    return names;
}

TEST(Order, PutsDependenciesFirstAndTiesByName) {
    EXPECT_THAT(
        order(services(
            {{"web", {"db", "cache"}}, {"zoo", {}}, {"db", {"zoo"}}, {"cache", {}}, {"all", {"web"}}})),
        ElementsAre("cache", "zoo", "db", "web", "all"));
    EXPECT_THAT(order(services({{"c", {}}, {"a", {}}, {"b", {}}})), ElementsAre("a", "b", "c"));
}

TEST(Circles, AreNamedWithTheirWholePathAndPlaces) {
    const std::string found = findings(services({{"a", {"b"}}, {"b", {"c"}}, {"c", {"a"}}, {"d", {"a"}}}));
    EXPECT_EQ(found,
              "dpsup.toml:3:15: error: services depend on each other in a circle: a -> b -> c -> a\n"
              "    hint: take one of these out: a needs b at dpsup.toml:3:15, b needs c at dpsup.toml:6:15, "
              "c needs a at "
              "dpsup.toml:9:15\n");
}

TEST(Circles, ThatAreIndependentAreAllTold) {
    const std::string found =
        findings(services({{"a", {"b", "c"}}, {"b", {"a"}}, {"c", {"d"}}, {"d", {"c"}}, {"e", {"e"}}}));
    EXPECT_THAT(found, HasSubstr("a -> b -> a"));
    EXPECT_THAT(found, HasSubstr("c -> d -> c"));
    EXPECT_THAT(found, HasSubstr("it depends on itself"));
}

TEST(Circles, OfTenThousandDoNotOverflowTheStack) {
    Edges edges(10'000);
    for (std::size_t i = 0; i < edges.size(); ++i) edges[i] = {(i + 1) % edges.size()};
    const auto circles = find_circles(edges);
    ASSERT_EQ(circles.size(), 1U);
    EXPECT_EQ(circles[0].size(), 10'000U);
}

TEST(Circles, AreTheShortestOfTheirKind) {
    const auto circles = find_circles({{1}, {2}, {3, 0}, {0}});
    ASSERT_EQ(circles.size(), 1U);
    EXPECT_THAT(circles[0], ElementsAre(0, 1, 2));
    EXPECT_TRUE(find_circles({{1, 2}, {2}, {}}).empty());
}

TEST(References, MustLeadSomewhere) {
    EXPECT_THAT(findings(services({{"a", {"postgress"}}, {"postgres", {}}})),
                HasSubstr("did you mean \"postgres\"?"));
    EXPECT_THAT(findings(services({{"a", {"b", "b"}}, {"b", {}}})), HasSubstr("\"b\" is named twice"));
}

TEST(References, ThatAreOptionalMayLeadNowhere) {
    const LoadOutcome outcome = load_text(service("depends_on = { gone = { optional = true } }"));
    ASSERT_TRUE(outcome.config);
    EXPECT_TRUE(outcome.config->services[0].policy.depends_on.empty());
    EXPECT_THAT(render(outcome.diagnostics),
                HasSubstr("warning: service.x.depends_on: \"gone\" is not configured"));
}

TEST(References, NeedConditionsThatCanHold) {
    const auto with = [](const std::string& condition, const std::string& keys) {
        return findings(service("depends_on = " + condition) + "[service.y]\ncommand = [\"y\"]\n" + keys);
    };
    EXPECT_THAT(with("{ y = \"done\" }", ""), HasSubstr("is never done"));
    EXPECT_EQ(with("{ y = \"done\" }", "restart = \"on-failure\""), "");
    EXPECT_EQ(with("{ y = \"done\" }", "job = true"), "");
    EXPECT_THAT(with("{ y = \"ready\" }", "job = true"), HasSubstr("is a job, which is never ready"));
    EXPECT_THAT(with("[\"y\"]", "job = true"), HasSubstr("warning"));
    EXPECT_EQ(with("{ y = \"started\" }", "job = true"), "");
    EXPECT_THAT(with("[\"y\"]", "enabled = false"), HasSubstr("waits until somebody starts it"));
}

}  // namespace
}  // namespace dpsup::config
