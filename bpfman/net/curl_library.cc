// SPDX-License-Identifier: Apache-2.0
#include "bpfman/net/curl_library.h"

#include <dlfcn.h>

namespace bpfman::net {
namespace {

template <typename Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

struct Loaded {
  CurlLibrary functions{};
  std::string why;  // not empty: it could not be loaded
};

Loaded load() {
  Loaded out;
  void* library = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* text = ::dlerror();
    out.why = text == nullptr ? "libcurl.so.4 cannot be opened" : text;
    return out;
  }
  CurlLibrary& f = out.functions;
  bool complete = find(library, "curl_global_init", f.global_init) &&
                  find(library, "curl_easy_init", f.easy_init) &&
                  find(library, "curl_easy_cleanup", f.easy_cleanup) &&
                  find(library, "curl_easy_reset", f.easy_reset) &&
                  find(library, "curl_easy_setopt", f.easy_setopt) &&
                  find(library, "curl_easy_getinfo", f.easy_getinfo) &&
                  find(library, "curl_easy_pause", f.easy_pause) &&
                  find(library, "curl_easy_strerror", f.easy_strerror) &&
                  find(library, "curl_multi_init", f.multi_init) &&
                  find(library, "curl_multi_cleanup", f.multi_cleanup) &&
                  find(library, "curl_multi_add_handle", f.multi_add_handle) &&
                  find(library, "curl_multi_remove_handle", f.multi_remove_handle) &&
                  find(library, "curl_multi_perform", f.multi_perform) &&
                  find(library, "curl_multi_poll", f.multi_poll) &&
                  find(library, "curl_multi_info_read", f.multi_info_read) &&
                  find(library, "curl_slist_append", f.slist_append) &&
                  find(library, "curl_slist_free_all", f.slist_free_all);
  if (!complete) {
    out.why = "libcurl.so.4 is older than 7.66";
  } else if (f.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    out.why = "libcurl cannot be initialised";
  }
  return out;
}

}  // namespace

Result<const CurlLibrary*> curl_library() {
  static const Loaded loaded = load();
  if (!loaded.why.empty()) {
    return Error(Code::FailedPrecondition, "no HTTP library: " + loaded.why)
        .with_hint("install the package libcurl4");
  }
  return &loaded.functions;
}

}  // namespace bpfman::net
