// SPDX-License-Identifier: Apache-2.0
// Whether what an upgrade has put in place works, and upgrades that follow a rebuilt image.
#include <algorithm>

#include <poll.h>

#include "bpfman/base/clock.h"
#include "bpfman/base/process.h"
#include "bpfman/base/text.h"
#include "bpfman/manager/manager_impl.h"

namespace bpfman {
namespace {

constexpr std::int64_t kCheckTimeout = 300'000;
constexpr std::size_t kCheckOutput = std::size_t{64} << 10;

// The last lines of what a command said.
std::string tail_of(const ProcessOutput& output) {
  constexpr std::size_t kLines = 3;
  std::vector<std::string> lines = split(trim(output.err.empty() ? output.out : output.err), '\n');
  if (lines.size() > kLines) {
    lines.erase(lines.begin(), lines.end() - kLines);
  }
  return join(lines, " / ");
}

// Error: why it is not healthy.
Result<void> run_check(const UpgradeSpec& spec) {
  ProcessOutput output =
      TRY(run_process(ProcessRequest{.arguments = {"/bin/sh", "-c", spec.check},
                                     .environment = {"BPFMAN_APPLICATION=" + spec.application},
                                     .only_this_environment = false,
                                     .user = {},
                                     .input = {},
                                     .output_limit = kCheckOutput,
                                     .directory = {},
                                     .timeout_ms = kCheckTimeout})
              .with_context("the check"));
  if (output.status == 0) {
    return {};
  }
  std::string said = tail_of(output);
  return Error(Code::FailedPrecondition,
               "the check failed with exit status " + std::to_string(output.status) +
                   (said.empty() ? "" : ": " + said));
}

}  // namespace

Result<void> Manager::Impl::check_in_place(const std::string& application) {
  plan::Snapshot snapshot = TRY(look());
  for (const LinkRecord& link : snapshot.links) {
    const ProgramRecord* program = program_of(link.program_key, snapshot);
    if (program == nullptr || program->application != application ||
        link.boot_id != snapshot.boot_id) {
      continue;
    }
    LinkView view = view_link(link, snapshot);
    if (view.state != LinkState::Attached) {
      return Error(Code::FailedPrecondition,
                   "link " + to_string(link.id) + " (" + describe(link.target) + ") is " +
                       std::string(to_string(view.state)));
    }
  }
  return {};
}

// Programs with links; the others have nothing that would run them.
Result<std::vector<std::string>> Manager::Impl::idle_programs(const std::string& application) {
  plan::Snapshot snapshot = TRY(look());
  std::vector<std::string> out;
  for (const ProgramRecord& program : snapshot.programs) {
    if (program.application != application) {
      continue;
    }
    std::optional<KernelProgram> loaded = TRY(kernel.find_program(program.id));
    bool attached = false;
    bool has_run = loaded.has_value() && loaded->run_count != 0;
    for (const LinkRecord& link : snapshot.links) {
      if (link.program_key == program.key) {
        attached = true;
        LinkView view = view_link(link, snapshot);
        has_run = has_run || (view.counts.has_value() && view.counts->runs != 0);
      }
    }
    if (attached && !has_run) {
      out.push_back(program.stable_name());
    }
  }
  return out;
}

Result<void> Manager::Impl::wait_for_runs(const UpgradeSpec& spec) {
  UniqueFd statistics = TRY(kernel.enable_statistics());
  constexpr std::int64_t kMillisecond = 1'000'000;
  constexpr int kLook = 50;  // ms
  std::int64_t end = steady_now_ns() + spec.runs_within_ms * kMillisecond;
  std::vector<std::string> idle;
  while (true) {
    idle = TRY(idle_programs(spec.application));
    if (idle.empty()) {
      return {};
    }
    if (steady_now_ns() >= end) {
      break;
    }
    ::poll(nullptr, 0, kLook);
  }
  return Error(Code::FailedPrecondition,
               join(idle, ", ") + " did not run within " +
                   format_duration_ns(spec.runs_within_ms * kMillisecond));
}

Result<void> Manager::Impl::check_health(const UpgradeSpec& spec) {
  TRY(check_in_place(spec.application));
  if (spec.runs_within_ms != 0) {
    TRY(wait_for_runs(spec));
  }
  return spec.check.empty() ? Result<void>() : run_check(spec);
}

Result<std::vector<Repair>> Manager::follow_rebuilds() {
  plan::Snapshot snapshot = TRY(impl_->read_snapshot());
  std::map<std::string, std::string> following;  // application -> image
  for (const ProgramRecord& program : snapshot.programs) {
    if (program.on_rebuild && program.boot_id == snapshot.boot_id) {
      following[program.application] = program.image_reference;
    }
  }
  std::vector<Repair> out;
  for (const auto& [application, image] : following) {
    UpgradeSpec spec{.application = application};
    // A registry is not asked every few seconds.
    spec.source =
        ImageSource{.reference = image,
                    .policy = PullPolicy::IfNotPresent,
                    .from = {SourceKind::Docker, SourceKind::Podman, SourceKind::Containerd}};
    Repair repair{.what = "upgrade " + application + " to " + image + " as it is now",
                  .error = std::nullopt};
    Result<UpgradeReply> done = upgrade(spec, DryRun::No);
    if (!done.ok()) {
      repair.error = std::move(done).error();
    } else if (!done->changed) {
      continue;
    }
    out.push_back(std::move(repair));
  }
  return out;
}

}  // namespace bpfman
