// SPDX-License-Identifier: Apache-2.0
#include "bpfman/cli/upstream_filter.h"

#include <algorithm>

#include "bpfman/base/text.h"

namespace bpfman::cli::upstream {
namespace {

Error bad_selector(std::string_view text, const std::string& why) {
  return Error(Code::InvalidArgument,
               "invalid label selector \"" + std::string(text) + "\": " + why)
      .with_hint("as in a=b,c!=d,e in (f,g),h notin (i),j,!k");
}

// At commas outside of parentheses.
std::vector<std::string> split_requirements(std::string_view text) {
  std::vector<std::string> out(1);
  int depth = 0;
  for (char letter : text) {
    depth += letter == '(' ? 1 : letter == ')' ? -1 : 0;
    if (letter == ',' && depth == 0) {
      out.emplace_back();
    } else {
      out.back().push_back(letter);
    }
  }
  return out;
}

bool is_key(std::string_view key) {
  return !key.empty() && key.find_first_of(" \t()=!,") == std::string_view::npos;
}

// "(a, b)"
std::optional<std::set<std::string>> parse_set(std::string_view text) {
  text = trim(text);
  if (text.size() < 2 || text.front() != '(' || text.back() != ')') {
    return std::nullopt;
  }
  std::set<std::string> values;
  for (const std::string& value : split(text.substr(1, text.size() - 2), ',')) {
    values.emplace(trim(value));
  }
  return values;
}

// The kernel's types are coarser than ours: what a type of ours is loaded as.
std::string kernel_family(ProgramType type) {
  switch (type) {
    case ProgramType::Tc:
    case ProgramType::Tcx:
    case ProgramType::Netkit:
      return "sched_cls";
    case ProgramType::Kprobe:
    case ProgramType::Kretprobe:
    case ProgramType::KprobeMulti:
    case ProgramType::KretprobeMulti:
    case ProgramType::Ksyscall:
    case ProgramType::Kretsyscall:
    case ProgramType::Uprobe:
    case ProgramType::Uretprobe:
    case ProgramType::UprobeMulti:
    case ProgramType::UretprobeMulti:
    case ProgramType::Usdt:
      return "kprobe";
    case ProgramType::Fentry:
    case ProgramType::Fexit:
    case ProgramType::FmodRet:
    case ProgramType::TpBtf:
    case ProgramType::Iter:
      return "tracing";
    case ProgramType::Xdp:
    case ProgramType::Tracepoint:
    case ProgramType::RawTracepoint:
    case ProgramType::Lsm:
    case ProgramType::LsmCgroup:
    case ProgramType::PerfEvent:
    case ProgramType::Cgroup:
    case ProgramType::SkSkb:
    case ProgramType::SkMsg:
    case ProgramType::SkLookup:
    case ProgramType::SkReuseport:
    case ProgramType::FlowDissector:
    case ProgramType::SocketFilter:
    case ProgramType::Lwt:
    case ProgramType::Action:
    case ProgramType::Netfilter:
    case ProgramType::StructOps:
    case ProgramType::Syscall:
    case ProgramType::Other:
      break;
  }
  return std::string(to_string(type));
}

bool has_all(const std::map<std::string, std::string>& metadata,
             const std::map<std::string, std::string>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& pair) {
    auto found = metadata.find(pair.first);
    return found != metadata.end() && found->second == pair.second;
  });
}

bool is_one_of(ProgramType type, const std::vector<ProgramType>& types) {
  return types.empty() || std::find(types.begin(), types.end(), type) != types.end();
}

}  // namespace

std::string application_of(const ProgramView& program) {
  if (!program.record.has_value()) {
    return "";
  }
  auto found = program.record->metadata.find(std::string(kApplicationKey));
  return found == program.record->metadata.end() ? "" : found->second;
}

std::uint32_t id_of(const ProgramView& program) {
  return program.record.has_value() ? program.record->id.value() : program.kernel->id.value();
}

Result<LabelSelector> LabelSelector::parse(std::string_view text) {
  LabelSelector out;
  for (const std::string& part : split_requirements(text)) {
    std::string_view rest = trim(part);
    Requirement one;
    std::size_t equals = rest.find('=');
    std::size_t blank = rest.find_first_of(" \t");
    if (equals != std::string_view::npos && rest.find('(') == std::string_view::npos) {
      bool twice = equals + 1 < rest.size() && rest[equals + 1] == '=';
      one.negated = equals > 0 && rest[equals - 1] == '!';
      one.key = trim(rest.substr(0, equals - (one.negated ? 1 : 0)));
      one.values = {std::string(trim(rest.substr(equals + (twice ? 2 : 1))))};
    } else if (rest.starts_with('!')) {
      one.negated = true;
      one.key = trim(rest.substr(1));
    } else if (blank != std::string_view::npos) {
      std::string_view behind = trim(rest.substr(blank));
      one.negated = behind.starts_with("notin");
      one.key = rest.substr(0, blank);
      std::string_view word = one.negated ? "notin" : "in";
      one.values = behind.starts_with(word) ? parse_set(behind.substr(word.size())) : std::nullopt;
      if (!one.values.has_value()) {
        return bad_selector(text, "\"" + std::string(behind) + "\" is not in (...) or notin (...)");
      }
    } else {
      one.key = rest;
    }
    if (!is_key(one.key)) {
      return bad_selector(text, "\"" + one.key + "\" is no key");
    }
    out.requirements_.push_back(std::move(one));
  }
  return out;
}

bool LabelSelector::fits(const std::map<std::string, std::string>& labels) const {
  return std::all_of(requirements_.begin(), requirements_.end(), [&](const Requirement& one) {
    auto found = labels.find(one.key);
    bool holds =
        found != labels.end() && (!one.values.has_value() || one.values->contains(found->second));
    return holds != one.negated;
  });
}

bool ProgramFilter::fits(const ProgramView& program, const std::set<LinkId>& attached_links) const {
  if (!program.record.has_value()) {
    bool type_fits =
        types.empty() || std::any_of(types.begin(), types.end(), [&](ProgramType type) {
          return program.kernel->type == kernel_family(type);
        });
    return all && type_fits && !asks_for_links() && !asks_for_metadata();
  }
  bool is_attached = std::any_of(program.links.begin(), program.links.end(), [&](LinkId id) {
    return attached_links.contains(id);
  });
  return (!attached || is_attached) && (!unattached || !is_attached) &&
         is_one_of(program.record->type, types) &&
         (application.empty() || application_of(program) == application) &&
         has_all(program.record->metadata, metadata) &&
         (!labels.has_value() || labels->fits(program.record->metadata));
}

bool LinkFilter::fits(const OwnedLink& link) const {
  const LinkRecord& record = link.link.record;
  if ((program_id.has_value() && record.program.value() != *program_id) ||
      !is_one_of(record.kind, kinds)) {
    return false;
  }
  if (!asks_for_programs()) {
    return true;
  }
  return link.program.has_value() && link.program->record.has_value() &&
         is_one_of(link.program->record->type, types) &&
         (application.empty() || application_of(*link.program) == application) &&
         has_all(link.program->record->metadata, metadata);
}

}  // namespace bpfman::cli::upstream
