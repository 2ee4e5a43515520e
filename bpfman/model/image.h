// SPDX-License-Identifier: Apache-2.0
// Nouns about images: what was found, where, and how far it can be trusted.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/model/digest.h"
#include "bpfman/model/signature.h"

namespace bpfman {

// Always: the database is not consulted. IfNotPresent: database, local runtimes, registry. Never:
// no network.
enum class PullPolicy { Always, IfNotPresent, Never };
std::string_view to_string(PullPolicy policy);
// Case is ignored; InvalidArgument "unknown pull policy "x"" with the valid ones as a hint.
Result<PullPolicy> parse_pull_policy(std::string_view text);

// Where bytecode came from.
// OciLayout: a directory in the OCI image layout; Archive: a tar of one, or of `docker save`.
enum class SourceKind { File, Docker, Podman, Containerd, Registry, OciLayout, Archive };
std::string_view to_string(
    SourceKind kind);  // "file", "docker", "podman", "containerd", "registry", "oci-layout",
                       // "archive": also what the database keeps
std::optional<SourceKind> parse_source_kind(std::string_view text);

// What images are looked for in, in look-up order.
std::vector<SourceKind> all_image_sources();
// Words of it, in any order. InvalidArgument: another word, one twice, or none.
Result<std::vector<SourceKind>> parse_image_sources(const std::vector<std::string>& words);

// How far "these bytes belong to this image" was proved.
// Daemon: the word of a runtime or of a directory. Content: every hash from the image id down to
// the bytes recomputed.
enum class Verification { Daemon, Content };
std::string_view to_string(Verification verification);  // "daemon", "content"
std::optional<Verification> parse_verification(std::string_view text);

// Provenance::trust where no policy says more: "file", "registry-unsigned-allowed", "local".
std::string_view default_trust(SourceKind source);

// Where a piece of bytecode came from. Kept with every image and program record.
struct Provenance {
  SourceKind source = SourceKind::File;
  std::string route;     // how it was read: "overlay2", "archive", "export", "overlay", "vfs",
                         // "content", "view", "overlayfs", "diff", "registry", "file", "oci",
                         // "oci-archive", "docker-archive"
  std::string location;  // socket, store directory, registry host, or absolute file path
  std::string canonical_name;  // the store's own name of the image ("localhost/my-ebpf-prog:dev");
                               // "" for a file
  Digest image_id;             // config digest; empty for a file
  Digest manifest_digest;      // empty where the store keeps none
  Verification verification = Verification::Daemon;
  std::uint32_t requested_by_uid = 0;  // the invoking user (behind sudo)
  std::int64_t fetched_at = 0;         // unix seconds
  // Which decision let it in: default_trust(); with a policy the rule
  // and what satisfied it: "rule released: signed by release (key sha256:…)".
  std::string trust;
  Digest index_digest;  // of an index that holds the manifest; empty when none led to it
  Digest policy;        // TrustPolicy::id of that decision; empty without a policy
  bool operator==(const Provenance&) const = default;
};

// "docker (overlay2)", "podman (vfs)", "registry (registry.example:5000)", "file (/x/y.o)"
std::string describe_source(const Provenance& provenance);

// One eBPF object with its digest; shared, because the plan and the executor both hold it.
struct Bytecode {
  std::shared_ptr<const Bytes> bytes;
  Digest digest;          // sha256 of bytes
  std::string file_name;  // its name inside the image, or base name of the file

  ByteView view() const { return bytes == nullptr ? ByteView() : ByteView(*bytes); }
};

// What the database knows of an image: reference -> digests, labels, provenance.
struct ImageRecord {
  std::string reference;  // normal form of what the user asked for; the key
  std::string typed;      // as typed the last time
  Digest bytecode;        // sha256 of the ELF
  std::uint64_t bytecode_size = 0;
  std::string file_name;
  std::map<std::string, std::string> labels;
  Provenance provenance;
  std::int64_t last_used = 0;  // unix seconds: when it was pulled or loaded the last time
  // As found, for another decision when the policy changes.
  std::vector<SignatureDocument> signatures;
  bool operator==(const ImageRecord&) const = default;
};

// What a reference meant from provenance.fetched_at on, until the next entry.
struct ImageHistoryEntry {
  Digest bytecode;
  std::uint64_t bytecode_size = 0;
  std::string file_name;
  Provenance provenance;
  bool operator==(const ImageHistoryEntry&) const = default;
};

// A file of the blob store.
struct StoredBlob {
  Digest digest;
  std::uint64_t size = 0;
  bool operator==(const StoredBlob&) const = default;
};

// os/architecture[/variant] in Go's names: "linux", "amd64", "arm64", ...
struct Platform {
  std::string os = "linux";
  std::string architecture;
  std::string variant;
  bool operator==(const Platform&) const = default;
};

Platform host_platform();
std::string to_string(const Platform& platform);

// The io.ebpf.* labels. Source: upstream's image specification; docs/images.md.
struct EbpfLabels {
  std::map<std::string, std::string>
      programs;  // function -> type, from io.ebpf.programs or the legacy labels
  std::map<std::string, std::string> maps;  // map -> type
  std::string file_name;                    // io.ebpf.filename, legacy
  bool operator==(const EbpfLabels&) const = default;
};

}  // namespace bpfman
