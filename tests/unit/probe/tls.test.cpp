// https against a real TLS server with a certificate of its own: `openssl s_server`.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "io/probe/curl_library.hpp"
#include "support/probe/probing.hpp"

namespace dpsup::io {
namespace {

class TlsProbing : public Probing {
protected:
    void SetUp() override {
        if (std::system("command -v openssl >/dev/null") != 0) GTEST_SKIP() << "openssl is not installed";
        const std::string make =
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "
            "/CN=localhost -addext subjectAltName=DNS:localhost -keyout " +
            (directory / "key") + " -out " + (directory / "certificate") + " 2>/dev/null";
        ASSERT_EQ(std::system(make.c_str()), 0);
        start_server();
    }

    void TearDown() override {
        if (server <= 0) return;
        ::kill(server, SIGKILL);
        ::waitpid(server, nullptr, 0);
    }

    // On a port of its own choice, which it prints: "ACCEPT 127.0.0.1:40123".
    void start_server() {
        int out[2] = {-1, -1};
        ASSERT_EQ(::pipe(out), 0);
        server = ::fork();
        if (server == 0) {
            ::dup2(out[1], 1);
            ::close(out[0]);
            const int null = ::open("/dev/null", O_RDWR);
            ::dup2(null, 0);
            ::dup2(null, 2);
            ::execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-www", "-key",
                     (directory / "key").c_str(), "-cert", (directory / "certificate").c_str(), nullptr);
            ::_exit(127);
        }
        ::close(out[1]);
        std::string said;
        char c = 0;
        while (said.find("ACCEPT 127.0.0.1:") == std::string::npos || c != '\n') {
            ASSERT_EQ(::read(out[0], &c, 1), 1) << said;
            said += c;
        }
        const auto colon = said.rfind(':');
        port = std::to_string(std::stoi(said.substr(colon + 1)));
        pipe_end = out[0];
    }

    config::HttpProbe https(const std::string& host) const {
        config::HttpProbe probe;
        probe.url = "https://" + host + ":" + port + "/";
        return probe;
    }

    TemporaryDirectory directory;
    pid_t server = -1;
    int pipe_end = -1;
    std::string port;
};

TEST_F(TlsProbing, RefusesACertificateThatNobodyVouchesFor) {
    const auto probed = ask(https("localhost"), 5s);
    EXPECT_TRUE(is(probed, ProbeOutcome::failed));
    EXPECT_THAT(probed.detail,
                testing::AllOf(testing::StartsWith("TLS: "), HasSubstr("self-signed certificate")));
}

TEST_F(TlsProbing, TakesTheConfiguredAuthority) {
    auto probe = https("localhost");
    probe.ca_file = directory / "certificate";
    const auto probed = ask(probe, 5s);
    EXPECT_TRUE(is(probed, ProbeOutcome::passed));
    EXPECT_EQ(probed.detail, "HTTP 200");
    EXPECT_TRUE(is(ask(https("localhost"), 5s), ProbeOutcome::failed))
        << "another probe's ca_file must not count";

    auto other_name = https("127.0.0.1");
    other_name.ca_file = probe.ca_file;
    const auto refused = ask(other_name, 5s);
    EXPECT_TRUE(is(refused, ProbeOutcome::failed)) << "the certificate is for localhost";
}

// What libcurl was built to trust, on this host: a file, which is replaced for as long as this lives.
class HostAuthorities {
public:
    explicit HostAuthorities(const std::string& certificate) {
        if (const auto curl = CurlLibrary::load()) {
            CURL* easy = (*curl)->easy_init();
            const char* path = nullptr;
            (*curl)->easy_getinfo(easy, CURLINFO_CAINFO, &path);
            if (path != nullptr) path_ = path;
            (*curl)->easy_cleanup(easy);
        }
        // In a view of our own, so that nobody else sees it.
        replaced_ = !path_.empty() && ::unshare(CLONE_NEWNS) == 0 &&
                    ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                    ::mount(certificate.c_str(), path_.c_str(), nullptr, MS_BIND, nullptr) == 0;
    }
    HostAuthorities(const HostAuthorities&) = delete;
    HostAuthorities& operator=(const HostAuthorities&) = delete;
    ~HostAuthorities() {
        if (replaced_) ::umount2(path_.c_str(), MNT_DETACH);
    }
    [[nodiscard]] bool replaced() const { return replaced_; }

private:
    std::string path_;
    bool replaced_ = false;
};

TEST_F(TlsProbing, TrustsTheHostsAuthorities) {
    const HostAuthorities authorities(directory / "certificate");
    if (!authorities.replaced()) GTEST_SKIP() << "not root, or libcurl has no file of authorities here";
    EXPECT_TRUE(is(ask(https("localhost"), 5s), ProbeOutcome::passed));
    auto other = https("localhost");
    other.ca_file = directory / "missing";
    EXPECT_TRUE(is(ask(other, 5s), ProbeOutcome::unknown));
    EXPECT_TRUE(is(ask(https("localhost"), 5s), ProbeOutcome::passed)) << "after a probe with a ca_file";
}

TEST_F(TlsProbing, LooksAtNoCertificateWhereToldNotTo) {
    auto probe = https("127.0.0.1");
    probe.tls_verify = false;
    EXPECT_TRUE(is(ask(probe, 5s), ProbeOutcome::passed));
}

TEST_F(TlsProbing, ACaFileThatCannotBeReadIsUnknown) {
    auto probe = https("localhost");
    probe.ca_file = directory / "missing";
    const auto probed = ask(probe, 5s);
    EXPECT_TRUE(is(probed, ProbeOutcome::unknown));
    EXPECT_THAT(probed.detail, HasSubstr("cannot read ca_file"));
}

TEST_F(TlsProbing, SaysThatTheHandshakeHangs) {
    const Server silent(loop, {.answers = false});
    config::HttpProbe probe;
    probe.url = "https://127.0.0.1:" + std::to_string(silent.port()) + "/";
    const auto probed = ask(probe, 200ms);
    EXPECT_TRUE(is(probed, ProbeOutcome::failed));
    EXPECT_THAT(probed.detail, HasSubstr("timed out after 200ms, in the TLS handshake"));
}

TEST_F(TlsProbing, SaysThatTheServerSpeaksPlainHttp) {
    const Server plain(loop, {.answer = http_answer("400 Bad Request", "")});
    config::HttpProbe probe;
    probe.url = "https://127.0.0.1:" + std::to_string(plain.port()) + "/";
    const auto probed = ask(probe, 5s);
    EXPECT_TRUE(is(probed, ProbeOutcome::failed));
    EXPECT_THAT(probed.detail, testing::StartsWith("TLS: "));
}

}  // namespace
}  // namespace dpsup::io
