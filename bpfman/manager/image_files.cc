// SPDX-License-Identifier: Apache-2.0
// Images of the database into files, and back.
#include "bpfman/manager/image_files.h"

#include <set>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/image/bundle.h"
#include "bpfman/image/image_file.h"
#include "bpfman/image/image_writer.h"
#include "bpfman/image/registry_config.h"
#include "bpfman/manager/bundle_policy.h"
#include "bpfman/manager/manager_impl.h"
#include "bpfman/model/image_reference.h"
#include "bpfman/plan/image_planners.h"

namespace bpfman {
namespace {

constexpr std::size_t kMaxImages = 100;

// The reference that an image of a file gets in the database.
Result<ImageReference> name_in_database(const std::string& name, const std::string& path) {
  if (name.empty()) {
    return Error(Code::InvalidArgument, path + " holds an image without a name")
        .with_hint("give it one: bpfman image load -i " + path + " --tag my-ebpf-prog:dev");
  }
  ImageReference reference = TRY(ImageReference::parse(name).with_context(path));
  if (reference.transport() != Transport::Any) {
    return Error(Code::InvalidArgument, "\"" + name + "\" is no name for an image of the database")
        .with_hint("a name without a transport, as in my-ebpf-prog:dev");
  }
  return reference;
}

Result<FoundBytecode> find_in_file(image::ImageManager& images,
                                   const std::string& where,
                                   const std::string& inside,
                                   const ImageReference& reference) {
  std::string source = where + (inside.empty() ? "" : ":" + inside);
  FoundBytecode found = TRY(resolve_image(ImageSource{.reference = source}, images));
  found.facts.image->reference = reference.normal_form();
  found.facts.image->typed = reference.typed();
  found.facts.image_reference = reference.normal_form();
  return found;
}

// The images that are named with docker://; none, or all.
Result<std::vector<ImageReference>> registry_references(const std::vector<std::string>& images) {
  std::vector<ImageReference> out;
  for (const std::string& word : images) {
    if (word.starts_with(prefix_of(Transport::Registry))) {
      ImageReference reference = TRY(ImageReference::parse(word));
      out.push_back(std::move(reference));
    }
  }
  if (!out.empty() && out.size() != images.size()) {
    return Error(Code::InvalidArgument,
                 "images of the database and images of registries do not go into one file")
        .with_hint("save them into two");
  }
  return out;
}

Result<SaveImagesReply> save_bundle(const ManagerOptions& options,
                                    const std::vector<ImageReference>& images,
                                    const std::string& path,
                                    const std::optional<std::string>& policy) {
  SaveImagesReply reply;
  image::BundleWriter writer;
  if (policy.has_value()) {
    image::BundlePolicy read =
        TRY(policy_for_bundle(policy->empty() ? options.layout.policy() : *policy));
    reply.policy = digest_of(read);
    writer.add_policy(read);
  }
  image::PullContext context =
      image::registry_context(options.environment,
                              options.environment.get("BPFMAN_REGISTRY_AUTH").value_or(""),
                              options.progress,
                              options.interrupts,
                              reply.warnings);
  Interrupts::Watch watch(options.interrupts);
  for (const ImageReference& reference : images) {
    image::BundleWriter::Added added = TRY(writer.add(reference, context));
    reply.references.push_back(added.name);
    reply.signatures += added.signatures;
    reply.warnings.insert(reply.warnings.end(), added.warnings.begin(), added.warnings.end());
  }
  if (options.interrupts != nullptr && options.interrupts->requested()) {
    return options.interrupts->error("save " + images.front().typed());
  }
  Bytes tar = TRY(writer.tar());
  reply.path = TRY(absolute_path(path));
  reply.size = tar.size();
  TRY(write_file_atomic(reply.path, tar, 0644));
  return reply;
}

}  // namespace

Result<std::int64_t> source_date(const Environment& environment) {
  std::optional<std::string> text = environment.get("SOURCE_DATE_EPOCH");
  if (!text.has_value()) {
    return std::int64_t{0};
  }
  std::optional<std::uint64_t> seconds = parse_unsigned(*text);
  if (!seconds.has_value() || *seconds > 253'402'300'799) {
    return Error(Code::InvalidArgument, "SOURCE_DATE_EPOCH is no time: \"" + *text + "\"")
        .with_hint("seconds since 1970, as in SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)");
  }
  return static_cast<std::int64_t>(*seconds);
}

std::string name_outside(const ImageRecord& record) {
  Result<ImageReference> reference = ImageReference::parse(record.reference);
  if (reference.ok() && reference->is_file()) {
    reference = ImageReference::parse(reference->name_inside());
  }
  bool plain = reference.ok() && !reference->is_id() && !reference->digest().has_value() &&
               reference->transport() == Transport::Any;
  return plain ? reference->normal_form() : std::string();
}

Result<image::NewImage> stored_image(const ImageRecord& record,
                                     store::Store& store,
                                     std::int64_t created) {
  Bytes bytes = TRY(store.read_blob(record.bytecode));
  image::PlatformObject object{.platform = host_platform(),
                               .file_name = base_name(record.file_name),
                               .bytes = std::move(bytes),
                               .labels = record.labels};
  return image::NewImage{
      .name = name_outside(record), .objects = {std::move(object)}, .created = created};
}

Result<SaveImagesReply> Manager::save_images(const std::vector<std::string>& images,
                                             const std::string& path,
                                             const std::optional<std::string>& policy) {
  if (images.size() > kMaxImages) {
    return Error(Code::ResourceExhausted, "more than 100 images at once");
  }
  std::vector<ImageReference> remote = TRY(registry_references(images));
  if (!remote.empty()) {
    return save_bundle(impl_->options, remote, path, policy);
  }
  if (policy.has_value()) {
    return Error(Code::InvalidArgument, "a policy goes with images of registries only")
        .with_hint("bpfman image save docker://NAME -o FILE --with-policy");
  }
  std::optional<store::Store> store = TRY(impl_->open_for_reading());
  std::vector<ImageRecord> records;
  if (store.has_value()) {
    records = TRY(store->list_images());
  }
  std::int64_t created = TRY(source_date(impl_->options.environment));
  image::LayoutWriter writer;
  SaveImagesReply reply;
  std::set<std::string> saved;
  for (const std::string& word : images) {
    ImageRecord record = TRY(plan::find_image(word, records));
    if (!saved.insert(record.reference).second) {
      continue;
    }
    image::NewImage image =
        TRY(stored_image(record, *store, created).with_context("image " + word));
    TRY(writer.add(image));
    reply.references.push_back(record.reference);
  }
  Bytes tar = TRY(writer.tar(host_platform()));
  reply.path = TRY(absolute_path(path));
  reply.size = tar.size();
  TRY(write_file_atomic(reply.path, tar, 0644));
  return reply;
}

Result<LoadImagesReply> Manager::load_images(const std::string& path,
                                             const std::string& tag,
                                             DryRun dry_run) {
  std::string whole = TRY(absolute_path(path));
  if (whole.find(':') != std::string::npos) {
    return Error(Code::InvalidArgument, "the path " + whole + " has a colon")
        .with_hint("rename it: a colon ends the path in names like oci-archive:FILE:NAME");
  }
  Transport transport = TRY(image::tell_format(whole));
  std::vector<std::string> names = TRY(image::names_in_file(transport, whole));
  if (names.empty() || names.size() > kMaxImages) {
    return Error(names.empty() ? Code::NotFound : Code::ResourceExhausted,
                 whole + (names.empty() ? " holds no image" : " holds more than 100 images"));
  }
  if (!tag.empty() && names.size() > 1) {
    return Error(Code::InvalidArgument,
                 whole + " holds " + std::to_string(names.size()) +
                     " images, so --tag cannot name them: " + join(names, ", "))
        .with_hint("load one of them: bpfman image pull " + std::string(prefix_of(transport)) +
                   whole + ":" + names.front());
  }
  const TrustGate* gate = TRY(impl_->gate());
  image::ImageManager images = impl_->make_images(nullptr);
  LoadImagesReply reply;
  std::optional<image::BundlePolicy> policy = TRY(policy_of_bundle(whole));
  if (policy.has_value() && !is_installed(*policy, impl_->options.layout)) {
    reply.warnings.push_back("the file brings a policy, " + digest_of(*policy).text() +
                             ", which is not used; to make it " + impl_->options.layout.policy() +
                             ": bpfman image load -i " + path + " --install-policy");
  }
  std::vector<FoundBytecode> found;
  for (const std::string& name : names) {
    ImageReference reference = TRY(name_in_database(tag.empty() ? name : tag, whole));
    FoundBytecode one =
        TRY(find_in_file(images, std::string(prefix_of(transport)) + whole, name, reference));
    TRY(gate->admit(one, "image " + reference.typed()));
    reply.warnings.insert(reply.warnings.end(), one.warnings.begin(), one.warnings.end());
    found.push_back(std::move(one));
  }
  std::optional<WriteSession> session;
  if (dry_run == DryRun::No) {
    session = TRY(impl_->open_writing());
  }
  plan::Snapshot snapshot = TRY(session.has_value() ? session->snapshot() : impl_->look());
  std::vector<plan::BytecodeFacts> facts;
  Materials materials;
  for (const FoundBytecode& one : found) {
    facts.push_back(one.facts);
    materials[one.bytecode.digest] = one.bytecode.view();
    reply.records.push_back(*one.facts.image);
  }
  reply.plan = plan::plan_image_load(facts, snapshot);
  if (session.has_value()) {
    TRY(session->run(reply.plan, snapshot, materials));
    // Of those that were just loaded at least the last one stays.
    std::string keep = reply.records.empty() ? std::string() : reply.records.back().reference;
    impl_->keep_below_limit(*session, keep, reply.pruned, reply.warnings);
  }
  return reply;
}

}  // namespace bpfman
