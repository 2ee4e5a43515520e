// SPDX-License-Identifier: Apache-2.0
// How answers look: borderless tables and aligned blocks for people, JSON for programs.
#pragma once

#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

#include "bpfman/base/error.h"
#include "bpfman/base/text.h"
#include "bpfman/manager/api.h"

namespace bpfman::cli {

enum class Format { Table, Wide, Json };

// "team=net, tier=1"
std::string join_pairs(const std::map<std::string, std::string>& values);

// "3, 4"
template <typename Id>
std::string join_ids(const std::vector<Id>& ids) {
  std::vector<std::string> parts;
  for (Id id : ids) {
    parts.push_back(std::to_string(id.value()));
  }
  return join(parts, ", ");
}

// Columns two blanks apart, each as wide as its widest cell; "<none>" for an empty cell. Nothing at
// all without rows.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}

  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  void print(std::ostream& out) const;

  // Prints the rows since the last call and forgets them. The header comes once, with the first
  // row; columns stay as wide as they were, or get wider.
  void print_more(std::ostream& out);

 private:
  // `widths`: of the columns so far; empty: the header comes first.
  void print_rows(std::ostream& out, std::vector<std::size_t>& widths) const;

  std::vector<std::size_t> widths_;  // of what print_more() has printed; empty: nothing yet
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

// "key:   value" lines, values aligned, indented by `indent` blanks.
void print_block(std::ostream& out,
                 const std::vector<std::pair<std::string, std::string>>& lines,
                 int indent = 0);

// One line, then hints; of a verifier's log the tail, or all of it.
void print_error(std::ostream& err, const Error& error, bool verbose);
void print_warnings(std::ostream& err, const std::vector<std::string>& warnings);
// Of references that went to keep the store below `limit`.
void print_pruned(std::ostream& err,
                  const std::vector<std::string>& references,
                  const std::string& limit);
void print_plan(std::ostream& out, const plan::Plan& plan, Format format);

// One line for each reference and each piece of bytecode that went.
void print_removed(std::ostream& out, const RemoveImagesReply& reply);

// "attached", "interface gone", "not attached"
std::string state_of(const LinkView& link);
// The place among others that a chain's members ask for; "" for none.
std::string place_of(const ChainView& chain);
// "a", "b": those of others that run before ours, or after it.
std::string names_of(const plan::Neighbours& neighbours, bool before);
// What a person wants to see of a new link: where it is, and how.
void add_link_lines(std::vector<std::pair<std::string, std::string>>& lines, const LinkView& link);
// Nothing when there is none.
// A lease and a budget, where there is one.
void add_terms_lines(std::vector<std::pair<std::string, std::string>>& lines,
                     const ProgramRecord& program);
void add_selector_line(std::vector<std::pair<std::string, std::string>>& lines,
                       const std::optional<SelectorRecord>& selector);

// Text of others (names in object files, labels, messages) as a terminal may be given it: control
// characters are shown as "\x1b" and the like, so that none of them takes effect.
std::string printable(std::string_view text);

// "docker (overlay2), sha256:0123456789ab, content verified"
std::string source_line(const Provenance& provenance);

// JSON documents: an object at the root with "version": 1, two blanks of indent, a newline at the
// end. view_json.cc
std::string json_of(const LoadReply& reply);
std::string json_of(const CheckReply& reply);
std::string json_of(const AttachReply& reply);
std::string json_value_of(const Lease& lease);  // "null" without an end
std::string json_value_of(const SelectorRecord& selector);
std::string json_of_selectors(const std::vector<SelectorView>& selectors);
std::string json_of(const ReconcileReply& reply);
// `rescue`: what was done before.
std::string json_of(const DoctorReply& reply, const std::optional<RescueReply>& rescue);
std::string json_of(const ApplyReply& reply);
std::string json_of(const UpgradeReply& reply);
// One line.
std::string json_line_of(const LedgerEntry& entry);
std::string json_of(const ApplicationHistoryReply& reply);
std::string json_of(const SetLinkReply& reply);
std::string json_of_chains(const std::vector<ChainView>& chains);
std::string json_of(const ChangeReply& reply);
std::string json_of(const PullReply& reply);
std::string json_of_programs(const std::vector<ProgramView>& programs);
std::string json_of_links(const std::vector<LinkView>& links);
std::string json_of(const ProgramView& program);
std::string json_of(const LinkView& link);
std::string json_value_of(const LinkView& link);
std::string json_of_images(const std::vector<ImageRecord>& images);
std::string json_of(const InspectImageReply& reply);
std::string json_of(const RemoveImagesReply& reply);
std::string json_of_verified(const std::vector<VerifiedBytecode>& entries);
std::string json_of_history(const std::vector<ImageHistoryEntry>& entries);
std::string json_of(const LoadImagesReply& reply);
std::string json_of(const BuildImageReply& reply);
std::string json_of(const PushImageReply& reply);
std::string json_of(const BuildArgumentsReply& reply);
// "NAME=VALUE" lines in upstream's order: objects, PROGRAMS, MAPS (both JSON).
std::string build_argument_lines(const BuildArgumentsReply& reply);
// A member of a document, without "version".
std::string json_of(const JudgeImageReply& reply);
std::string json_of(const TrustRootView& root);
std::string json_of(const UpdateTrustRootReply& reply);
std::string json_value_of(const ImageRecord& image);
std::string json_value_of(const Provenance& provenance);
std::string json_of_sources(const std::vector<RuntimeStatus>& sources);
std::string json_of(const SaveMapsReply& reply);
std::string json_of(const MapDump& dump);
std::string json_of_plan(const plan::Plan& plan);
std::string json_of_version(const std::string& version);

}  // namespace bpfman::cli
