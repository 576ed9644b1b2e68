// The answers are a real etcd 3.4's; those of 3.6 differ in what their error messages are called.
#include "io/lease/etcd_messages.hpp"

#include <gtest/gtest.h>

namespace dpsup::io {
namespace {

const std::string header =
    R"("header":{"cluster_id":"324952591200643719","member_id":"3319","revision":"3","raft_term":"2"})";
const std::string pair =
    R"({"key":"L2Rwc3VwL2E=","create_revision":"2","mod_revision":"2","version":"1","value":"eyJ4IjoxfQ=="})";

TEST(EtcdPutIf, ComparesTheRevisionThatWasSeen) {
    EXPECT_EQ(etcd_put_if("/dpsup/a", 77, "y"),
              R"({"compare":[{"key":"L2Rwc3VwL2E=","result":"EQUAL","target":"MOD","mod_revision":"77"}],)"
              R"("success":[{"request_put":{"key":"L2Rwc3VwL2E=","value":"eQ=="}}],)"
              R"("failure":[{"request_range":{"key":"L2Rwc3VwL2E="}}]})");
}

TEST(EtcdPutIf, CreatesWhereThereIsNone) {
    const std::string body = etcd_put_if("/dpsup/a", 0, "y");
    EXPECT_NE(body.find(R"("target":"CREATE","create_revision":"0")"), std::string::npos) << body;
}

TEST(EtcdRange, FindsTheValueAndItsRevision) {
    const auto range = decode_etcd_range("{" + header + R"(,"kvs":[)" + pair + R"(],"count":"1"})");
    ASSERT_TRUE(range);
    ASSERT_TRUE(range->found);
    EXPECT_EQ(range->found->value, R"({"x":1})");
    EXPECT_EQ(range->found->revision, 2U);
    EXPECT_EQ(range->revision, 3U);
}

TEST(EtcdRange, FindsNothingWhereThereIsNoKey) {
    const auto range = decode_etcd_range("{" + header + "}");
    ASSERT_TRUE(range);
    EXPECT_FALSE(range->found);
}

// "Nothing is there" means that somebody may create it: only an answer that is whole says so.
TEST(EtcdRange, TakesNoOtherAnswerForNothing) {
    const auto whole = "{" + header + R"(,"kvs":[)" + pair + R"(],"count":"1"})";
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_FALSE(decode_etcd_range(whole.substr(0, size))) << size;
    EXPECT_FALSE(decode_etcd_range("{}"));
    EXPECT_FALSE(decode_etcd_range(
        R"({"error":"etcdserver: no leader","message":"etcdserver: no leader","code":14})"));
    EXPECT_FALSE(decode_etcd_range("{" + header + R"(,"kvs":[{"key":"YQ==","value":"%"}]})"));
    EXPECT_FALSE(decode_etcd_range("{" + header + R"(,"kvs":[7]})"));
}

TEST(EtcdPut, IsWrittenWithTheRevisionOfTheStore) {
    const auto put = decode_etcd_put(
        "{" + header + R"(,"succeeded":true,"responses":[{"response_put":{"header":{"revision":"3"}}}]})");
    ASSERT_TRUE(put);
    EXPECT_TRUE(put->written);
    EXPECT_EQ(put->revision, 3U);
}

TEST(EtcdPut, WhichIsRefusedShowsWhatIsThere) {
    const auto put = decode_etcd_put("{" + header +
                                     R"(,"responses":[{"response_range":{"header":{"revision":"3"},"kvs":[)" +
                                     pair + R"(],"count":"1"}}]})");
    ASSERT_TRUE(put);
    EXPECT_FALSE(put->written);
    ASSERT_TRUE(put->found);
    EXPECT_EQ(put->found->revision, 2U);
}

TEST(EtcdPut, WithoutAnAnswerToItIsUnknown) {
    EXPECT_FALSE(decode_etcd_put("{" + header + "}"));
    EXPECT_FALSE(decode_etcd_put("{}"));
}

TEST(EtcdWatched, TellsChangesAndRemovals) {
    const auto watched =
        decode_etcd_watched(R"({"result":{)" + header + R"(,"events":[{"kv":)" + pair +
                            R"(},{"type":"DELETE","kv":{"key":"L2Rwc3VwL2E=","mod_revision":"3"}}]}})");
    ASSERT_TRUE(watched);
    ASSERT_EQ(watched->changes.size(), 2U);
    ASSERT_TRUE(watched->changes[0].value);
    EXPECT_EQ(watched->changes[0].value->value, R"({"x":1})");
    EXPECT_FALSE(watched->changes[1].value);
    EXPECT_EQ(watched->changes[1].revision, 3U);
}

TEST(EtcdWatched, TellsThatWhatWasAskedForIsCompacted) {
    const auto watched = decode_etcd_watched(
        R"({"result":{"header":{"cluster_id":"3","member_id":"3","raft_term":"2"},"canceled":true,"compact_revision":"3"}})");
    ASSERT_TRUE(watched);
    EXPECT_TRUE(watched->cancelled);
    EXPECT_EQ(watched->compacted, 3U);
}

TEST(EtcdError, IsUnderstoodInAllItsForms) {
    EXPECT_EQ(
        decode_etcd_error(R"({"error":"etcdserver: no leader","message":"etcdserver: no leader","code":14})")
            .code,
        14);
    EXPECT_EQ(decode_etcd_error(R"({"code":14,"message":"etcdserver: no leader"})").message,
              "etcdserver: no leader");
    EXPECT_EQ(decode_etcd_error(
                  R"({"error":{"grpc_code":16,"http_code":401,"message":"etcdserver: invalid auth token"}})")
                  .code,
              16);
    EXPECT_EQ(decode_etcd_error("<html>502</html>").code, 2);
    EXPECT_EQ(decode_etcd_error("<html>502</html>").message, "<html>502</html>");
}

TEST(EtcdError, ATokenThatIsNoLongerValidIsToldByItsTextToo) {
    EXPECT_TRUE(is_unauthenticated({2, "etcdserver: invalid auth token"}));
    EXPECT_TRUE(is_unauthenticated({16, "x"}));
    EXPECT_FALSE(is_unauthenticated({14, "etcdserver: no leader"}));
}

}  // namespace
}  // namespace dpsup::io
