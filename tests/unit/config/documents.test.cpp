#include "config/documents.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "unit/config/loading.hpp"

namespace dpsup::config {
namespace {

const std::string folder = DPSUP_SOURCE_DIR "/config/";
const std::string begin_mark = "<!-- The reference is generated from the table of keys: begin -->\n";
const std::string end_mark = "<!-- The reference is generated from the table of keys: end -->\n";

std::string content_of(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

// With DPSUP_REGENERATE=1 these tests write the documents instead of checking them.
bool regenerating() {
    return std::getenv("DPSUP_REGENERATE") != nullptr;
}

TEST(Documents, CommentedConfigurationIsUpToDate) {
    if (regenerating()) std::ofstream(folder + "dpsup.toml") << render_commented_config();
    EXPECT_EQ(content_of(folder + "dpsup.toml"), render_commented_config())
        << "run it with DPSUP_REGENERATE=1";
}

TEST(Documents, ReferenceOfKeysIsUpToDate) {
    const std::string path = folder + "README.md";
    std::string text = content_of(path);
    const std::size_t begin = text.find(begin_mark);
    const std::size_t end = text.find(end_mark);
    ASSERT_NE(begin, std::string::npos);
    ASSERT_NE(end, std::string::npos);
    const std::size_t from = begin + begin_mark.size();
    const std::string expected = "\n" + render_reference();
    if (regenerating()) {
        text.replace(from, end - from, expected);
        std::ofstream(path) << text;
    } else {
        EXPECT_EQ(text.substr(from, end - from), expected) << "run it with DPSUP_REGENERATE=1";
    }
}

TEST(Documents, CommentedConfigurationLoadsAsItIs) {
    const LoadOutcome outcome = load_text(render_commented_config());
    ASSERT_TRUE(outcome.config) << render(outcome.diagnostics);
    EXPECT_TRUE(outcome.diagnostics.empty());
    EXPECT_TRUE(outcome.config->services.empty());
    EXPECT_EQ(outcome.config->daemon, Daemon{});
}

}  // namespace
}  // namespace dpsup::config
