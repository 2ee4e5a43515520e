// SPDX-License-Identifier: Apache-2.0
#include "bpfman/cli/output.h"

#include <algorithm>
#include <ostream>

#include "bpfman/base/text.h"

namespace bpfman::cli {

namespace {

std::string cell(const std::string& text) {
  return text.empty() ? std::string("<none>") : printable(text);
}

void widen(const std::vector<std::string>& row, std::vector<std::size_t>& widths) {
  widths.resize(std::max(widths.size(), row.size()));
  for (std::size_t i = 0; i < row.size(); ++i) {
    widths[i] = std::max(widths[i], cell(row[i]).size());
  }
}

void print_line(std::ostream& out,
                const std::vector<std::string>& row,
                const std::vector<std::size_t>& widths) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    std::string text = cell(row[i]);
    bool last = i + 1 == row.size();
    out << text << (last ? std::string() : std::string(widths[i] - text.size() + 2, ' '));
  }
  out << '\n';
}

}  // namespace

void Table::print_rows(std::ostream& out, std::vector<std::size_t>& widths) const {
  bool first = widths.empty();
  widen(header_, widths);
  for (const std::vector<std::string>& row : rows_) {
    widen(row, widths);
  }
  if (first) {
    print_line(out, header_, widths);
  }
  for (const std::vector<std::string>& row : rows_) {
    print_line(out, row, widths);
  }
}

std::string join_pairs(const std::map<std::string, std::string>& values) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : values) {
    parts.push_back(key + "=" + value);
  }
  return join(parts, ", ");
}

void Table::print(std::ostream& out) const {
  std::vector<std::size_t> widths;
  if (!rows_.empty()) {
    print_rows(out, widths);
  }
}

void Table::print_more(std::ostream& out) {
  if (!rows_.empty()) {
    print_rows(out, widths_);
    rows_.clear();
  }
}

void print_block(std::ostream& out,
                 const std::vector<std::pair<std::string, std::string>>& lines,
                 int indent) {
  std::size_t width = 0;
  for (const auto& [key, value] : lines) {
    width = std::max(width, key.size());
  }
  for (const auto& [key, value] : lines) {
    out << std::string(static_cast<std::size_t>(indent), ' ') << key << ':'
        << std::string(width - key.size() + 2, ' ') << (value.empty() ? "<none>" : printable(value))
        << '\n';
  }
}

void print_error(std::ostream& err, const Error& error, bool verbose) {
  err << "bpfman: error: " << printable(error.message()) << '\n';
  if (const VerifierLog* log = std::get_if<VerifierLog>(&error.detail())) {
    if (verbose) {
      err << log->full << (log->full.ends_with('\n') ? "" : "\n");
    } else {
      for (const std::string& line : log->tail) {
        err << "  " << printable(line) << '\n';
      }
      if (log->omitted_lines > 0) {
        err << "  (" << log->omitted_lines << " lines omitted; --verbose shows all)\n";
      }
    }
  }
  const MissingFeature* feature = std::get_if<MissingFeature>(&error.detail());
  // Most messages say it themselves, with what was seen.
  if (feature != nullptr && error.message().find(feature->feature) == std::string::npos) {
    err << "hint: this host's kernel lacks " << feature->feature;
    if (!feature->minimum_kernel.empty()) {
      err << ", which Linux has since " << feature->minimum_kernel;
    }
    err << '\n';
  }
  for (const std::string& hint : error.hints()) {
    err << "hint: " << printable(hint) << '\n';
  }
}

void print_warnings(std::ostream& err, const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) {
    err << "warning: " << printable(warning) << '\n';
  }
}

void print_pruned(std::ostream& err,
                  const std::vector<std::string>& references,
                  const std::string& limit) {
  for (const std::string& reference : references) {
    err << "note: removed " << printable(reference) << ", the least recently used, to stay below "
        << limit << '\n';
  }
}

void print_plan(std::ostream& out, const plan::Plan& plan, Format format) {
  if (format == Format::Json) {
    out << json_of_plan(plan);
    return;
  }
  std::vector<std::string> lines = plan::describe(plan);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    out << i + 1 << ". " << printable(lines[i]) << '\n';
  }
  if (lines.empty()) {
    out << "nothing to do\n";
  }
}

std::string state_of(const LinkView& link) {
  return std::string(to_string(link.state));
}

std::string place_of(const ChainView& chain) {
  for (const ChainMemberView& member : chain.members) {
    std::string place = to_string(member.link.record.chain()->place);
    if (!place.empty()) {
      return place;
    }
  }
  return "";
}

std::string names_of(const plan::Neighbours& neighbours, bool before) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < neighbours.others.size(); ++i) {
    if ((i < neighbours.before.value_or(0)) == before) {
      names.push_back(plan::describe_occupant(neighbours.others[i]));
    }
  }
  return join(names, ", ");
}

namespace {

// Where among others it came to run; nothing where nobody else is.
void add_neighbour_lines(std::vector<std::pair<std::string, std::string>>& lines,
                         const LinkView& link) {
  if (link.neighbours.before.has_value() && !link.neighbours.others.empty()) {
    lines.emplace_back("others before", names_of(link.neighbours, true));
    lines.emplace_back("others after", names_of(link.neighbours, false));
  }
}

}  // namespace

void add_link_lines(std::vector<std::pair<std::string, std::string>>& lines, const LinkView& link) {
  const ChainTarget* chain = link.record.chain();
  const std::string* interface = interface_of(link.record.target);
  if (interface == nullptr) {
    lines.emplace_back("attached to", describe(link.record.target));
    return;
  }
  const std::string& netns = *netns_of(link.record.target);
  lines.emplace_back("interface", *interface + (netns.empty() ? "" : " (netns " + netns + ")"));
  if (chain == nullptr) {
    lines.emplace_back("list",
                       std::string(to_string(std::get<ListTarget>(link.record.target).list)));
    add_neighbour_lines(lines, link);
    return;
  }
  if (!link.chain.has_value()) {
    return;
  }
  if (chain->hook == HookKind::Xdp) {
    lines.emplace_back("mode", std::string(to_string(link.chain->mode)));
  } else {
    lines.emplace_back("direction", chain->hook == HookKind::TcIngress ? "ingress" : "egress");
  }
  if (link.chain->slots.size() > 1) {
    lines.emplace_back("position",
                       std::to_string(link.position + 1) + " of " +
                           std::to_string(link.chain->slots.size()) + " (" +
                           std::string(to_string(link.chain->strategy)) + ")");
  }
  add_neighbour_lines(lines, link);
}

void add_terms_lines(std::vector<std::pair<std::string, std::string>>& lines,
                     const ProgramRecord& program) {
  if (program.lease.has_end()) {
    lines.emplace_back("lease", to_string(program.lease));
  }
  if (program.budget.has_limit()) {
    lines.emplace_back("budget", to_string(program.budget));
  }
}

void add_selector_line(std::vector<std::pair<std::string, std::string>>& lines,
                       const std::optional<SelectorRecord>& selector) {
  if (selector.has_value()) {
    lines.emplace_back(
        "selector",
        std::to_string(selector->id.value()) + " (" + *interface_of(selector->spec.target) + ")");
  }
}

std::string printable(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F, the other half of the control characters, are 0xc2 and 0x80 to 0x9f.
    bool second_half = byte >= 0x80 && byte <= 0x9f && i > 0 && text[i - 1] == '\xc2';
    if (byte >= 0x20 && byte != 0x7f && !second_half) {
      out.push_back(text[i]);
      continue;
    }
    out += "\\x";
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

std::string source_line(const Provenance& provenance) {
  std::string text = describe_source(provenance);
  if (!provenance.image_id.empty()) {
    text += ", sha256:" + provenance.image_id.short_hex();
  }
  if (provenance.source != SourceKind::File) {
    text += provenance.verification == Verification::Content ? ", content verified"
                                                             : ", on the runtime's word";
  }
  return text;
}

}  // namespace bpfman::cli
