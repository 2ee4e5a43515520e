// SPDX-License-Identifier: Apache-2.0
// Where to attach, on the command line: one sub-command for each kind of hook.
#pragma once

#include <memory>

#include "bpfman/cli/command.h"

namespace bpfman::cli {

struct HookFlags {
  // The sub-commands, with the kind each stands for.
  std::vector<std::pair<CLI::App*, std::string>> kinds;

  std::string interface;
  std::string netns;
  std::string container;
  std::string mode;
  std::string direction;
  std::string priority;
  std::string role;
  std::vector<std::string> before;
  std::vector<std::string> after;
  std::vector<std::string> proceed_on;
  std::string strategy;
  std::string place;
  std::string name;                    // tracepoint
  std::vector<std::string> functions;  // of probes
  std::string offset;
  std::string binary;
  std::string provider;
  std::string pid;
  std::string container_pid;
  std::string cookie;
  std::string path;  // cgroup
  std::string event;
  std::string frequency;
  std::string period;
  std::string cpu;
  std::string map;
  std::string family;
  std::string hook;
  bool defragment = false;
  bool allow_none = false;

  // nullptr: none was written.
  const std::string* kind() const;
};

// Hangs the sub-commands below `parent`.
void add_hook_flags(Tree& tree, CLI::App* parent, HookFlags& flags);

// `example` is a whole command before its hook, for the error of a missing flag.
Result<AttachSpec> to_spec(const HookFlags& flags, const std::string& example);

// Values of flags that `link set` has, too.
Result<std::int32_t> parse_priority(const std::string& text);
Result<std::string> parse_role(const std::string& text);
Result<std::vector<std::int32_t>> parse_actions(HookKind hook,
                                                const std::vector<std::string>& values);
Result<StrategyChoice> parse_strategy_flag(const std::string& text);

}  // namespace bpfman::cli
