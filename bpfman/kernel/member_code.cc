// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/member_code.h"

#include <cerrno>

#include <fcntl.h>
#include <linux/bpf.h>

#include "bpfman/kernel/bpf_syscall.h"

namespace bpfman::kernel {
namespace {

Result<BpfObject> open_member(const ObjectProgram& what) {
  BpfObject object = TRY(BpfObject::open(what.object, what.program));
  TRY(object.prepare(what));
  // A map of its own would be one that nobody reads.
  TRY(object.expect_all_shared());
  return object;
}

bool takes_fragments(const BpfObject& object) {
  return kind_of_section(object.section()).frags;
}

// Whether programs of a kind may share a program array is checked behind the verifier, without a
// word in its log.
Result<void> explain_array(Result<void> loaded) {
  if (loaded.ok() || loaded.error().os() != EINVAL) {
    return loaded;
  }
  return std::move(loaded).with_hint(
      "if it calls bpf_tail_call(): the programs of its program array must have been loaded "
      "without an expected attach type, and kernels before 5.11 allow none to extensions");
}

Result<UniqueFd> duplicate(int fd) {
  int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) {
    return os_error(errno, "duplicate a descriptor");
  }
  return UniqueFd::adopt(copy);
}

}  // namespace

Result<MemberCode> MemberCode::load(const ObjectProgram& what) {
  BpfObject object = TRY(open_member(what));
  TRY(object.load());
  bpf_prog_info info = {};
  TRY(read_object_info(object.program_fd(), &info, sizeof info));
  bool frags = takes_fragments(object);
  return MemberCode(std::move(object), frags, info.gpl_compatible != 0);
}

Result<Extension> load_extension(const ObjectProgram& what,
                                 int dispatcher,
                                 const std::string& function) {
  BpfObject object = TRY(open_member(what));
  TRY(object.extend(dispatcher, function));
  TRY(explain_array(object.load()));
  Extension extension;
  extension.fd = TRY(duplicate(object.program_fd()));
  extension.frags = takes_fragments(object);
  return extension;
}

}  // namespace bpfman::kernel
