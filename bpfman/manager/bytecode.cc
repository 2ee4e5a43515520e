// SPDX-License-Identifier: Apache-2.0
#include "bpfman/manager/bytecode.h"

#include <algorithm>
#include <chrono>

#include <sys/stat.h>

#include "bpfman/base/config_file.h"
#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/manager/session.h"
#include "bpfman/model/ebpf_labels.h"
#include "bpfman/model/image_reference.h"

namespace bpfman {
namespace {

constexpr std::size_t kObjectLimit = std::size_t{16} << 20;

std::string without_suffix(std::string name, std::string_view suffix) {
  if (name.size() > suffix.size() && name.ends_with(suffix)) {
    name.resize(name.size() - suffix.size());
  }
  return name;
}

// The default application of an image: the last word of its name, also when it was named by its id.
std::string application_of_image(const ImageRecord& record) {
  for (const std::string& name : {record.reference, record.provenance.canonical_name}) {
    Result<ImageReference> parsed = ImageReference::parse(name);
    if (parsed.ok() && !parsed->is_id() && !parsed->short_name().empty()) {
      return parsed->short_name();
    }
  }
  return record.provenance.image_id.short_hex();
}

}  // namespace

Result<FoundBytecode> read_bytecode_file(const FileSource& source, const Environment& environment) {
  auto begin = std::chrono::steady_clock::now();
  std::optional<struct ::stat> info = TRY(stat_path(source.path));
  if (!info.has_value()) {
    return Error(Code::NotFound, "object file \"" + source.path + "\" does not exist");
  }
  if (S_ISDIR(info->st_mode)) {
    return Error(Code::InvalidArgument, "object path \"" + source.path + "\" is a directory")
        .with_hint("name the compiled object file itself, as in " +
                   join_path(source.path, "program.bpf.o"));
  }
  if (!S_ISREG(info->st_mode)) {
    return Error(Code::InvalidArgument, "object path \"" + source.path + "\" is no regular file");
  }
  FoundBytecode found;
  Bytes content = TRY(read_file(source.path, kObjectLimit));
  auto bytes = std::make_shared<const Bytes>(std::move(content));
  found.facts.elf = TRY(parse_bpf_elf(*bytes).with_context(source.path));
  found.bytecode.bytes = bytes;
  found.bytecode.digest = Digest::sha256_of(*bytes);
  found.bytecode.file_name = base_name(source.path);
  found.facts.digest = found.bytecode.digest;
  found.facts.size = bytes->size();
  found.facts.file_name = found.bytecode.file_name;
  found.facts.default_application =
      without_suffix(without_suffix(found.bytecode.file_name, ".o"), ".bpf");
  Provenance& provenance = found.facts.provenance;
  provenance.source = SourceKind::File;
  provenance.route = "file";
  provenance.location = TRY(absolute_path(source.path));
  provenance.verification = Verification::Content;
  provenance.requested_by_uid = environment.invoking_user.has_value()
                                    ? environment.invoking_user->uid
                                    : environment.effective_uid;
  provenance.fetched_at = unix_now();
  provenance.trust = default_trust(SourceKind::File);
  // cosign sign-blob --bundle writes it there.
  std::string signature = source.path + ".sigstore.json";
  Result<std::optional<Bytes>> document = read_config_file(signature, kSignatureLimit);
  if (!document.ok()) {
    found.signature_note = document.error().message();
  } else if (document->has_value()) {
    found.signatures.push_back(SignatureDocument{.format = SignatureFormat::Bundle,
                                                 .document = std::string(as_text(**document)),
                                                 .location = signature});
  }
  found.lookup_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begin)
          .count();
  return found;
}

Result<FoundBytecode> resolve_image(const ImageSource& source, image::ImageManager& images) {
  image::ResolvedImage resolved = TRY(images.resolve(source));
  FoundBytecode found;
  found.facts.elf =
      TRY(parse_bpf_elf(resolved.bytecode.view())
              .with_context("image " + source.reference + ": " + resolved.bytecode.file_name));
  found.facts.digest = resolved.bytecode.digest;
  found.facts.size = resolved.bytecode.view().size();
  found.facts.file_name = resolved.bytecode.file_name;
  found.facts.labels = std::move(resolved.labels);
  found.facts.image_reference = resolved.record.reference;
  found.facts.provenance = resolved.record.provenance;
  found.facts.default_application = application_of_image(resolved.record);
  if (!resolved.from_database || resolved.record_changed) {
    found.facts.image = resolved.record;
  }
  found.record = std::move(resolved.record);
  found.signature_note = std::move(resolved.signature_note);
  found.bytecode = std::move(resolved.bytecode);
  found.from_database = resolved.from_database;
  found.warnings = std::move(resolved.warnings);
  std::vector<std::string> absent = absent_programs(found.facts.labels, found.facts.elf);
  if (!absent.empty()) {
    found.warnings.push_back("the label io.ebpf.programs of " + source.reference + " names " +
                             join(absent, ", ") + ", which " + found.facts.file_name +
                             " does not hold; correct the label and build the image again");
  }
  found.lookup_ns = resolved.lookup_ns;
  return found;
}

}  // namespace bpfman
