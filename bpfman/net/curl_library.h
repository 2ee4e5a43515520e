// SPDX-License-Identifier: Apache-2.0
// libcurl, opened when first needed: it and the TLS stack behind it take milliseconds and megabytes
// to load, and most commands never speak to anybody.
#pragma once

#include <curl/curl.h>

#include "bpfman/base/result.h"

namespace bpfman::net {

// The functions we use, with the library's own types.
struct CurlLibrary {
  decltype(&curl_global_init) global_init;
  decltype(&curl_easy_init) easy_init;
  decltype(&curl_easy_cleanup) easy_cleanup;
  decltype(&curl_easy_reset) easy_reset;
  decltype(&curl_easy_setopt) easy_setopt;
  decltype(&curl_easy_getinfo) easy_getinfo;
  decltype(&curl_easy_pause) easy_pause;
  decltype(&curl_easy_strerror) easy_strerror;
  decltype(&curl_multi_init) multi_init;
  decltype(&curl_multi_cleanup) multi_cleanup;
  decltype(&curl_multi_add_handle) multi_add_handle;
  decltype(&curl_multi_remove_handle) multi_remove_handle;
  decltype(&curl_multi_perform) multi_perform;
  decltype(&curl_multi_poll) multi_poll;
  decltype(&curl_multi_info_read) multi_info_read;
  decltype(&curl_slist_append) slist_append;
  decltype(&curl_slist_free_all) slist_free_all;
};

// The one loaded library of this process; never unloaded. Thread safe. FailedPrecondition when it
// is not installed.
Result<const CurlLibrary*> curl_library();

}  // namespace bpfman::net
