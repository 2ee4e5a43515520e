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
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/base/result.h"
#include "bpfman/base/unique_fd.h"
#include "bpfman/kernel/kernel_ops.h"
#include "bpfman/model/program_type.h"
#include "bpfman/model/records.h"
#include "bpfman/model/specs.h"

struct bpf_insn;  // NOLINT(readability-identifier-naming): the kernel's
struct bpf_object;
struct bpf_program;

namespace bpfman::kernel {

// A map of a loaded object. The descriptor belongs to the object.
struct LoadedMap {
  std::string name;  // whole; for internal maps the section (".rodata")
  bool internal = false;
  std::optional<std::string> shared_pin;  // not made by this load, and pinned there ("": nowhere)
  int fd = -1;
};

class BpfObject {
 public:
  // `bytes` must outlive the object. InvalidArgument when libbpf cannot read it.
  static Result<BpfObject> open(ByteView bytes, const std::string& program);

  // Chooses the one program that load() loads, as a program of this type; of struct_ops all that
  // its map needs. `attach_function` replaces the section's target of fentry, fexit, fmod_ret, lsm,
  // tp_btf and iter; "" keeps it. NotFound with suggestions (program, function), Unimplemented for
  // what this kernel or we cannot load. `attach_pin`: of the program that has that function; "":
  // the kernel has it.
  Result<void> select(const std::string& program,
                      ProgramType type,
                      const std::string& attach_function,
                      const std::string& attach_pin);
  // load() uses these maps in place of those of the same names. Of those without a pin path the id
  // is used. NotFound: a map is gone. FailedPrecondition: it has another layout; says what differs.
  Result<void> share_maps(const std::vector<MapRecord>& maps);
  // All three of what a request says: select(), share_maps(), set_globals().
  Result<void> prepare(const ObjectProgram& request);
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

  // For code that is to run beside a program of the same object that is loaded already. All before
  // load(), select() first.
  // FailedPrecondition: it would make a map.
  Result<void> expect_all_shared() const;
  // As an extension in the place of a function of a loaded program.
  Result<void> extend(int target, const std::string& function);
  // Of the selected program.
  std::string section() const;
  // After load(): what was loaded, with descriptors of maps that belong to the object.
  std::span<const ::bpf_insn> instructions() const;

 private:
  struct Close {
    void operator()(::bpf_object* object) const;
  };

  Result<void> set_target(const std::string& attach_function);
  Result<void> set_traced_program(const std::string& function, const std::string& pin);
  Result<void> fill_struct_ops();

  explicit BpfObject(::bpf_object* object) : object_(object) {}

  Bytes renamed_;  // the object's bytes where libbpf cannot read them as they are
  std::unique_ptr<::bpf_object, Close> object_;
  ::bpf_program* program_ = nullptr;  // inside of object_
  ProgramType type_ = ProgramType::Other;
  SectionKind kind_;
  std::string target_;  // the kernel function that it is loaded for, "" when there is none
  UniqueFd traced_;     // the program whose function that is; invalid: the kernel
  std::map<std::string, MapRecord> shared_;
};

}  // namespace bpfman::kernel
