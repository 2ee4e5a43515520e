// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/image_manager.h"

#include <algorithm>
#include <chrono>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/image/extract.h"
#include "bpfman/image/image_file.h"
#include "bpfman/image/look_up.h"
#include "bpfman/image/registry.h"
#include "bpfman/image/registry_config.h"
#include "bpfman/image/signature_finder.h"
#include "bpfman/model/ebpf_labels.h"
#include "bpfman/model/image_reference.h"

namespace bpfman::image {
namespace {

// How often an image is looked up again when something vanished or changed while it was read.
constexpr int kTries = 3;

std::string place_of(const ContainerRuntime& runtime) {
  return runtime.name() + " (" + runtime.location() + ")";
}

class Resolver {
 public:
  Resolver(std::vector<std::unique_ptr<ContainerRuntime>>& runtimes,
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

  Result<ResolvedImage> resolve() {
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

 private:
  struct Found {
    ContainerRuntime* runtime = nullptr;
    std::unique_ptr<LocalImage> image;
  };

  Result<ResolvedImage> from_sources() {
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

  // The first runtime that has the name. An error of a runtime ends the search: what it would have
  // said is unknown.
  Result<Found> find_first(std::size_t& next, std::size_t end) {
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

  // The stored copy, unless a local store means another image by the name now. nullopt: the copy
  // cannot be used.
  Result<std::optional<ResolvedImage>> from_database(const ImageRecord& record) {
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
      warnings_.push_back("the copy in bpfman's database cannot be used: " +
                          bytes.error().message());
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
      bool stored =
          look.ok() && look->image != nullptr && take_stored_signatures(*look->image, out);
      out.record_changed = look_for_signatures(out) || stored;
    }
    return std::optional(std::move(out));
  }

  Result<std::optional<ResolvedImage>> rebuilt(const ImageRecord& record, Found& found) {
    Digest now = found.image->description().image_id;
    ResolvedImage out = TRY(extract(found));
    if (out.record.bytecode != record.bytecode) {
      out.warnings.push_back(reference_.typed() + " is another image in " + found.runtime->name() +
                             " now: using sha256:" + now.short_hex() +
                             " instead of sha256:" + record.provenance.image_id.short_hex());
    }
    return std::optional(std::move(out));
  }

  Result<std::optional<ResolvedImage>> from_runtimes(std::size_t next, std::size_t end) {
    Found found = TRY(find_first(next, end));
    if (found.image == nullptr) {
      return std::optional<ResolvedImage>();
    }
    ResolvedImage out = TRY(extract(found));
    TRY(compare_with_others(out, found.runtime->name(), next));
    return std::optional(std::move(out));
  }

  // Whether a later runtime means another program by the same name: predictable beats clever, but
  // it must be said.
  Result<void> compare_with_others(ResolvedImage& chosen,
                                   const std::string& place,
                                   std::size_t next) {
    for (; next < asked_.size(); ++next) {
      ContainerRuntime& runtime = *asked_[next];
      Result<ContainerRuntime::Answer> answer = runtime.find(reference_);
      if (!answer.ok() || answer->image == nullptr ||
          answer->image->description().image_id == chosen.record.provenance.image_id) {
        continue;
      }
      Result<Extracted> other =
          extract_local(*answer->image, reference_.typed(), options_.platform);
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

  Result<ResolvedImage> extract(Found& found) {
    Result<Extracted> extracted =
        extract_local(*found.image, reference_.typed(), options_.platform);
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
    provenance.trust = "local";
    ResolvedImage out = TRY(finish(std::move(*extracted), std::move(provenance)));
    take_stored_signatures(*found.image, out);
    look_for_signatures(out);
    return out;
  }

  // A file holds what it holds: there is nowhere else to look.
  Result<ResolvedImage> from_file() {
    std::string path = TRY(absolute_path(reference_.path()));
    FileImage found = TRY(
        read_image_file(reference_.transport(), path, reference_.name_inside(), options_.platform));
    Provenance provenance;
    provenance.source = reference_.transport() == Transport::OciLayout ? SourceKind::OciLayout
                                                                       : SourceKind::Archive;
    provenance.location = path;
    provenance.canonical_name = found.name;
    provenance.image_id = found.image_id;
    provenance.manifest_digest = found.manifest_digest;
    provenance.index_digest = found.index_digest;
    provenance.trust = "local";
    reference_ = reference_.with_path(path);
    ResolvedImage out = TRY(finish(std::move(found.extracted), std::move(provenance)));
    out.record.signatures = std::move(found.signatures);
    out.signature_note = std::move(found.signature_note);
    return out;
  }

  // Why a registry is not asked although it might be; "" when it is.
  std::string why_not_pulled() const {
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

  // nullopt: not asked, or it could not be had there.
  Result<std::optional<ResolvedImage>> from_registry() {
    std::string place = "registry " + reference_.registry();
    std::string why = why_not_pulled();
    if (!why.empty()) {
      misses_.push_back(Miss{place, why});
      return std::optional<ResolvedImage>();
    }
    Result<Pulled> pulled = pull_image();
    if (!pulled.ok()) {
      const Error& error = pulled.error();
      bool miss = error.code() == Code::NotFound || error.code() == Code::Unavailable ||
                  error.code() == Code::PermissionDenied;
      if (!miss || (misses_.empty() && reference_.transport() == Transport::Registry)) {
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
    provenance.trust = "registry-unsigned-allowed";
    warnings_.insert(warnings_.end(), pulled->warnings.begin(), pulled->warnings.end());
    ResolvedImage out = TRY(finish(std::move(pulled->extracted), std::move(provenance)));
    out.record.signatures = std::move(pulled->signatures);
    out.signature_note = std::move(pulled->signature_note);
    return std::optional(std::move(out));
  }

  bool wants_signatures(const ImageRecord& record) const {
    return options_.wants_signatures &&
           options_.wants_signatures(record.provenance, record.reference);
  }

  // Those that the store keeps beside the image. Whether there are any.
  static bool take_stored_signatures(LocalImage& image, ResolvedImage& out) {
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

  // The signatures of an image that lies here, from the registry that its name names: they travel
  // along the hash chain from the manifest to the image id. Whether the record changed.
  bool look_for_signatures(ResolvedImage& out) {
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

  PullContext make_context() {
    return registry_context(
        environment_, source_.registry_auth, options_.progress, options_.interrupts, warnings_);
  }

  Result<Pulled> pull_image() {
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

  Result<ResolvedImage> finish(Extracted extracted, Provenance provenance) {
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

  std::vector<ContainerRuntime*> asked_;  // in look-up order
  std::size_t before_registry_ = 0;       // that many of them are asked before the registry
  ImageDatabase* database_;
  const Environment& environment_;
  const ImageManagerOptions& options_;
  const ImageSource& source_;
  ImageReference reference_;
  LookUp look_up_;
  std::vector<Miss> misses_;
  std::vector<std::string> warnings_;
};

}  // namespace

struct ImageManager::State {
  std::vector<std::unique_ptr<ContainerRuntime>> runtimes;
  ImageDatabase* database;
  const Environment& environment;
  ImageManagerOptions options;
};

ImageManager::ImageManager(std::vector<std::unique_ptr<ContainerRuntime>> runtimes,
                           ImageDatabase* database,
                           const Environment& environment,
                           ImageManagerOptions options)
    : state_(std::make_unique<State>(
          State{std::move(runtimes), database, environment, std::move(options)})) {}

ImageManager::~ImageManager() = default;

Result<ResolvedImage> ImageManager::resolve(const ImageSource& source) {
  auto begin = std::chrono::steady_clock::now();
  ImageReference reference = TRY(ImageReference::parse(source.reference));
  LookUp look_up = TRY(plan_look_up(reference, source, state_->options.sources));
  Resolver resolver(state_->runtimes,
                    state_->database,
                    state_->environment,
                    state_->options,
                    source,
                    std::move(reference),
                    std::move(look_up));
  ResolvedImage out = TRY(resolver.resolve());
  out.lookup_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begin)
          .count();
  return out;
}

std::vector<RuntimeStatus> ImageManager::probe_sources() {
  const SourceSettings& settings = state_->options.sources;
  std::vector<RuntimeStatus> out;
  for (SourceKind kind : settings.kinds) {
    for (const std::unique_ptr<ContainerRuntime>& runtime : state_->runtimes) {
      if (runtime->kind() == kind) {
        out.push_back(runtime->probe());
      }
    }
  }
  for (const std::unique_ptr<ContainerRuntime>& runtime : state_->runtimes) {
    if (std::find(settings.kinds.begin(), settings.kinds.end(), runtime->kind()) ==
        settings.kinds.end()) {
      out.push_back(
          RuntimeStatus{.kind = runtime->kind(),
                        .name = runtime->name(),
                        .location = runtime->location(),
                        .reason = "not asked: not in images.sources of " + settings.file});
    }
  }
  return out;
}

}  // namespace bpfman::image
