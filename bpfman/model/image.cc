// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/image.h"

#include <algorithm>
#include <array>

#include <sys/utsname.h>

#include "bpfman/base/text.h"

namespace bpfman {

std::string_view to_string(PullPolicy policy) {
  switch (policy) {
    case PullPolicy::Always:
      return "Always";
    case PullPolicy::IfNotPresent:
      return "IfNotPresent";
    case PullPolicy::Never:
      return "Never";
  }
  return "IfNotPresent";
}

Result<PullPolicy> parse_pull_policy(std::string_view text) {
  for (PullPolicy policy : {PullPolicy::Always, PullPolicy::IfNotPresent, PullPolicy::Never}) {
    if (to_lower(text) == to_lower(to_string(policy))) {
      return policy;
    }
  }
  return Error(Code::InvalidArgument, "unknown pull policy \"" + std::string(text) + "\"")
      .with_hint("one of Always, IfNotPresent, Never");
}

std::string_view to_string(SourceKind kind) {
  switch (kind) {
    case SourceKind::File:
      return "file";
    case SourceKind::Docker:
      return "docker";
    case SourceKind::Podman:
      return "podman";
    case SourceKind::Containerd:
      return "containerd";
    case SourceKind::Registry:
      return "registry";
    case SourceKind::OciLayout:
      return "oci-layout";
    case SourceKind::Archive:
      return "archive";
  }
  return "file";
}

std::optional<SourceKind> parse_source_kind(std::string_view text) {
  for (SourceKind kind : {SourceKind::File,
                          SourceKind::Docker,
                          SourceKind::Podman,
                          SourceKind::Containerd,
                          SourceKind::Registry,
                          SourceKind::OciLayout,
                          SourceKind::Archive}) {
    if (text == to_string(kind)) {
      return kind;
    }
  }
  return std::nullopt;
}

std::vector<SourceKind> all_image_sources() {
  return {SourceKind::Docker, SourceKind::Podman, SourceKind::Containerd, SourceKind::Registry};
}

Result<std::vector<SourceKind>> parse_image_sources(const std::vector<std::string>& words) {
  constexpr const char* kValid = "docker, podman, containerd, registry";
  std::vector<SourceKind> out;
  for (const std::string& word : words) {
    std::string text = to_lower(trim(word));
    std::vector<SourceKind> all = all_image_sources();
    auto known = std::find_if(
        all.begin(), all.end(), [&](SourceKind kind) { return text == to_string(kind); });
    if (known == all.end()) {
      return Error(Code::InvalidArgument, "unknown source \"" + word + "\"")
          .with_hint(std::string("one or more of ") + kValid);
    }
    if (std::find(out.begin(), out.end(), *known) != out.end()) {
      return Error(Code::InvalidArgument, "source \"" + word + "\" is named twice")
          .with_hint("name each once, in the order in which they are to be asked");
    }
    out.push_back(*known);
  }
  if (out.empty()) {
    return Error(Code::InvalidArgument, "no source is named")
        .with_hint(std::string("name one or more of ") + kValid + ", or leave it out to ask all");
  }
  return out;
}

std::string_view to_string(Verification verification) {
  return verification == Verification::Content ? "content" : "daemon";
}

std::optional<Verification> parse_verification(std::string_view text) {
  for (Verification level : {Verification::Daemon, Verification::Content}) {
    if (text == to_string(level)) {
      return level;
    }
  }
  return std::nullopt;
}

std::string_view default_trust(SourceKind source) {
  switch (source) {
    case SourceKind::File:
      return "file";
    case SourceKind::Registry:
      return "registry-unsigned-allowed";
    case SourceKind::Docker:
    case SourceKind::Podman:
    case SourceKind::Containerd:
    case SourceKind::OciLayout:
    case SourceKind::Archive:
      break;
  }
  return "local";
}

std::string describe_source(const Provenance& provenance) {
  bool by_place =
      provenance.source == SourceKind::Registry || provenance.source == SourceKind::File ||
      provenance.source == SourceKind::OciLayout || provenance.source == SourceKind::Archive;
  const std::string& detail = by_place ? provenance.location : provenance.route;
  std::string text(to_string(provenance.source));
  return detail.empty() ? text : text + " (" + detail + ")";
}

Platform host_platform() {
  struct Machine {
    std::string_view kernel;
    const char* architecture;
    const char* variant;
  };

  // uname -m on the left, Go's GOARCH (as in OCI images) on the right.
  static constexpr std::array<Machine, 14> kMachines = {{{"x86_64", "amd64", ""},
                                                         {"aarch64", "arm64", "v8"},
                                                         {"armv7l", "arm", "v7"},
                                                         {"armv6l", "arm", "v6"},
                                                         {"i686", "386", ""},
                                                         {"i386", "386", ""},
                                                         {"riscv64", "riscv64", ""},
                                                         {"s390x", "s390x", ""},
                                                         {"ppc64le", "ppc64le", ""},
                                                         {"ppc64", "ppc64", ""},
                                                         {"loongarch64", "loong64", ""},
                                                         {"mips64", "mips64le", ""},
                                                         {"mips", "mipsle", ""},
                                                         {"armv8l", "arm", "v7"}}};
  utsname name = {};
  ::uname(&name);
  std::string_view machine = static_cast<const char*>(name.machine);
  for (const Machine& known : kMachines) {
    if (known.kernel == machine) {
      return Platform{.os = "linux", .architecture = known.architecture, .variant = known.variant};
    }
  }
  return Platform{.os = "linux", .architecture = std::string(machine)};
}

std::string to_string(const Platform& platform) {
  std::string text = platform.os + "/" + platform.architecture;
  return platform.variant.empty() ? text : text + "/" + platform.variant;
}

}  // namespace bpfman
