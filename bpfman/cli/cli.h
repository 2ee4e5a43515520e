// SPDX-License-Identifier: Apache-2.0
// The command line: words in, an Api called, text out. Knows no kernel, no store and no network:
// whoever holds an Api can be behind it. stdout is data, stderr everything else; exit statuses are
// those of docs/errors.md.
#pragma once

#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "bpfman/base/environment.h"
#include "bpfman/manager/api.h"
#include "bpfman/manager/attach_defaults.h"
#include "bpfman/model/pull_progress.h"

namespace bpfman::cli {

// What the global flags say, and bpfman.toml where they say nothing; it decides which Api is made.
struct GlobalOptions {
  std::string root_dir = "/";
  std::string runtime_dir;  // absolute; "": below root_dir
  std::string config;       // the file that was named; "" for the usual one, which may be absent
  std::string log = "warn";
  std::int64_t lock_timeout_ms = 30'000;
  bool verbose = false;
  bool strict = false;
  bool trust_database = false;
  std::vector<std::string> docker_hosts;
  std::vector<std::string> storage_roots;
  std::vector<std::string> containerd_addresses;
  std::vector<std::string> containerd_roots;
  // Of the file alone.
  std::vector<std::string> containerd_namespaces;
  std::vector<SourceKind> sources;  // empty: all
  std::string sources_file;         // that says so
  PullPolicy pull_policy = PullPolicy::IfNotPresent;
  std::uint64_t max_store_bytes = 0;  // 0: no limit
  AttachDefaults attach;
  PullProgressSink progress;  // of pulls; may be empty
};

struct ServeOptions {
  std::int64_t interval_ms = 0;
  std::string socket_path;  // "": the default one
  std::int64_t idle_ms =
      0;  // of the socket: the daemon ends after so long without a call; 0: never
  bool csi_support = false;                      // a driver of volumes is wanted
  bool wants_socket = false;                     // a flag of the socket was given
  std::function<void(const std::string&)> tell;  // gets a line for people
};

struct Context {
  std::ostream& out;
  std::ostream& err;
  const Environment& environment;
  std::string version;
  // Called at most once, when a verb first needs it: never for --help, version or a mistyped flag.
  std::function<std::unique_ptr<Api>(const GlobalOptions&)> make_api;
  // The daemon; returns when it is told to end.
  std::function<Result<void>(const GlobalOptions&, const ServeOptions&)> serve;
  // Calls `look` every `interval_ms` until it fails or the command is told to end (SIGINT,
  // SIGTERM), which is no error.
  std::function<Result<void>(std::int64_t interval_ms, const std::function<Result<void>()>& look)>
      repeat;
  bool err_is_terminal = false;
};

// Runs one command; returns the exit status. `words` are argv without the program's name.
int run(const std::vector<std::string>& words, const Context& context);

// All verbs and flags, as "load image", "load image --name": what docs/cli.md must mention.
std::vector<std::string> vocabulary();

}  // namespace bpfman::cli
