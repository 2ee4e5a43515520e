// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/file.h"
#include "bpfman/image/image_file.h"
#include "bpfman/image/mirrors.h"
#include "bpfman/image/registry_config.h"
#include "bpfman/image/resolver.h"
#include "bpfman/image/signature_finder.h"

namespace bpfman::image {

Result<ResolvedImage> Resolver::from_file() {
  std::string path = TRY(absolute_path(reference_.path()));
  FileImage found = TRY(
      read_image_file(reference_.transport(), path, reference_.name_inside(), options_.platform));
  Provenance provenance;
  provenance.source =
      reference_.transport() == Transport::OciLayout ? SourceKind::OciLayout : SourceKind::Archive;
  provenance.location = path;
  provenance.canonical_name = found.name;
  provenance.image_id = found.image_id;
  provenance.manifest_digest = found.manifest_digest;
  provenance.index_digest = found.index_digest;
  reference_ = reference_.with_path(path);
  ResolvedImage out = TRY(finish(std::move(found.extracted), std::move(provenance)));
  out.record.signatures = std::move(found.signatures);
  out.signature_note = std::move(found.signature_note);
  return out;
}

std::string Resolver::why_not_pulled() const {
  if (source_.policy == PullPolicy::Never) {
    return "not asked: the pull policy is Never";
  }
  if (reference_.registry() == "localhost") {
    return "not asked: names that begin with localhost/ never leave this host";
  }
  if (reference_.is_short() && reference_.may_be_id()) {
    return "not asked: the name may be an image id; docker.io/library/" + reference_.typed() +
           " asks for a repository of that name";
  }
  return "";
}

Result<std::optional<ResolvedImage>> Resolver::from_registry() {
  std::string place = "registry " + reference_.registry();
  std::string why = why_not_pulled();
  if (!why.empty()) {
    misses_.push_back(Miss{place, why});
    return std::optional<ResolvedImage>();
  }
  Result<Pulled> pulled = pull_image();
  if (!pulled.ok()) {
    const Error& error = pulled.error();
    if (!leads_on(error) || (misses_.empty() && reference_.transport() == Transport::Registry)) {
      return std::move(pulled).error();
    }
    why = error.message();
    if (error.code() == Code::Unavailable && before_registry_ < asked_.size()) {
      warnings_.push_back(place + " was passed over: " + why);
    }
    for (const std::string& hint : error.hints()) {
      why += "; " + hint;
    }
    misses_.push_back(Miss{place, why});
    return std::optional<ResolvedImage>();
  }
  Provenance provenance;
  provenance.source = SourceKind::Registry;
  provenance.location = pulled->registry;
  provenance.canonical_name = pulled->canonical_name;
  provenance.image_id = pulled->image_id;
  provenance.manifest_digest = pulled->manifest_digest;
  provenance.index_digest = pulled->index_digest;
  warnings_.insert(warnings_.end(), pulled->warnings.begin(), pulled->warnings.end());
  ResolvedImage out = TRY(finish(std::move(pulled->extracted), std::move(provenance)));
  out.record.signatures = std::move(pulled->signatures);
  out.signature_note = std::move(pulled->signature_note);
  return std::optional(std::move(out));
}

bool Resolver::wants_signatures(const ImageRecord& record) const {
  return options_.wants_signatures &&
         options_.wants_signatures(record.provenance, record.reference);
}

bool Resolver::take_stored_signatures(LocalImage& image, ResolvedImage& out) {
  Result<StoredSignatures> stored = image.read_signatures();
  if (!stored.ok()) {
    out.signature_note = stored.error().message();
    return false;
  }
  if (stored->unchecked > 0) {
    out.signature_note = "the store keeps " + std::to_string(stored->unchecked) +
                         " of its signatures in a form that bpfman does not check (GPG)";
  }
  if (stored->documents.empty()) {
    return false;
  }
  out.record.provenance.manifest_digest = stored->manifest_digest;
  out.record.provenance.index_digest = stored->index_digest;
  out.record.signatures = std::move(stored->documents);
  return true;
}

bool Resolver::look_for_signatures(ResolvedImage& out) {
  ImageRecord& record = out.record;
  if (!wants_signatures(record)) {
    return false;
  }
  if (!record.signatures.empty() &&
      (!options_.has_enough_signatures || options_.has_enough_signatures(out))) {
    return false;
  }
  auto add_note = [&out](const std::string& text) {
    out.signature_note += (out.signature_note.empty() ? "" : "; ") + text;
  };
  std::string why = reference_.is_id() || reference_.is_file()
                        ? "its name names no registry that could have them"
                        : why_not_pulled();
  if (why.empty() && !look_up_.asks(SourceKind::Registry)) {
    why = "not asked: the registry is not among the sources";
  }
  if (!why.empty()) {
    add_note("registry " + reference_.registry() + ": " + why);
    return false;
  }
  PullContext context = make_context();
  Interrupts::Watch watch(options_.interrupts);
  Result<RemoteSignatures> found =
      fetch_signatures(reference_, record.provenance.image_id, context, options_.platform);
  if (!found.ok()) {
    add_note(found.error().message());
    return false;
  }
  if (found->documents.empty() && !record.signatures.empty()) {
    return false;
  }
  record.provenance.manifest_digest = found->manifest_digest;
  record.provenance.index_digest = found->index_digest;
  record.signatures = std::move(found->documents);
  return true;
}

PullContext Resolver::make_context() {
  return registry_context(
      environment_, source_.registry_auth, options_.progress, options_.interrupts, warnings_);
}

Result<Pulled> Resolver::pull_image() {
  PullContext context = make_context();
  if (options_.wants_signatures) {
    context.wants_signatures = [&](const Pulled& pulled) {
      Provenance provenance{.source = SourceKind::Registry,
                            .location = pulled.registry,
                            .canonical_name = pulled.canonical_name};
      return options_.wants_signatures(provenance, reference_.normal_form());
    };
  }
  Interrupts::Watch watch(options_.interrupts);
  Result<Pulled> pulled = pull(reference_, context, options_.platform);
  if (pulled.ok() && options_.interrupts != nullptr && options_.interrupts->requested()) {
    return options_.interrupts->error("pull " + reference_.typed());
  }
  return pulled;
}

Result<ResolvedImage> Resolver::finish(Extracted extracted, Provenance provenance) {
  ResolvedImage out;
  const Platform& own = extracted.platform;
  if (!own.architecture.empty() && own.architecture != options_.platform.architecture) {
    warnings_.push_back("image " + reference_.typed() + " is for " + to_string(own) +
                        ", this host is " + to_string(options_.platform) +
                        ": programs that look into registers or kernel structures may not fit");
  }
  provenance.route = extracted.route;
  provenance.verification = extracted.verification;
  provenance.requested_by_uid = environment_.invoking_user.has_value()
                                    ? environment_.invoking_user->uid
                                    : environment_.effective_uid;
  provenance.fetched_at = options_.now;
  provenance.trust = default_trust(provenance.source);
  out.labels = std::move(extracted.ebpf);
  out.bytecode.digest = Digest::sha256_of(extracted.bytes);
  out.bytecode.file_name = extracted.file_name;
  out.record = ImageRecord{.reference = reference_.normal_form(),
                           .typed = reference_.typed(),
                           .bytecode = out.bytecode.digest,
                           .bytecode_size = extracted.bytes.size(),
                           .file_name = extracted.file_name,
                           .labels = std::move(extracted.labels),
                           .provenance = std::move(provenance)};
  out.bytecode.bytes = std::make_shared<const Bytes>(std::move(extracted.bytes));
  out.warnings = std::move(warnings_);
  return out;
}

}  // namespace bpfman::image
