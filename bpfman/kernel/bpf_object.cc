// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/bpf_object.h"

#include <algorithm>
#include <cerrno>

#include <bpf/libbpf.h>
#include <fmt/format.h>

#include "bpfman/base/text.h"
#include "bpfman/kernel/attach_target.h"
#include "bpfman/kernel/features.h"
#include "bpfman/kernel/globals.h"
#include "bpfman/kernel/libbpf_messages.h"
#include "bpfman/kernel/map_sharing.h"
#include "bpfman/kernel/pins.h"
#include "bpfman/kernel/privileges.h"
#include "bpfman/kernel/settings.h"
#include "bpfman/kernel/verifier_advice.h"
#include "bpfman/kernel/verifier_log.h"

namespace bpfman::kernel {
namespace {

constexpr std::string_view kLinkSection = ".struct_ops.link";
constexpr std::string_view kPlainSection = ".struct_ops";
constexpr std::uint32_t kSleepable = 1U << 4;        // BPF_F_SLEEPABLE
constexpr std::uint32_t kFrags = 1U << 5;            // BPF_F_XDP_HAS_FRAGS
constexpr std::uint32_t kRegisterByLink = 1U << 13;  // BPF_F_LINK of struct_ops maps

// What the section says where it fits the type that was asked for; else what the type alone says.
Result<SectionKind> kind_for(const std::string& section, ProgramType type) {
  SectionKind kind = kind_of_section(section);
  if (type == ProgramType::Other) {
    return Error(Code::Unimplemented,
                 "programs of section \"" + section + "\" cannot be loaded by themselves");
  }
  if (kind.type == type) {
    return kind;
  }
  SectionKind plain = kind_of_section(to_string(type));
  if (plain.type != type || !plain.kernel_type) {
    return Error(Code::InvalidArgument,
                 fmt::format("section \"{}\" does not say which kind of {} program it is",
                             section,
                             to_string(type)));
  }
  plain.sleepable = kind.sleepable;
  plain.frags = kind.frags;
  plain.target = kind.target;
  return plain;
}

// XDP programs get 0 as their attach type, though libbpf marks them with BPF_XDP: the kernel does
// not need it, and a program array that they share with a dispatcher or an extension (which have 0)
// would refuse one of the two. The same for programs of TC, which older kernels would refuse with
// the attach types of tcx.
bpf_attach_type attach_type_of(const SectionKind& kind) {
  bool plain = kind.kernel_type == BPF_PROG_TYPE_XDP || kind.kernel_type == BPF_PROG_TYPE_SCHED_CLS;
  return static_cast<bpf_attach_type>(plain ? 0 : kind.attach_type.value_or(0));
}

// libbpf 1.1 does not know the section of struct_ops maps that are registered by a link. Its name
// cut short in all string tables makes it the one that it knows; such maps are made for links here
// in any case.
Bytes with_plain_struct_ops(ByteView bytes) {
  Bytes renamed(bytes.begin(), bytes.end());
  for (std::size_t at = as_text(renamed).find(kLinkSection); at != std::string_view::npos;
       at = as_text(renamed).find(kLinkSection, at + 1)) {
    renamed[at + kPlainSection.size()] = std::byte{0};
  }
  return renamed;
}

bool is_struct_ops(const bpf_map* map) {
  return bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS;
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
Error explain_load_error(int os,
                         const LibbpfMessages& messages,
                         ProgramType type,
                         const SectionKind& kind) {
  std::optional<std::string> log = extract_verifier_log(messages.text());
  if (log && !trim(*log).empty()) {
    VerifierLog summary = summarize_verifier_log(*std::move(log));
    std::string message = "the kernel's verifier rejected it";
    Error error = summary.tail.empty()
                      ? Error(Code::InvalidArgument, message, os)
                      : Error(Code::InvalidArgument, message + ": " + summary.tail.back());
    for (std::string& hint : verifier_hints(summary.full)) {
      error = std::move(error).with_hint(std::move(hint));
    }
    return std::move(error).with_detail(std::move(summary));
  }
  if (os == EPERM) {
    Result<void> supported = check_support(type, kind);
    if (!supported.ok()) {
      return std::move(supported).error();
    }
    return explain_permission(effective_capabilities(), type);
  }
  std::string said = messages.first_line();
  if (type == ProgramType::StructOps && said.find("is not found in kernel BTF") != said.npos) {
    return missing_feature("struct_ops of this kind", "", said, os);
  }
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
  Bytes renamed;
  if (as_text(bytes).find(kLinkSection) != std::string_view::npos) {
    renamed = with_plain_struct_ops(bytes);
    bytes = renamed;
  }
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
  opened.renamed_ = std::move(renamed);
  // A map declared LIBBPF_PIN_BY_NAME would be pinned (or taken) by libbpf itself in /sys/fs/bpf,
  // outside of what bpfman looks after. Such maps are treated like all others: each program gets
  // its own, pinned where the caller says.
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    int failed = bpf_map__set_pin_path(map, nullptr);
    if (failed != 0) {
      return os_error(-failed, "set the pin path of map " + std::string(bpf_map__name(map)));
    }
    if (is_struct_ops(map)) {
      bpf_map__set_map_flags(map, bpf_map__map_flags(map) | kRegisterByLink);
    }
  }
  return opened;
}

Result<void> BpfObject::select(const std::string& program,
                               ProgramType type,
                               const std::string& attach_function,
                               const std::string& attach_pin) {
  std::vector<std::string> names;
  bpf_program* one = nullptr;
  bpf_object__for_each_program(one, object_.get()) {
    names.emplace_back(bpf_program__name(one));
    bool chosen = names.back() == program;
    // A struct_ops map needs the programs of all its functions.
    bool of_map = type == ProgramType::StructOps &&
                  program_type_of_section(bpf_program__section_name(one)) == type;
    bpf_program__set_autoload(one, chosen || of_map);
    program_ = chosen ? one : program_;
  }
  if (program_ == nullptr) {
    return no_such_program(program, names);
  }
  type_ = type;
  kind_ = TRY(kind_for(bpf_program__section_name(program_), type));
  TRY(check_support(type, kind_));
  if (type == ProgramType::StructOps) {
    return {};  // libbpf takes all of it from the map
  }
  bpf_program__set_type(program_, static_cast<bpf_prog_type>(*kind_.kernel_type));
  bpf_program__set_expected_attach_type(program_, attach_type_of(kind_));
  std::uint32_t flags = (kind_.sleepable ? kSleepable : 0) | (kind_.frags ? kFrags : 0);
  bpf_program__set_flags(program_, bpf_program__flags(program_) | flags);
  return attach_pin.empty() ? set_target(attach_function)
                            : set_traced_program(attach_function, attach_pin);
}

Result<void> BpfObject::set_traced_program(const std::string& function, const std::string& pin) {
  traced_ = TRY(open_pin_of_kind(pin, ObjectKind::Program));
  if (!traced_.valid()) {
    return Error(Code::NotFound, "no program is pinned at " + pin, ENOENT);
  }
  return trace_program(program_, traced_.get(), function, pin);
}

// libbpf looks the section's own target up when it loads.
Result<void> BpfObject::set_target(const std::string& attach_function) {
  if (!btf_prefix(type_)) {
    return {};
  }
  target_ = attach_function.empty() ? kind_.target : attach_function;
  if (target_.empty()) {
    return Error(Code::InvalidArgument,
                 fmt::format("neither its section nor the request says for which function this {} "
                             "program is",
                             to_string(type_)));
  }
  if (attach_function.empty()) {
    return {};
  }
  int failed = 0;
  {
    LibbpfMessages messages;
    failed = bpf_program__set_attach_target(program_, 0, target_.c_str());
  }
  if (failed == -ESRCH || failed == -ENOENT) {
    return no_such_target(type_, target_);
  }
  if (failed != 0) {
    return os_error(-failed, "choose function " + target_);
  }
  return {};
}

Result<void> BpfObject::prepare(const ObjectProgram& request) {
  TRY(select(request.program, request.type, request.attach_function, request.attach_pin));
  TRY(share_maps(request.shared_maps));
  // A shared data section keeps the values that it has.
  std::map<std::string, Bytes> globals = request.globals;
  std::erase_if(globals, [&](const auto& global) {
    Variables variables = find_variables(object_.get());
    auto variable = variables.find(global.first);
    return variable != variables.end() && shared_.contains(variable->second.section);
  });
  return set_globals(globals);
}

Result<void> BpfObject::share_maps(const std::vector<MapRecord>& maps) {
  shared_ = TRY(kernel::share_maps(object_.get(), maps));
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
  std::optional<Error> error;
  {
    LibbpfMessages messages;
    int failed = bpf_object__load(object_.get());
    if (failed != 0) {
      // Suggestions listen to libbpf themselves, so not before this scope ends.
      if (failed == -ESRCH && !target_.empty()) {
        error = Error(Code::NotFound, target_, ESRCH);
      } else {
        error = explain_load_error(-failed, messages, type_, kind_);
      }
    }
  }
  if (error && error->os() == ESRCH && !target_.empty()) {
    return no_such_target(type_, target_);
  }
  if (error) {
    return *std::move(error);
  }
  return fill_struct_ops();
}

// With the flag for links the kernel takes the functions and registers nothing; attaching does.
Result<void> BpfObject::fill_struct_ops() {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object_.get()) {
    if (!is_struct_ops(map) || shared_.contains(map_name(map))) {
      continue;
    }
    LibbpfMessages messages;
    bpf_link* link = bpf_map__attach_struct_ops(map);
    if (link == nullptr) {
      return os_error(errno, "fill struct_ops map " + map_name(map));
    }
    bpf_link__disconnect(link);  // it would empty the map
    bpf_link__destroy(link);
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
    return os_error(-failed, "the kernel refused it");
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
        .name = map_name(map), .internal = bpf_map__is_internal(map), .fd = bpf_map__fd(map)};
    auto shared = shared_.find(loaded.name);
    if (shared != shared_.end()) {
      loaded.shared_pin = shared->second.pin_path;
    }
    if (loaded.fd >= 0) {
      maps.push_back(std::move(loaded));
    }
  }
  return maps;
}

Result<void> BpfObject::expect_all_shared() const {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object_.get()) {
    std::string name = map_name(map);
    if (bpf_map__autocreate(map) && !shared_.contains(name)) {
      return Error(Code::FailedPrecondition, "map " + name + " of the loaded program is gone");
    }
  }
  return {};
}

Result<void> BpfObject::extend(int target, const std::string& function) {
  LibbpfMessages messages;
  bpf_program__set_type(program_, BPF_PROG_TYPE_EXT);
  bpf_program__set_expected_attach_type(program_, bpf_attach_type{});
  int failed = bpf_program__set_attach_target(program_, target, function.c_str());
  if (failed != 0) {
    std::string said = messages.first_line();
    return os_error(-failed, said.empty() ? "find " + function + " of the dispatcher" : said);
  }
  return {};
}

std::string BpfObject::section() const {
  return bpf_program__section_name(program_);
}

std::span<const ::bpf_insn> BpfObject::instructions() const {
  return {bpf_program__insns(program_), bpf_program__insn_cnt(program_)};
}

}  // namespace bpfman::kernel
