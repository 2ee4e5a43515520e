// SPDX-License-Identifier: Apache-2.0
// Images into registries: out of the database, out of files, and what image build has made.
#include "bpfman/image/oci_layout.h"
#include "bpfman/image/registry_config.h"
#include "bpfman/manager/image_files.h"
#include "bpfman/manager/manager_impl.h"
#include "bpfman/plan/image_planners.h"

namespace bpfman {
namespace {

struct Source {
  std::unique_ptr<image::LayoutFiles> files;
  std::string wanted;  // in there
  std::string name;    // that it has; "" for none
};

Result<Source> open_file_source(const ImageReference& reference) {
  if (reference.transport() == Transport::DockerArchive) {
    return Error(Code::InvalidArgument,
                 "a docker save archive has no manifest that could be pushed as it is")
        .with_hint("load it first: bpfman image load -i " + reference.path() +
                   ", then bpfman image push NAME");
  }
  Source out;
  out.files = TRY(reference.transport() == Transport::OciLayout
                      ? image::open_layout_directory(reference.path())
                      : image::open_layout_archive(reference.path()));
  out.wanted = reference.name_inside();
  out.name = out.wanted;
  if (out.name.empty()) {
    std::vector<std::string> names = TRY(image::names_in_layout(*out.files));
    out.name = names.size() == 1 ? names.front() : std::string();
  }
  return out;
}

Result<Source> open_stored_source(const std::string& word,
                                  std::optional<store::Store> store,
                                  std::int64_t created) {
  std::vector<ImageRecord> records;
  if (store.has_value()) {
    records = TRY(store->list_images());
  }
  ImageRecord record = TRY(plan::find_image(word, records));
  image::NewImage image = TRY(stored_image(record, *store, created).with_context("image " + word));
  image::LayoutWriter writer;
  TRY(writer.add(image));
  return Source{.files = image::make_memory_layout(writer.files(host_platform())),
                .wanted = "",
                .name = image.name};
}

}  // namespace

Result<ImageReference> push_destination(const std::string& text) {
  if (text.empty()) {
    return Error(Code::InvalidArgument, "the image has no name to be pushed to")
        .with_hint("registry, name and tag, as in quay.io/me/my-ebpf-prog:v1");
  }
  ImageReference reference = TRY(ImageReference::parse(text));
  TRY(plan_push(RegistryPolicy{}, reference));
  return reference;
}

Result<PushImageReply> Manager::Impl::push_layout(image::LayoutFiles& files,
                                                  const std::string& wanted,
                                                  const std::string& destination,
                                                  const std::string& registry_auth) {
  std::vector<std::string> warnings;
  image::PullContext context = image::registry_context(
      options.environment, registry_auth, options.progress, options.interrupts, warnings);
  ImageReference target = TRY(push_destination(destination));
  image::PushRequest request{
      .wanted = wanted, .destination = std::move(target), .platform = host_platform()};
  Interrupts::Watch watch(options.interrupts);
  image::Pushed pushed = TRY(image::push(files, request, context));
  warnings.insert(warnings.end(), pushed.warnings.begin(), pushed.warnings.end());
  return PushImageReply{.reference = std::move(pushed.reference),
                        .registry = std::move(pushed.registry),
                        .digest = std::move(pushed.digest),
                        .uploaded = pushed.uploaded,
                        .present = pushed.present,
                        .bytes = pushed.bytes,
                        .warnings = std::move(warnings)};
}

Result<PushImageReply> Manager::push_image(const PushSpec& spec) {
  Result<ImageReference> reference = ImageReference::parse(spec.image);
  Source source;
  if (reference.ok() && reference->is_file()) {
    source = TRY(open_file_source(*reference).with_context(spec.image));
  } else {
    std::int64_t created = TRY(source_date(impl_->options.environment));
    std::optional<store::Store> store = TRY(impl_->open_for_reading());
    source = TRY(open_stored_source(spec.image, std::move(store), created));
  }
  return impl_->push_layout(*source.files,
                            source.wanted,
                            spec.destination.empty() ? source.name : spec.destination,
                            spec.registry_auth);
}

}  // namespace bpfman
