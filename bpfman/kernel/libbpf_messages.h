// SPDX-License-Identifier: Apache-2.0
// LibbpfMessages: what libbpf says on this thread while the object lives, which is at times the
// only explanation of a failure. Once the first one was made, libbpf prints nothing to stderr any
// more. Thread rules: one object a thread at a time; other threads have their own.
#pragma once

#include <string>

namespace bpfman::kernel {

class LibbpfMessages {
 public:
  LibbpfMessages();
  LibbpfMessages(const LibbpfMessages&) = delete;
  LibbpfMessages& operator=(const LibbpfMessages&) = delete;
  ~LibbpfMessages();

  // All warnings so far, as printed, each line behind "libbpf: ".
  const std::string& text() const { return text_; }

  // The first warning that explains something, without "libbpf: "; "" when there is none.
  std::string first_line() const;

 private:
  std::string text_;
};

}  // namespace bpfman::kernel
