#include "config/documents.hpp"

#include "config/keys.hpp"

namespace dpsup::config {
namespace {

constexpr std::size_t width = 100;

// Adds `text` as comment lines of at most `width` columns.
void add_comment(std::string& document, std::string_view text) {
    std::string line = "#";
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(' '));
        if (line.size() + 1 + word.size() > width) {
            document += line + "\n";
            line = "#";
        }
        line += " " + std::string(word);
        text.remove_prefix(std::min(word.size() + 1, text.size()));
    }
    document += line + "\n";
}

std::string facts_of(const KeyView& key) {
    std::string text = "(" + key.shape;
    if (!key.fallback.empty()) text += "; default: " + key.fallback;
    if (!key.key->only_with.empty())
        text +=
            "; with " + std::string(key.key->only_with == "tcp unix" ? "tcp and unix" : key.key->only_with);
    return text + ")";
}

bool is_top_level(std::string_view path) {
    return path.find('.') == std::string_view::npos;
}

void add_section(std::string& document, const SectionView& section) {
    document += "\n";
    add_comment(document, std::string(78, '-'));
    add_comment(document, section.doc);
    // Sections that every file may have are there, empty; those with a name to choose are comments too.
    document += (is_top_level(section.path) ? "[" : "#[") + std::string(section.path) + "]\n";
    for (const KeyView& key : section.keys) {
        document += "\n";
        add_comment(document, key.key->doc);
        add_comment(document, facts_of(key));
        document += "#" + std::string(key.key->name) + " = " + std::string(key.key->example) + "\n";
    }
}

std::string for_table(std::string_view text) {
    std::string result;
    for (const char c : text) {
        if (c == '|') result += '\\';
        result += c;
    }
    return result;
}

std::string code(std::string_view text) {
    return text.empty() ? "" : "`" + for_table(text) + "`";
}

}  // namespace

std::string render_commented_config() {
    std::string document =
        "# The configuration of dpsupd: every key that there is, commented out.\n"
        "#\n"
        "# Take out the \"#\" before a key to set it. Further files go into conf.d/*.toml beside this one. "
        "In strings,\n"
        "# ${VAR} and ${VAR:-default} are put in from the environment, and $$ is a dollar sign. After a "
        "change:\n"
        "# `dpsupctl check`, `dpsupctl plan`, `dpsupctl apply`. Durations are written \"250ms\", \"10s\", "
        "\"1m30s\";\n"
        "# sizes \"64MiB\", \"4GiB\".\n"
        "#\n"
        "# Generated from the table of keys in lib/config; config/README.md tells how.\n";
    for (const SectionView& section : all_sections()) add_section(document, section);
    return document;
}

std::string render_reference() {
    std::string document;
    for (const SectionView& section : all_sections()) {
        document += "### `[" + std::string(section.path) + "]`\n\n" + std::string(section.doc) + "\n\n";
        document += "| key | takes | default | change | meaning | example |\n|---|---|---|---|---|---|\n";
        for (const KeyView& key : section.keys) {
            std::string doc(key.key->doc);
            if (!key.key->only_with.empty())
                doc += " Only with " +
                       std::string(key.key->only_with == "tcp unix"
                                       ? "`tcp` and `unix`"
                                       : "`" + std::string(key.key->only_with) + "`") +
                       ".";
            document += "| `" + std::string(key.key->name) + "` | " + for_table(key.shape) + " | " +
                        for_table(key.fallback) + " | " + std::string(to_string(key.key->change)) + " | " +
                        for_table(doc) + " | " + code(key.key->example) + " |\n";
        }
        document += "\n";
    }
    return document;
}

}  // namespace dpsup::config
