// SPDX-License-Identifier: Apache-2.0
// What the fuzz targets share. Each defines LLVMFuzzerTestOneInput and checks properties, not only
// that nothing crashes: what is accepted must be well formed.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "bpfman/base/bytes.h"

#define FUZZ_CHECK(condition, text)                                                   \
  do {                                                                                \
    if (!(condition)) {                                                               \
      std::fprintf(stderr, "%s:%d: property broken: %s\n", __FILE__, __LINE__, text); \
      std::abort();                                                                   \
    }                                                                                 \
  } while (false)

namespace bpfman::fuzz {

inline ByteView bytes_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const std::byte*>(data), size};
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace bpfman::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
