#include "io/probe/library.hpp"

#include <dlfcn.h>

namespace dpsup::io {

Result<void*> open_library(const char* soname, const char* package) {
    void* library = dlopen(soname, RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);
    if (library != nullptr) return library;
    const char* reason = dlerror();
    return fail("library_missing",
                "cannot load " + std::string(soname) + ": " + (reason != nullptr ? reason : "unknown error"),
                "install the package " + std::string(package));
}

void* find_function(void* library, const char* name) {
    return dlsym(library, name);
}

}  // namespace dpsup::io
