// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/bpf_object.h"

#include <cerrno>

#include <bpf/libbpf.h>
#include <fmt/format.h>

#include "bpfman/base/text.h"
#include "bpfman/kernel/globals.h"
#include "bpfman/kernel/libbpf_messages.h"
#include "bpfman/kernel/privileges.h"
#include "bpfman/kernel/settings.h"
#include "bpfman/kernel/verifier_log.h"

namespace bpfman::kernel {
namespace {

// The kernel's type; nullopt: as libbpf reads the section name, which then also names the attach
// target.
Result<std::optional<bpf_prog_type>> kernel_type(ProgramType type) {
  switch (type) {
    case ProgramType::Xdp:
      return std::optional(BPF_PROG_TYPE_XDP);
    case ProgramType::Tc:
    case ProgramType::Tcx:
      return std::optional(BPF_PROG_TYPE_SCHED_CLS);
    case ProgramType::Tracepoint:
      return std::optional(BPF_PROG_TYPE_TRACEPOINT);
    case ProgramType::Kprobe:
    case ProgramType::Kretprobe:
    case ProgramType::Uprobe:
    case ProgramType::Uretprobe:
      return std::optional(BPF_PROG_TYPE_KPROBE);
    case ProgramType::Fentry:
    case ProgramType::Fexit:
    case ProgramType::Lsm:
      return std::optional<bpf_prog_type>();
    case ProgramType::Other:
      break;
  }
  return Error(Code::Unimplemented, "programs of this section cannot be loaded yet");
}

Error no_such_program(const std::string& name, const std::vector<std::string>& names) {
  Error error(Code::NotFound, "the object has no program \"" + name + "\"");
  std::vector<std::string> near = suggest(name, names);
  if (!near.empty()) {
    error = std::move(error).with_hint("did you mean " + join(near, " or ") + "?");
  }
  return std::move(error).with_hint("programs in it: " + join(names, ", "));
}

// EPERM comes from the capability check and from policies, never with a log; anything with a log is
// the verifier's.
Error explain_load_error(int os, const LibbpfMessages& messages, ProgramType type) {
  std::optional<std::string> log = extract_verifier_log(messages.text());
  if (log && !trim(*log).empty()) {
    VerifierLog summary = summarize_verifier_log(*std::move(log));
    std::string message = "the kernel's verifier rejected it";
    if (!summary.tail.empty()) {
      return Error(Code::InvalidArgument, message + ": " + summary.tail.back())
          .with_detail(std::move(summary));
    }
    return Error(Code::InvalidArgument, message, os).with_detail(std::move(summary));
  }
  if (os == EPERM) {
    return explain_permission(effective_capabilities(), type);
  }
  std::string said = messages.first_line();
  return os_error(os, said.empty() ? "the kernel refused it" : said);
}

}  // namespace

void BpfObject::Close::operator()(::bpf_object* object) const {
  bpf_object__close(object);
}

Result<BpfObject> BpfObject::open(ByteView bytes, const std::string& program) {
  LibbpfMessages messages;
  bpf_object_open_opts options = {};
  options.sz = sizeof options;
  options.object_name = program.c_str();  // the prefix of internal maps' names in the kernel
  ::bpf_object* object = bpf_object__open_mem(bytes.data(), bytes.size(), &options);
  if (object == nullptr) {
    int os = errno;
    std::string said = messages.first_line();
    Error error(Code::InvalidArgument,
                "read the object" + (said.empty() ? std::string() : ": " + said),
                os);
    return error;
  }
  BpfObject opened(object);
  // A map declared LIBBPF_PIN_BY_NAME would be pinned (or taken) by libbpf itself in /sys/fs/bpf,
  // outside of what bpfman looks after. Such maps are treated like all others: each program gets
  // its own, pinned where the caller says.
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    int failed = bpf_map__set_pin_path(map, nullptr);
    if (failed != 0) {
      return os_error(-failed, "set the pin path of map " + std::string(bpf_map__name(map)));
    }
  }
  return opened;
}

Result<void> BpfObject::select(const std::string& program, ProgramType type) {
  std::optional<bpf_prog_type> kernel = TRY(kernel_type(type));
  std::vector<std::string> names;
  bpf_program* one = nullptr;
  bpf_object__for_each_program(one, object_.get()) {
    names.emplace_back(bpf_program__name(one));
    bpf_program__set_autoload(one, names.back() == program);
    if (names.back() == program) {
      program_ = one;
    }
  }
  if (program_ == nullptr) {
    return no_such_program(program, names);
  }
  type_ = type;
  if (kernel) {
    bpf_program__set_type(program_, *kernel);
    bpf_attach_type expected = bpf_program__expected_attach_type(program_);
    // libbpf marks SEC("xdp") programs with BPF_XDP; the kernel does not need it, and a program
    // array that they share with a dispatcher or an extension (which have 0) would refuse one of
    // the two. Programs for devmaps and cpumaps need theirs.
    if (expected != BPF_XDP_DEVMAP && expected != BPF_XDP_CPUMAP) {
      bpf_program__set_expected_attach_type(program_, bpf_attach_type{});
    }
  }
  return {};
}

Result<std::map<std::string, Bytes>> BpfObject::encode_settings(
    const std::vector<Setting>& settings, const std::map<std::string, Bytes>& globals) const {
  return kernel::encode_settings(object_.get(), settings, globals);
}

Result<void> BpfObject::set_globals(const std::map<std::string, Bytes>& globals) {
  return kernel::set_globals(object_.get(), globals);
}

Result<void> BpfObject::load() {
  LibbpfMessages messages;
  int failed = bpf_object__load(object_.get());
  if (failed != 0) {
    return explain_load_error(-failed, messages, type_);
  }
  return {};
}

Result<std::string> BpfObject::load_measured() {
  constexpr std::uint32_t kStatisticsOnly = 4;  // BPF_LOG_STATS
  LibbpfMessages messages;
  std::string log(std::size_t{16} << 10, '\0');
  bpf_program__set_log_level(program_, kStatisticsOnly);
  bpf_program__set_log_buf(program_, log.data(), log.size());
  int failed = bpf_object__load(object_.get());
  if (failed != 0) {
    return explain_load_error(-failed, messages, type_);
  }
  log.resize(log.find('\0'));
  return log;
}

int BpfObject::program_fd() const {
  return bpf_program__fd(program_);
}

std::vector<LoadedMap> BpfObject::maps() const {
  std::vector<LoadedMap> maps;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object_.get()) {
    LoadedMap loaded{
        .name = bpf_map__name(map), .internal = bpf_map__is_internal(map), .fd = bpf_map__fd(map)};
    if (loaded.internal && loaded.name.find('.') != std::string::npos) {
      loaded.name.erase(0, loaded.name.find('.'));  // without libbpf's prefix, the object's name
    }
    if (loaded.fd >= 0) {
      maps.push_back(std::move(loaded));
    }
  }
  return maps;
}

}  // namespace bpfman::kernel
