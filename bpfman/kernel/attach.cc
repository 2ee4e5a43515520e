// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/attach.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <thread>

#include <fmt/format.h>
#include <sys/stat.h>

#include "bpfman/base/file.h"
#include "bpfman/kernel/attach_kinds.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/pins.h"
#include "bpfman/kernel/program_info.h"

namespace bpfman::kernel {
namespace {

// Programs of these types can read bpf_get_attach_cookie().
constexpr std::array kHaveCookies = {ProgramType::Tracepoint,
                                     ProgramType::RawTracepoint,
                                     ProgramType::TpBtf,
                                     ProgramType::Kprobe,
                                     ProgramType::Kretprobe,
                                     ProgramType::KprobeMulti,
                                     ProgramType::KretprobeMulti,
                                     ProgramType::Ksyscall,
                                     ProgramType::Kretsyscall,
                                     ProgramType::Uprobe,
                                     ProgramType::Uretprobe,
                                     ProgramType::UprobeMulti,
                                     ProgramType::UretprobeMulti,
                                     ProgramType::Fentry,
                                     ProgramType::Fexit,
                                     ProgramType::FmodRet,
                                     ProgramType::Lsm,
                                     ProgramType::PerfEvent,
                                     ProgramType::Usdt};

Result<void> expect_cookie_fits(const AttachRequest& request) {
  bool has =
      std::find(kHaveCookies.begin(), kHaveCookies.end(), request.type) != kHaveCookies.end();
  if (request.cookie == 0 || has) {
    return {};
  }
  return Error(Code::InvalidArgument,
               fmt::format("{} programs have no cookie", to_string(request.type)));
}

Result<NewLinks> make_links(const Attaching& what) {
  return std::visit(
      [&](const auto& target) -> Result<NewLinks> {
        if constexpr (std::is_same_v<std::decay_t<decltype(target)>, ChainTarget>) {
          return Error(Code::Internal, "programs of a chain have no link of their own");
        } else {
          return attach_to(what, target);
        }
      },
      what.request.target);
}

// Pins all or none.
Result<void> pin_links(const std::vector<NewLink>& links, const std::string& path) {
  if (links.size() == 1) {
    Pin pin = TRY(Pin::create(links.front().fd.get(), path));
    pin.keep();
    return {};
  }
  PinDirectory directory = TRY(PinDirectory::create(path));
  std::vector<Pin> pins;
  for (const NewLink& link : links) {
    Pin pin = TRY(Pin::create(link.fd.get(), join_path(path, link.name)));
    pins.push_back(std::move(pin));
  }
  for (Pin& pin : pins) {
    pin.keep();
  }
  directory.keep();
  return {};
}

Result<AttachedLink> attach_and_pin(const AttachRequest& request) {
  TRY(expect_cookie_fits(request));
  UniqueFd program = TRY(open_pin_of_kind(request.program_pin, ObjectKind::Program));
  if (!program.valid()) {
    return Error(Code::NotFound, "no program is pinned at " + request.program_pin, ENOENT);
  }
  TRY(detach_link(request.link_pin));  // of a process that died
  Attaching what{
      .program = program.get(), .request = request, .kind = kind_of_section(request.section)};
  NewLinks made = TRY(make_links(what));
  KernelLink info = TRY(link_info(made.links.front().fd.get()));
  TRY(pin_links(made.links, request.link_pin));
  return AttachedLink{.kernel_id = info.id, .target = std::move(made.target)};
}

// These links have nothing to detach, or their target is gone: dropping the pin is all.
bool nothing_to_detach(int os) {
  return os == EINVAL || os == EOPNOTSUPP || os == ENOLINK || os == ENODEV;
}

// Newer kernels drop what a removed pin held at once, older ones (5.10) a little later, and let the
// last of it run on a worker after the id has gone. Not for ever: somebody else may hold the link,
// too.
void wait_until_gone(KernelLinkId id) {
  constexpr int kMostTries = 200;
  constexpr std::chrono::milliseconds kStep{1};
  constexpr std::chrono::milliseconds kWorker{20};
  for (int tries = 0; tries < kMostTries; ++tries) {
    Result<std::optional<UniqueFd>> link = open_object(ObjectKind::Link, id.value());
    if (!link.ok() || !*link) {
      if (tries > 0) {
        std::this_thread::sleep_for(kWorker);
      }
      return;
    }
    link->reset();
    std::this_thread::sleep_for(kStep);
  }
}

Result<void> detach_one(const std::string& pin) {
  UniqueFd link = TRY(open_pin_of_kind(pin, ObjectKind::Link).with_context("detach"));
  if (!link.valid()) {
    return {};
  }
  KernelLink info = TRY(link_info(link.get()));
  // Detach first: the hook is then free when this returns. Left to the last reference, the kernel
  // would do it later, and a program that is attached right after could find the hook taken.
  Result<void> detached = detach_link_fd(link.get());
  if (!detached.ok() && !nothing_to_detach(detached.error().os())) {
    return std::move(detached).with_context("detach " + pin);
  }
  TRY(remove_file(pin));
  if (!detached.ok()) {
    link.reset();
    wait_until_gone(info.id);
  }
  return {};
}

}  // namespace

NewLinks one_link(UniqueFd link, AttachTarget target) {
  NewLinks made;
  made.target = std::move(target);
  made.links.push_back(NewLink{.fd = std::move(link), .name = {}});
  return made;
}

Result<AttachedLink> attach(const AttachRequest& request) {
  return attach_and_pin(request).with_context(
      fmt::format("attach {} program to {}", to_string(request.type), describe(request.target)));
}

Result<void> detach_link(const std::string& link_pin) {
  std::optional<struct stat> info = TRY(stat_path(link_pin));
  if (!info) {
    return {};
  }
  if (!S_ISDIR(info->st_mode)) {
    return detach_one(link_pin);
  }
  std::vector<std::string> names = TRY(list_directory(link_pin));
  for (const std::string& name : names) {
    TRY(detach_one(join_path(link_pin, name)));
  }
  return remove_directory(link_pin);
}

}  // namespace bpfman::kernel
