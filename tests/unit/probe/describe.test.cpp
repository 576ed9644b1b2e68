#include "io/probe/describe.hpp"

#include <gtest/gtest.h>

namespace dpsup::io {
namespace {

std::string of_url(const std::string& url) {
    config::HttpProbe probe;
    probe.url = url;
    return describe(probe);
}

std::string of_conninfo(const std::string& conninfo) {
    return describe(config::PostgresProbe{.conninfo = conninfo, .query = {}});
}

TEST(Describe, SaysWhatIsProbed) {
    EXPECT_EQ(of_url("http://127.0.0.1:80/"), "http http://127.0.0.1:80/");
    config::HttpProbe head;
    head.url = "https://[::1]/x";
    head.method = "HEAD";
    EXPECT_EQ(describe(head), "http HEAD https://[::1]/x");
    EXPECT_EQ(describe(config::TcpProbe{.host = "::1", .port = 2181, .send = {}, .expect = {}}),
              "tcp [::1]:2181");
    EXPECT_EQ(describe(config::UnixProbe{.path = "/run/x", .send = {}, .expect = {}}), "unix /run/x");
    EXPECT_EQ(describe(config::LogProbe{"rea\"dy"}), "log \"rea\\\"dy\"");
    EXPECT_EQ(describe(config::LogProbe{std::string(500, 'x')}).size(), 163u);
}

TEST(Describe, HidesPasswords) {
    EXPECT_EQ(of_url("http://me:secret@db1:80/x@y#z"), "http http://db1:80/x@y");
    EXPECT_EQ(of_url("http://me:se@cret@db1/"), "http http://db1/");
    EXPECT_EQ(of_conninfo("host=/run/postgresql user=me password=secret dbname=main"),
              "postgres host=/run/postgresql user=me dbname=main");
    EXPECT_EQ(of_conninfo("password = 'se cret\\'host=x' port= 5433"), "postgres port=5433");
    EXPECT_EQ(of_conninfo("sslpassword=secret"), "postgres");
    EXPECT_EQ(of_conninfo("postgresql://me:secret@db1:5432/main?sslpassword=secret"),
              "postgres postgresql://db1:5432/main");
    EXPECT_EQ(of_conninfo("dbname='host=x password=secret'"), "postgres");
    EXPECT_EQ(of_conninfo("dbname=postgres://me:secret@db1/"), "postgres");
    EXPECT_EQ(describe(config::ExecProbe{{"redis-cli", "-a", "secret", "ping"}}), "exec redis-cli");
}

TEST(Describe, SurvivesNonsense) {
    for (const char* text :
         {"", "=", "'", "host", "host=", "host='", "\\", "a=\\", "= =", "postgres://", "://", "@"}) {
        EXPECT_FALSE(of_conninfo(text).empty());
        EXPECT_FALSE(of_url(text).empty());
    }
}

TEST(HostOfUrl, FindsHostAndPort) {
    const auto is = [](const UrlHost& found, const std::string& host, const std::string& port) {
        return found.host == host && found.port == port;
    };
    EXPECT_TRUE(is(host_of_url("http://db1/x:9"), "db1", "80"));
    EXPECT_TRUE(is(host_of_url("https://u:p@db1?x"), "db1", "443"));
    EXPECT_TRUE(is(host_of_url("http://[fe80::1]:8080/"), "fe80::1", "8080"));
    EXPECT_TRUE(is(host_of_url("http://db1:8080"), "db1", "8080"));
    EXPECT_EQ(host_of_url("nonsense").host, "");
    EXPECT_EQ(host_of_url("http://[::1").host, "");
}

}  // namespace
}  // namespace dpsup::io
