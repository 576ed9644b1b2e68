#include "control/roles.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include "support/exchange.hpp"

namespace dpsup::control {
namespace {

using test::ApiFixture;

http::Peer peer(uid_t uid, gid_t gid, std::vector<gid_t> groups = {}) {
    return {1, uid, gid, std::move(groups)};
}

TEST(Roles, MakeRootAndTheDaemonsUserAdmin) {
    const auto roles = ApiFixture::roles();
    EXPECT_EQ(roles.role_of(peer(0, 0)), Role::admin);
    EXPECT_EQ(roles.role_of(peer(ApiFixture::daemon_uid, 5)), Role::admin);
}

TEST(Roles, ComeFromPrimaryAndSupplementaryGroups) {
    const auto roles = ApiFixture::roles();
    EXPECT_EQ(roles.role_of(peer(1000, 100)), Role::operator_role);
    EXPECT_EQ(roles.role_of(peer(1000, 1, {2, 100})), Role::operator_role);
    EXPECT_EQ(roles.role_of(peer(1000, 1, {200})), Role::viewer);
    EXPECT_EQ(roles.role_of(peer(1000, 1, {100, 200})), Role::operator_role);
}

TEST(Roles, GiveOthersNothing) {
    const auto roles = ApiFixture::roles();
    EXPECT_EQ(roles.role_of(peer(1000, 1, {2, 3})), Role::nobody);
    EXPECT_EQ(roles.role_of({}), Role::nobody);
}

TEST(Roles, LetEveryoneViewWhereAStarSaysSo) {
    const Roles roles({.operators = "", .viewers = {"*"}}, 0,
                      [](const std::string&) { return std::nullopt; });
    EXPECT_EQ(roles.role_of(peer(1000, 1)), Role::viewer);
    EXPECT_THAT(roles.warnings(), testing::IsEmpty());
}

TEST(Roles, WarnOfGroupsThatDoNotExistAndAdmitNobodyForThem) {
    const Roles roles({.operators = "gone", .viewers = {"lost"}}, 0,
                      [](const std::string&) { return std::nullopt; });
    EXPECT_EQ(roles.role_of(peer(1000, 1, {0, 1, 2})), Role::nobody);
    EXPECT_THAT(roles.warnings(),
                testing::ElementsAre(testing::HasSubstr("control.operators names the group \"gone\""),
                                     testing::HasSubstr("\"lost\"")));
}

TEST(Roles, WarnOfNoGroupThatNobodyConfigured) {
    const Roles roles({}, 0, [](const std::string&) { return std::nullopt; });
    EXPECT_THAT(roles.warnings(), testing::IsEmpty());
}

TEST(Groups, AreFoundByNameAndNumber) {
    EXPECT_EQ(system_group("root"), gid_t{0});
    EXPECT_EQ(system_group("1234"), gid_t{1234});
    EXPECT_EQ(system_group("no-such-group-here"), std::nullopt);
    EXPECT_EQ(system_group(""), std::nullopt);
}

TEST(UserNames, AreReadWithoutADirectoryService) {
    EXPECT_EQ(name_of_user(0), "root");
    EXPECT_EQ(name_of_user(1), "daemon (uid 1)");
    EXPECT_EQ(name_of_user(3999999999U), "uid 3999999999");
}

}  // namespace
}  // namespace dpsup::control
