// SPDX-License-Identifier: Apache-2.0
// The flags of `load image|file` and `check image|file`: where the object is, and what of it.
#pragma once

#include "bpfman/cli/hook_flags.h"
#include "bpfman/cli/lease_flags.h"

namespace bpfman::cli {

struct LoadFlags {
  std::string positional;  // reference or path
  std::string flagged;     // the same by --image-url or --path
  std::string policy;
  std::vector<std::string> from;
  std::string auth;
  std::string progress = "auto";
  std::string name;
  std::vector<std::string> programs;
  std::string application;
  std::vector<std::string> metadata;
  std::vector<std::string> globals;
  std::vector<std::string> settings;
  bool dry_run = false;
  OutputFlag output;
  std::string map_owner;
  std::string attach_program;
  HookFlags hook;
  LeaseFlags lease;
  BudgetFlags budget;
  std::vector<std::string> kept_maps;
  bool on_rebuild = false;
};

void add_image_source_flags(CLI::App* app, LoadFlags& flags);
void add_file_source_flags(CLI::App* app, LoadFlags& flags);
// Which programs, with which variables, on which hook.
void add_program_flags(Tree& tree, CLI::App* app, LoadFlags& flags);

// What is recorded with the programs; --dry-run. For verbs that keep what they load.
void add_record_flags(CLI::App* app, LoadFlags& flags);

// The whole of it. `verb`: "load", "check", for the error of what is missing.
Result<LoadSpec> image_spec(Session& session, const LoadFlags& flags, const std::string& verb);
Result<LoadSpec> file_spec(const LoadFlags& flags, const std::string& verb);

// For people. load.cc
void print_loaded(std::ostream& out, const LoadReply& reply);

}  // namespace bpfman::cli
