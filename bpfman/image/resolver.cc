// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/resolver.h"

#include "bpfman/model/ebpf_labels.h"

namespace bpfman::image {
namespace {

// How often an image is looked up again when something vanished or changed while it was read.
constexpr int kTries = 3;

std::string place_of(const ContainerRuntime& runtime) {
  return runtime.name() + " (" + runtime.location() + ")";
}

}  // namespace

Resolver::Resolver(std::vector<std::unique_ptr<ContainerRuntime>>& runtimes,
                   ImageDatabase* database,
                   const Environment& environment,
                   const ImageManagerOptions& options,
                   const ImageSource& source,
                   ImageReference reference,
                   LookUp look_up)
    : database_(database),
      environment_(environment),
      options_(options),
      source_(source),
      reference_(std::move(reference)),
      look_up_(std::move(look_up)) {
  for (SourceKind kind : look_up_.kinds) {
    if (kind == SourceKind::Registry) {
      before_registry_ = asked_.size();
    }
    for (const std::unique_ptr<ContainerRuntime>& runtime : runtimes) {
      if (runtime->kind() == kind) {
        asked_.push_back(runtime.get());
      }
    }
  }
}

Result<ResolvedImage> Resolver::resolve() {
  if (reference_.is_file()) {
    return from_file();
  }
  bool use_database = database_ != nullptr && source_.policy != PullPolicy::Always &&
                      reference_.transport() == Transport::Any;
  if (use_database) {
    std::optional<ImageRecord> record = TRY(database_->find_image(reference_.normal_form()));
    if (record.has_value() && look_up_.only_named && !look_up_.asks(record->provenance.source)) {
      misses_.push_back(Miss{"bpfman's database",
                             "its copy came from " + describe_source(record->provenance) +
                                 ", which is not in --from"});
    } else if (record.has_value()) {
      std::optional<ResolvedImage> stored = TRY(from_database(*record));
      if (stored.has_value()) {
        return std::move(*stored);
      }
    } else {
      misses_.push_back(Miss{"bpfman's database", "not there"});
    }
  }
  return from_sources();
}

Result<ResolvedImage> Resolver::from_sources() {
  std::size_t end = look_up_.asks(SourceKind::Registry) ? before_registry_ : asked_.size();
  std::optional<ResolvedImage> found = TRY(from_runtimes(0, end));
  if (!found.has_value() && look_up_.asks(SourceKind::Registry)) {
    found = TRY(from_registry());
  }
  if (!found.has_value()) {
    found = TRY(from_runtimes(end, asked_.size()));
  }
  if (!found.has_value()) {
    return not_found(reference_, misses_, look_up_);
  }
  return std::move(*found);
}

Result<Resolver::Found> Resolver::find_first(std::size_t& next, std::size_t end) {
  for (; next < end; ++next) {
    ContainerRuntime& runtime = *asked_[next];
    ContainerRuntime::Answer answer =
        TRY(runtime.find(reference_).with_context("look for image " + reference_.typed()));
    if (answer.image != nullptr) {
      ++next;
      return Found{&runtime, std::move(answer.image)};
    }
    misses_.push_back(Miss{place_of(runtime), answer.why_missing});
  }
  return Found{};
}

Result<std::optional<ResolvedImage>> Resolver::from_database(const ImageRecord& record) {
  ResolvedImage out;
  Result<Found> look = Found{};
  if (!options_.trust_database) {
    std::size_t next = 0;
    look = find_first(next, asked_.size());
    misses_.clear();
    if (!look.ok()) {
      out.warnings.push_back("using the copy of " + reference_.typed() +
                             " in bpfman's database: " + look.error().message());
    } else if (look->image == nullptr) {
      bool was_local = record.provenance.source == SourceKind::Docker ||
                       record.provenance.source == SourceKind::Podman ||
                       record.provenance.source == SourceKind::Containerd;
      if (was_local && look_up_.asks(record.provenance.source)) {
        out.warnings.push_back(
            reference_.typed() +
            " is in no local store any more: using the copy in bpfman's database");
      }
    } else if (look->image->description().image_id != record.provenance.image_id) {
      return rebuilt(record, *look);
    }
  }
  Result<Bytes> bytes = database_->read_blob(record.bytecode);
  if (!bytes.ok()) {
    warnings_.push_back("the copy in bpfman's database cannot be used: " + bytes.error().message());
    misses_.push_back(
        Miss{"bpfman's database", "its copy cannot be used: " + bytes.error().message()});
    return std::optional<ResolvedImage>();
  }
  out.record = record;
  out.labels = TRY(parse_ebpf_labels(record.labels));
  out.bytecode = Bytecode{.bytes = std::make_shared<const Bytes>(std::move(*bytes)),
                          .digest = record.bytecode,
                          .file_name = record.file_name};
  out.from_database = true;
  if (out.record.signatures.empty() && wants_signatures(out.record)) {
    bool stored = look.ok() && look->image != nullptr && take_stored_signatures(*look->image, out);
    out.record_changed = look_for_signatures(out) || stored;
  }
  return std::optional(std::move(out));
}

Result<std::optional<ResolvedImage>> Resolver::rebuilt(const ImageRecord& record, Found& found) {
  Digest now = found.image->description().image_id;
  ResolvedImage out = TRY(extract(found));
  if (out.record.bytecode != record.bytecode) {
    out.warnings.push_back(reference_.typed() + " is another image in " + found.runtime->name() +
                           " now: using sha256:" + now.short_hex() +
                           " instead of sha256:" + record.provenance.image_id.short_hex());
  }
  return std::optional(std::move(out));
}

Result<std::optional<ResolvedImage>> Resolver::from_runtimes(std::size_t next, std::size_t end) {
  Found found = TRY(find_first(next, end));
  if (found.image == nullptr) {
    return std::optional<ResolvedImage>();
  }
  ResolvedImage out = TRY(extract(found));
  TRY(compare_with_others(out, found.runtime->name(), next));
  return std::optional(std::move(out));
}

Result<void> Resolver::compare_with_others(ResolvedImage& chosen,
                                           const std::string& place,
                                           std::size_t next) {
  for (; next < asked_.size(); ++next) {
    ContainerRuntime& runtime = *asked_[next];
    Result<ContainerRuntime::Answer> answer = runtime.find(reference_);
    if (!answer.ok() || answer->image == nullptr ||
        answer->image->description().image_id == chosen.record.provenance.image_id) {
      continue;
    }
    Result<Extracted> other = extract_local(*answer->image, reference_.typed(), options_.platform);
    if (!other.ok() || Digest::sha256_of(other->bytes) == chosen.bytecode.digest) {
      continue;
    }
    std::string text = place_of(runtime) + " holds a different program under the name " +
                       reference_.typed() + "; the one of " + place + " is used";
    if (options_.strict) {
      return Error(Code::FailedPrecondition,
                   place_of(runtime) + " and " + place +
                       " hold different programs under the name " + reference_.typed())
          .with_hint("say which: docker-daemon:" + reference_.typed() + ", containers-storage:" +
                     reference_.typed() + " or containerd:" + reference_.typed());
    }
    chosen.warnings.push_back(std::move(text));
  }
  return {};
}

Result<ResolvedImage> Resolver::extract(Found& found) {
  Result<Extracted> extracted = extract_local(*found.image, reference_.typed(), options_.platform);
  for (int i = 1;
       i < kTries && !extracted.ok() &&
       (extracted.error().code() == Code::NotFound || extracted.error().code() == Code::DataLoss);
       ++i) {
    // Something may have been retagged, removed or pruned in between: what does the name mean
    // now?
    ContainerRuntime::Answer again = TRY(found.runtime->find(reference_));
    if (again.image == nullptr) {
      return Error(Code::NotFound,
                   "image " + reference_.typed() + " was removed from " + found.runtime->name() +
                       " while it was read");
    }
    found.image = std::move(again.image);
    extracted = extract_local(*found.image, reference_.typed(), options_.platform);
  }
  if (!extracted.ok()) {
    return std::move(extracted).error();
  }
  const ImageDescription& description = found.image->description();
  Provenance provenance;
  provenance.source = found.runtime->kind();
  provenance.location = found.runtime->location();
  provenance.canonical_name = description.canonical_name;
  provenance.image_id = description.image_id;
  provenance.manifest_digest = description.manifest_digest;
  ResolvedImage out = TRY(finish(std::move(*extracted), std::move(provenance)));
  take_stored_signatures(*found.image, out);
  look_for_signatures(out);
  return out;
}

}  // namespace bpfman::image
