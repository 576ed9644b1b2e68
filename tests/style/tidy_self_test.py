"""The self-test of tests/tidy: a clean tree has no findings, and each planted violation is found, by its own rule."""
import tempfile
from pathlib import Path

HEADER = "// A room.\n#pragma once\n"

CLEAN = {
    "lib/README.md": "`base/` `core/` `core/supervise/` `io/` `io/probe/` `config/` `control/`",
    "config/README.md": "keys",
    "tests/README.md": "`unit/`, see [the map](../lib/README.md)",
    "packaging/README.md": "packages",
    "lib/base/id.hpp": HEADER,
    "lib/config/model.hpp": HEADER + '#include "core/supervise/policy.hpp"\n',
    "lib/control/api.hpp": HEADER + '#include "config/model.hpp"\n',
    "lib/core/supervise/policy.hpp": HEADER + '#include <chrono>\n#include "base/id.hpp"\n// never calls steady_clock::now()\n',
    "lib/core/supervise/step.cpp": "\n".join([
        'const char* text = "::now( default: case A::b:";', "constexpr auto big = 1'000'000;",
        "int f(int c) { switch (c) { case 'a': return 1; default: return 2; } }",
        "int g(State s) { switch (s) { case State::up: return 1; case State::down: return 2; } return 0; }",
        "bool runtime(int x); bool y = runtime(3);", ""]),
    "lib/io/probe/http.cpp": "\n".join([
        '#include <boost/asio.hpp>', "task f() {", "    auto reply = co_await get(request);",
        "    if (reply) co_return;", "    if (auto r = co_await get(request); r) co_return;",
        "    co_await get(list[0], other);", "}", ""]),
    "lib/io/probe/session.hpp": HEADER + '#include "io/probe/inner.hpp"\n',
    "lib/io/probe/inner.hpp": HEADER + "#include <boost/asio.hpp>\n",
    "lib/io/probe/session.cpp": '#include "io/probe/session.hpp"\n',
    "tests/unit/id.test.cpp": "",
    "tests/run": "#!/bin/bash\necho fine\n",
}

# rule, file, text: put in place of, or beside, what is clean.
PLANTED = [
    ("layers", "lib/base/up.hpp", HEADER + '#include "core/supervise/policy.hpp"\n'),
    ("layers", "lib/core/supervise/up.hpp", HEADER + '#include "config/model.hpp"\n'),
    ("layers", "lib/config/up.cpp", '#include "io/probe/http.hpp"\n'),
    ("layers", "lib/control/across.cpp", '#include "io/probe/http.hpp"\n'),
    ("layers", "lib/io/across.cpp", '#include "control/api.hpp"\n'),
    ("layers", "lib/base/asio.cpp", "#include <boost/asio.hpp>\n"),
    ("layers", "lib/stray.cpp", "\n"),
    ("core", "lib/core/supervise/clock.cpp", "auto t = std::chrono::steady_clock::now();\n"),
    ("core", "lib/core/supervise/include.cpp", "#include <boost/asio.hpp>\n"),
    ("core", "lib/core/supervise/include.cpp", "#include <random>\n"),
    ("core", "lib/core/supervise/include.cpp", "#include <filesystem>\n"),
    ("core", "lib/core/supervise/include.cpp", "#include <iostream>\n"),
    ("core", "lib/core/supervise/include.cpp", "#include <unistd.h>\n"),
    ("core", "lib/core/supervise/include.cpp", "#include <libpq-fe.h>\n"),
    ("core", "lib/core/supervise/include.cpp", "#include <curl/curl.h>\n"),
    ("core", "lib/core/supervise/chance.cpp", "int x = rand();\n"),
    ("core", "lib/core/supervise/chance.cpp", "std::random_device device;\n"),
    ("heavy", "lib/io/x.cpp", '#include "io/probe/session.hpp"\n'),
    ("heavy", "daemon/dpsupd/x.cpp", '#include "io/probe/inner.hpp"\n'),
    ("heavy", "lib/config/heavy.hpp", HEADER + "#include <toml++/toml.h>\n"),
    ("heavy", "daemon/dpsupctl/heavy.hpp", HEADER + "#include <CLI/CLI.hpp>\n"),
    ("heavy", "daemon/dpsupd/heavy.hpp", HEADER + "#include <spdlog/spdlog.h>\n"),
    ("header", "lib/base/silent.hpp", "#pragma once\n"),
    ("header", "lib/base/twice.hpp", "// Something.\n"),
    ("coroutines", "lib/io/probe/c.cpp", "task f() { if (co_await g()) co_return; }\n"),
    ("coroutines", "lib/io/probe/c.cpp", "task f() { if (x && !(co_await g())) co_return; }\n"),
    ("coroutines", "lib/io/probe/c.cpp", "task f() { switch (co_await g()) { } }\n"),
    ("coroutines", "lib/io/probe/c.cpp", "task f() { while (co_await\n g()) { } }\n"),
    ("coroutines", "lib/io/probe/c.cpp", "task f() { co_await g({.a = 1}); }\n"),
    ("coroutines", "lib/io/probe/c.cpp", "task f() { co_await g(Options{\n    .a = 1}); }\n"),
    ("coroutines", "daemon/dpsupd/c.cpp", "task f() { auto r = co_await g([text]() { return text; }); }\n"),
    ("coroutines", "lib/core/supervise/c.cpp", "task f() { co_return; }\n"),
    ("default", "lib/core/supervise/d.cpp", "int f(S s) { switch (s) { case S::a: { return 1; }\n default: return 2; } }\n"),
    ("default", "lib/io/d.cpp", "int f(S s) { switch (s) { case core::S::a: return 1;\n default: return 2; } }\n"),
    ("size", "lib/base/long.cpp", "\n" * 401),
    ("size", "tests/long", "#!/bin/bash\n" + "\n" * 401),
    ("marks", "lib/base/later.cpp", "// TODO: later\n"),
    ("marks", "tests/unit/later.test.cpp", "// FIXME\n"),
    ("silenced", "lib/io/quiet.cpp", '#pragma GCC diagnostic ignored "-Wshadow"\n'),
    ("silenced", "lib/io/quiet.cpp", "int x = 3;  // NOLINT\n"),
    ("scripts", "tests/perl", "#!/usr/bin/perl\n"),
    ("scripts", "packaging/broken", "#!/bin/bash\nif then\n"),
    ("maps", "lib/core/newroom/x.cpp", "\n"),
    ("maps", "tests/newkind/x.cpp", "\n"),
    ("maps", "tests/README.md", "`unit/`, see [the map](../nowhere.md)"),
    ("maps", "config/README.md", "| `quickstart/` | one |\n| `x` | two |\n| `quickstart/` | three |\n"),
    ("maps", "packaging/README.md", None),
]


def plant(tree, files):
    for name, text in files.items():
        path = Path(tree) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if text.startswith("#!"):
            path.chmod(0o755)


def findings(checker, changes):
    with tempfile.TemporaryDirectory(prefix="dpsup-tidy-") as tree:
        plant(tree, {name: text for name, text in {**CLEAN, **changes}.items() if text is not None})
        return checker(tree).check()


def run(checker):
    failures = [f"the clean tree is not: {finding}" for finding in findings(checker, {})]
    for rule, name, text in PLANTED:
        found = findings(checker, {name: text})
        if not any(found_rule == rule for _, _, found_rule, _ in found):
            failures.append(f"{rule}: not found in {name}: {text!r}")
        failures += [f"{rule} planted in {name}: found {other} too" for other in found if other[2] != rule]
    print("\n".join(failures) or f"{len(PLANTED)} planted violations found, none elsewhere")
    return 1 if failures else 0
