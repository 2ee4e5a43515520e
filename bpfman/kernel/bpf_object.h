// SPDX-License-Identifier: Apache-2.0
// BpfObject: an object file opened by libbpf, and of it one program loaded into the kernel.
// libbpf's messages become error texts, a refusal of the verifier a VerifierLog. libbpf 1.1 (Debian
// 12) suffices: it parses the kernel's own BTF only when a program needs it for CO-RE or tracing,
// grows the log buffer while the kernel answers ENOSPC, and raises RLIMIT_MEMLOCK itself on kernels
// that still charge memory against it (before 5.11).
// Source: tools/lib/bpf/libbpf.h.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/base/result.h"
#include "bpfman/model/program_type.h"
#include "bpfman/model/specs.h"

struct bpf_object;
struct bpf_program;

namespace bpfman::kernel {

// A map of a loaded object. The descriptor belongs to the object.
struct LoadedMap {
  std::string name;  // whole; for internal maps the section (".rodata")
  bool internal = false;
  int fd = -1;
};

class BpfObject {
 public:
  // `bytes` must outlive the object. InvalidArgument when libbpf cannot read it.
  static Result<BpfObject> open(ByteView bytes, const std::string& program);

  // Chooses the one program that load() loads, as a program of this type.
  // NotFound with suggestions, Unimplemented for a type we cannot load.
  Result<void> select(const std::string& program, ProgramType type);
  // See settings.h.
  Result<std::map<std::string, Bytes>> encode_settings(
      const std::vector<Setting>& settings, const std::map<std::string, Bytes>& globals) const;
  // See globals.h. Before load().
  Result<void> set_globals(const std::map<std::string, Bytes>& globals);
  Result<void> load();
  // The same with the verifier's statistics. An error explains less than that of load().
  Result<std::string> load_measured();

  // After load(). The descriptor belongs to the object.
  int program_fd() const;
  std::vector<LoadedMap> maps() const;

 private:
  struct Close {
    void operator()(::bpf_object* object) const;
  };

  explicit BpfObject(::bpf_object* object) : object_(object) {}

  std::unique_ptr<::bpf_object, Close> object_;
  ::bpf_program* program_ = nullptr;  // inside of object_
  ProgramType type_ = ProgramType::Other;
};

}  // namespace bpfman::kernel
