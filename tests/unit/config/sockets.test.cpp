#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/difference.hpp"
#include "config/socket_keys.hpp"
#include "unit/config/loading.hpp"

namespace dpsup::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> addresses(const std::string& sockets) {
    std::vector<std::string> all;
    for (const Socket& socket : loaded_service("sockets = " + sockets).process.sockets)
        all.push_back(address_of(socket));
    return all;
}

std::string wrong(const std::string& sockets) {
    return findings(service("sockets = " + sockets));
}

TEST(Sockets, AreAddressesInOrder) {
    EXPECT_THAT(addresses(R"(["tcp://127.0.0.1:8080", "tcp://[::1]:8080", "unix:///run/x.sock"])"),
                ElementsAre("tcp://127.0.0.1:8080", "tcp://[::1]:8080", "unix:///run/x.sock"));
    EXPECT_THAT(addresses(R"("tcp://0.0.0.0:1")"), ElementsAre("tcp://0.0.0.0:1"));
    EXPECT_THAT(addresses("[]"), IsEmpty());
    EXPECT_TRUE(loaded_service(R"(sockets = "tcp://[::]:65535")").policy.listens);
    EXPECT_FALSE(loaded_service("").policy.listens);
}

TEST(Sockets, HaveANameEach) {
    const auto names = [](const std::string& sockets) {
        std::vector<std::string> all;
        for (const Socket& socket : loaded_service("sockets = " + sockets).process.sockets)
            all.push_back(socket.name);
        return all;
    };
    EXPECT_THAT(names(R"(["tcp://127.0.0.1:80", "unix:///run/x.sock", "unix:///run/a b:c",
                          { address = "tcp://[::1]:80", name = "web" }])"),
                ElementsAre("tcp-80", "unix-x.sock", "unix-a_b_c", "web"));
    for (const auto* name : {"", "a:b", "a b", "\\n", "\u00e9"})
        EXPECT_THAT(wrong(R"({ address = "tcp://127.0.0.1:80", name = ")" + std::string(name) + "\" }"),
                    HasSubstr("cannot be the name of a socket"))
            << name;
}

TEST(Sockets, OfUnixHaveAMode) {
    const Socket socket =
        loaded_service(R"(sockets = { address = "unix:///run/x", mode = "0660" })").process.sockets.at(0);
    EXPECT_EQ(socket.mode, 0660U);
    EXPECT_EQ(loaded_service(R"(sockets = "unix:///run/x")").process.sockets.at(0).mode, 0666U);
    EXPECT_THAT(wrong(R"({ address = "tcp://127.0.0.1:1", mode = "0660" })"),
                HasSubstr("only a Unix socket"));
    EXPECT_THAT(wrong(R"({ address = "unix:///run/x", mode = 432 })"), HasSubstr("expected a mode"));
}

TEST(Sockets, TellWhatIsWrongAndWhere) {
    EXPECT_THAT(findings("[service.x]\ncommand = \"x\"\nsockets = [\"tcp://127.0.0.1:1\", \"tcp://h:80\"]"),
                HasSubstr("dpsup.toml:3:33: error: service.x.sockets: \"h\" is no IP address"));
    EXPECT_THAT(wrong(R"("tcp://localhost:80")"), HasSubstr("a name is not looked up"));
    EXPECT_THAT(wrong(R"("tcp://127.0.0.1")"), HasSubstr("has no port"));
    EXPECT_THAT(wrong(R"("tcp://::1:80")"), HasSubstr("has no port"));
    for (const auto* port : {"0", "65536", "", "x", "-1", "8080x"})
        EXPECT_THAT(wrong("\"tcp://127.0.0.1:" + std::string(port) + "\""), HasSubstr("is no port")) << port;
    EXPECT_THAT(wrong(R"("tcp://[127.0.0.1]:80")"), HasSubstr("is no IP address"));
    EXPECT_THAT(wrong(R"("tcp://[fe80::1%lo]:80")"), HasSubstr("is no IP address"));
    EXPECT_THAT(wrong(R"("udp://127.0.0.1:80")"), HasSubstr("is no address of a socket"));
    EXPECT_THAT(wrong(R"("127.0.0.1:80")"), HasSubstr(R"(write "tcp://127.0.0.1:8080")"));
    EXPECT_THAT(wrong(R"("unix://run/x.sock")"), HasSubstr("is not an absolute path"));
    EXPECT_THAT(wrong("\"unix:///" + std::string(107, 'x') + "\""), HasSubstr("107 bytes"));
    EXPECT_THAT(wrong("[80]"), HasSubstr("expected an address"));
    EXPECT_THAT(wrong("{ name = \"web\" }"), HasSubstr("has no address"));
    EXPECT_THAT(wrong(R"({ address = "tcp://127.0.0.1:1", adress = "" })"),
                HasSubstr("unknown key \"adress\""));
}

TEST(Sockets, AreOpenedOnceOnly) {
    const auto two = [](const std::string& a, const std::string& b) {
        return findings("[service.a]\ncommand = \"a\"\nsockets = [\"" + a +
                        "\"]\n[service.b]\ncommand = "
                        "\"b\"\nsockets = [\"" +
                        b + "\"]\n");
    };
    EXPECT_THAT(
        two("tcp://127.0.0.1:80", "tcp://127.0.0.1:80"),
        HasSubstr("dpsup.toml:6:12: error: service.b.sockets: \"tcp://127.0.0.1:80\" is opened already, as "
                  "\"tcp://127.0.0.1:80\" of a (dpsup.toml:3:12)"));
    EXPECT_THAT(two("tcp://[::1]:80", "tcp://[0:0::1]:80"), HasSubstr("is opened already"));
    EXPECT_THAT(two("tcp://0.0.0.0:80", "tcp://127.0.0.1:80"), HasSubstr("is opened already"));
    EXPECT_THAT(two("unix:///run/x", "unix:///run/x"), HasSubstr("is opened already"));
    EXPECT_THAT(wrong(R"(["tcp://127.0.0.1:80", "tcp://127.0.0.1:80"])"), HasSubstr("is opened already"));
    EXPECT_THAT(wrong(R"("unix:///run/dpsup/control.sock")"), HasSubstr("the daemon's own socket"));
    EXPECT_EQ(two("tcp://0.0.0.0:80", "tcp://[::]:80"), "");
    EXPECT_EQ(two("tcp://127.0.0.1:80", "tcp://127.0.0.2:80"), "");
    EXPECT_EQ(two("tcp://127.0.0.1:80", "tcp://127.0.0.1:81"), "");
}

TEST(Sockets, RestartTheServiceWhereTheyChange) {
    const auto config = [](const std::string& sockets) {
        return *load_text(service("sockets = " + sockets)).config;
    };
    const Difference changed = difference(config(R"("tcp://127.0.0.1:80")"),
                                          config(R"({ address = "tcp://127.0.0.1:80", name = "w" })"));
    ASSERT_EQ(changed.operations.size(), 1U);
    EXPECT_EQ(changed.operations[0].action, core::Change::restart);
    EXPECT_THAT(changed.operations[0].causes,
                ElementsAre(R"(sockets changed: ["tcp://127.0.0.1:80"] -> )"
                            R"([{ address = "tcp://127.0.0.1:80", name = "w" }])"));
    EXPECT_THAT(difference(config(R"("tcp://[::1]:80")"),
                           config(R"([{ address = "tcp://[0::1]:80", name = "tcp-80" }])"))
                    .operations,
                IsEmpty());
}

}  // namespace
}  // namespace dpsup::config
