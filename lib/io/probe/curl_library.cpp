#include "io/probe/curl_library.hpp"

#include "io/probe/library.hpp"

namespace dpsup::io {

Result<std::shared_ptr<const CurlLibrary>> CurlLibrary::load() {
    const auto library = open_library("libcurl.so.4", "libcurl4");
    if (!library) return tl::unexpected(library.error());
    auto curl = std::make_shared<CurlLibrary>();
    const bool complete = bind_function(*library, "curl_global_init", curl->global_init) &&
                          bind_function(*library, "curl_easy_init", curl->easy_init) &&
                          bind_function(*library, "curl_easy_cleanup", curl->easy_cleanup) &&
                          bind_function(*library, "curl_easy_setopt", curl->easy_setopt) &&
                          bind_function(*library, "curl_easy_getinfo", curl->easy_getinfo) &&
                          bind_function(*library, "curl_easy_strerror", curl->easy_strerror) &&
                          bind_function(*library, "curl_multi_init", curl->multi_init) &&
                          bind_function(*library, "curl_multi_cleanup", curl->multi_cleanup) &&
                          bind_function(*library, "curl_multi_setopt", curl->multi_setopt) &&
                          bind_function(*library, "curl_multi_add_handle", curl->multi_add_handle) &&
                          bind_function(*library, "curl_multi_remove_handle", curl->multi_remove_handle) &&
                          bind_function(*library, "curl_multi_socket_action", curl->multi_socket_action) &&
                          bind_function(*library, "curl_multi_info_read", curl->multi_info_read) &&
                          bind_function(*library, "curl_slist_append", curl->slist_append) &&
                          bind_function(*library, "curl_slist_free_all", curl->slist_free_all);
    if (!complete) return fail("library_missing", "libcurl.so.4 lacks functions: it is older than 7.85");
    if (curl->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return fail("library_missing", "libcurl cannot be initialised");
    return curl;
}

}  // namespace dpsup::io
