// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/libbpf_messages.h"

#include <cstdarg>
#include <cstdio>
#include <string_view>

#include <bpf/libbpf.h>

#include "bpfman/base/check.h"
#include "bpfman/base/text.h"

namespace bpfman::kernel {
namespace {

// libbpf's callback carries no context pointer, so the receiver is kept here, one a thread.
thread_local std::string* receiver = nullptr;

__attribute__((format(printf, 2, 0))) int receive(libbpf_print_level level,
                                                  const char* format,
                                                  va_list arguments) {
  if (receiver == nullptr || level != LIBBPF_WARN) {
    return 0;
  }
  va_list again;
  va_copy(again, arguments);
  int size = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (size <= 0) {
    return 0;
  }
  std::size_t before = receiver->size();
  receiver->resize(before + static_cast<std::size_t>(size) + 1);
  std::vsnprintf(receiver->data() + before, static_cast<std::size_t>(size) + 1, format, arguments);
  receiver->pop_back();  // the NUL
  return size;
}

}  // namespace

LibbpfMessages::LibbpfMessages() {
  BPFMAN_CHECK(receiver == nullptr, "one receiver of libbpf's messages a thread");
  libbpf_set_print(receive);
  receiver = &text_;
}

LibbpfMessages::~LibbpfMessages() {
  receiver = nullptr;
}

std::string LibbpfMessages::first_line() const {
  for (const std::string& line : split(text_, '\n')) {
    std::string_view text = trim(line);
    if (text.starts_with("libbpf: ")) {
      text.remove_prefix(8);
    }
    if (!text.empty()) {
      return std::string(text);
    }
  }
  return {};
}

}  // namespace bpfman::kernel
