// SPDX-License-Identifier: Apache-2.0
// The code of a chain's member: what a loaded program consists of, for a fused image, and its copy
// as an extension, for a slot of a dispatcher. Both use the very maps of the loaded program, those
// of its global variables included, so to its user it is one program.
//
// The kernel's own dump of a program cannot be loaded again, so both come from the object file.
#pragma once

#include <span>
#include <string>

#include "bpfman/base/result.h"
#include "bpfman/base/unique_fd.h"
#include "bpfman/kernel/bpf_object.h"
#include "bpfman/kernel/kernel_ops.h"

namespace bpfman::kernel {

// Relocated instructions. Their maps' descriptors are open as long as this object lives.
class MemberCode {
 public:
  // Errors: as load_program.
  static Result<MemberCode> load(const ObjectProgram& what);

  std::span<const ::bpf_insn> instructions() const { return object_.instructions(); }

  bool frags() const { return frags_; }

  bool gpl() const { return gpl_; }

 private:
  MemberCode(BpfObject object, bool frags, bool gpl)
      : object_(std::move(object)), frags_(frags), gpl_(gpl) {}

  BpfObject object_;
  bool frags_ = false;
  bool gpl_ = false;
};

struct Extension {
  UniqueFd fd;
  bool frags = false;
};

// What can replace `function` of `dispatcher`. Errors: as load_program.
Result<Extension> load_extension(const ObjectProgram& what,
                                 int dispatcher,
                                 const std::string& function);

}  // namespace bpfman::kernel
