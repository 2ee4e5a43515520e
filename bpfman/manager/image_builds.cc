// SPDX-License-Identifier: Apache-2.0
// Images of object files: bpfman image build, generate-build-args.
#include <algorithm>

#include <sys/stat.h>

#include "bpfman/base/file.h"
#include "bpfman/base/process.h"
#include "bpfman/base/text.h"
#include "bpfman/container/runtimes.h"
#include "bpfman/image/build_inputs.h"
#include "bpfman/image/image_writer.h"
#include "bpfman/manager/image_files.h"
#include "bpfman/manager/manager_impl.h"
#include "bpfman/model/ebpf_labels.h"
#include "bpfman/model/image_reference.h"

namespace bpfman {
namespace {

constexpr std::size_t kObjectLimit = std::size_t{16} << 20;
constexpr std::size_t kMaxInputs = 64;
constexpr std::int64_t kPodmanMs = 300'000;

// The object files among the files of a directory, by name.
Result<void> read_directory(const std::string& path, std::vector<image::BuildInput>& inputs) {
  std::vector<std::string> names = TRY(list_directory(path));
  for (const std::string& name : names) {
    std::string file = join_path(path, name);
    std::optional<struct ::stat> info = TRY(stat_path(file));
    if (!name.ends_with(".o") || !info.has_value() || !S_ISREG(info->st_mode)) {
      continue;
    }
    Bytes bytes = TRY(read_file(file, kObjectLimit));
    if (looks_like_bpf_elf(bytes)) {
      inputs.push_back(image::BuildInput{.path = file, .bytes = std::move(bytes)});
    }
    if (inputs.size() > kMaxInputs) {
      return Error(Code::ResourceExhausted, path + " holds more than 64 eBPF object files");
    }
  }
  return {};
}

Result<std::vector<image::BuildInput>> read_inputs(const std::vector<std::string>& paths) {
  std::vector<image::BuildInput> inputs;
  for (const std::string& path : paths) {
    std::optional<struct ::stat> info = TRY(stat_path(path));
    if (!info.has_value()) {
      return Error(Code::NotFound, "object file \"" + path + "\" does not exist");
    }
    if (S_ISDIR(info->st_mode)) {
      TRY(read_directory(path, inputs));
      continue;
    }
    if (!S_ISREG(info->st_mode) || inputs.size() == kMaxInputs) {
      return Error(
          Code::InvalidArgument,
          path + (S_ISREG(info->st_mode) ? ": more than 64 files at once" : " is no regular file"));
    }
    Bytes bytes = TRY(read_file(path, kObjectLimit));
    inputs.push_back(image::BuildInput{.path = path, .bytes = std::move(bytes)});
  }
  return inputs;
}

// The labels of the first object that this host can read; the programs of all are the same.
Result<std::map<std::string, std::string>> labels_of(const std::vector<image::BuildInput>& inputs) {
  std::optional<Error> first;
  for (const image::BuildInput& input : inputs) {
    Result<std::map<std::string, std::string>> labels = make_ebpf_labels(input.bytes);
    if (labels.ok()) {
      return labels;
    }
    if (!first.has_value()) {
      first = std::move(labels).error().with_context(input.path);
    }
  }
  return first.has_value() ? std::move(*first)
                           : Error(Code::InvalidArgument, "there is no eBPF object file");
}

// How the image is called where it goes; Podman puts short names below localhost/.
Result<std::string> name_of(const BuildSpec& spec) {
  if (spec.target == BuildTarget::Registry) {
    ImageReference destination = TRY(push_destination(spec.tag));
    return destination.normal_form();
  }
  if (spec.tag.empty() && spec.target == BuildTarget::Containerd) {
    return Error(Code::InvalidArgument, "containerd knows images by their names only")
        .with_hint("name it: --tag my-ebpf-prog:dev");
  }
  if (spec.tag.empty()) {
    return std::string();
  }
  ImageReference reference = TRY(ImageReference::parse(spec.tag));
  if (reference.transport() != Transport::Any || reference.is_id() ||
      reference.digest().has_value()) {
    return Error(Code::InvalidArgument, "\"" + spec.tag + "\" cannot be the name of a new image")
        .with_hint("a name and a tag, as in --tag my-ebpf-prog:dev");
  }
  bool local = spec.target == BuildTarget::Podman && reference.is_short();
  return local ? "localhost/" + reference.familiar_form() : reference.normal_form();
}

Result<void> write_layout(const std::string& path, const std::map<std::string, Bytes>& files) {
  TRY(make_directories(path, 0755));
  std::vector<std::string> present = TRY(list_directory(path));
  if (!present.empty()) {
    return Error(Code::AlreadyExists, "directory " + path + " is not empty")
        .with_hint("name a new one, or remove it first");
  }
  // The index last: with it the directory is a layout.
  for (bool index : {false, true}) {
    for (const auto& [name, content] : files) {
      if ((name == "index.json") == index) {
        std::string file = join_path(path, name);
        TRY(make_directories(parent_path(file), 0755));
        TRY(write_file_atomic(file, content, 0644));
      }
    }
  }
  return {};
}

Result<void> load_into_podman(ByteView tar) {
  TempDir directory = TRY(TempDir::create("bpfman-build"));
  std::string file = join_path(directory.path(), "image.tar");
  TRY(write_file_atomic(file, tar, 0600));
  ProcessOutput output = TRY(run_process(ProcessRequest{
      .arguments = {"podman", "load", "--quiet", "--input", file}, .timeout_ms = kPodmanMs}));
  if (output.status != 0) {
    return Error(Code::Unavailable,
                 "podman load failed (status " + std::to_string(output.status) +
                     "): " + std::string(trim(output.err)));
  }
  return {};
}

// The object for this host, as it is recorded.
Result<FoundBytecode> facts_for_database(const image::NewImage& image,
                                         const BuildSpec& spec,
                                         const image::MadeImage& made,
                                         const Environment& environment) {
  Platform host = host_platform();
  std::size_t i = 0;
  while (i < image.objects.size() && image.objects[i].platform.architecture != host.architecture) {
    ++i;
  }
  if (i == image.objects.size()) {
    return Error(Code::FailedPrecondition,
                 "no object file is for this host (" + to_string(host) +
                     "), so the image cannot go into bpfman's database")
        .with_hint("write it to a file: --output oci-archive:image.tar");
  }
  const image::PlatformObject& object = image.objects[i];
  FoundBytecode found;
  auto bytes = std::make_shared<const Bytes>(object.bytes);
  found.facts.elf = TRY(parse_bpf_elf(*bytes).with_context(object.file_name));
  found.bytecode =
      Bytecode{.bytes = bytes, .digest = Digest::sha256_of(*bytes), .file_name = object.file_name};
  found.facts.digest = found.bytecode.digest;
  found.facts.size = bytes->size();
  found.facts.file_name = object.file_name;
  Provenance provenance;
  provenance.source = SourceKind::File;
  provenance.route = "build";
  provenance.location = TRY(absolute_path(spec.paths.front()));
  provenance.canonical_name = image.name;
  provenance.image_id = made.platforms[i].image_id;
  provenance.manifest_digest = made.platforms[i].manifest_digest;
  provenance.verification = Verification::Content;
  provenance.requested_by_uid = environment.invoking_user.has_value()
                                    ? environment.invoking_user->uid
                                    : environment.effective_uid;
  provenance.fetched_at = unix_now();
  provenance.trust = default_trust(SourceKind::File);
  found.facts.image_reference = image.name.empty() ? provenance.image_id.text() : image.name;
  found.facts.provenance = provenance;
  found.facts.image =
      ImageRecord{.reference = found.facts.image_reference,
                  .typed = spec.tag.empty() ? found.facts.image_reference : spec.tag,
                  .bytecode = found.bytecode.digest,
                  .bytecode_size = bytes->size(),
                  .file_name = object.file_name,
                  .labels = object.labels,
                  .provenance = provenance};
  return found;
}

}  // namespace

Result<void> Manager::Impl::deliver(const BuildSpec& spec,
                                    const image::LayoutWriter& writer,
                                    BuildImageReply& reply) {
  Platform host = host_platform();
  if (spec.target == BuildTarget::OciLayout) {
    reply.destination = TRY(absolute_path(spec.output_path));
    return write_layout(reply.destination, writer.files(host));
  }
  if (spec.target == BuildTarget::Containerd) {
    std::map<std::string, Bytes> files = writer.files(host);
    reply.destination = TRY(container::load_into_containerd(
        options.environment,
        options.runtimes,
        spec.output_path,
        container::LayoutImage{.name = reply.reference, .target = reply.digest, .files = files}));
    return {};
  }
  if (spec.target == BuildTarget::Registry) {
    std::unique_ptr<image::LayoutFiles> files = image::make_memory_layout(writer.files(host));
    PushImageReply pushed = TRY(push_layout(*files, "", reply.reference, spec.registry_auth));
    reply.destination = pushed.registry;
    reply.warnings = std::move(pushed.warnings);
    return {};
  }
  Bytes tar = TRY(writer.tar(host));
  if (spec.target == BuildTarget::Docker) {
    reply.destination =
        TRY(container::load_into_docker(options.environment, options.runtimes, tar));
    return {};
  }
  if (spec.target == BuildTarget::Podman) {
    reply.destination = "podman";
    return load_into_podman(tar);
  }
  reply.destination = TRY(absolute_path(spec.output_path));
  return write_file_atomic(reply.destination, tar, 0644);
}

Result<BuildImageReply> Manager::build_image(const BuildSpec& spec, DryRun dry_run) {
  BuildImageReply reply;
  image::NewImage image;
  image.name = TRY(name_of(spec));
  image.created = TRY(source_date(impl_->options.environment));
  std::vector<image::BuildInput> inputs = TRY(read_inputs(spec.paths));
  image.objects = TRY(image::platform_objects(inputs, host_platform()));
  reply.labels = TRY(labels_of(inputs));
  for (image::PlatformObject& object : image.objects) {
    object.labels = reply.labels;
  }
  image::LayoutWriter writer;
  image::MadeImage made = TRY(writer.add(image));
  reply.reference = image.name;
  reply.digest = made.digest;
  for (const image::MadePlatform& platform : made.platforms) {
    reply.platforms.push_back(
        BuiltPlatform{platform.platform, platform.image_id, platform.manifest_digest});
  }
  if (spec.target != BuildTarget::Database) {
    TRY(impl_->deliver(spec, writer, reply));
    return reply;
  }
  FoundBytecode found = TRY(facts_for_database(image, spec, made, impl_->options.environment));
  reply.reference = found.facts.image_reference;
  reply.destination = "bpfman's database";
  std::optional<WriteSession> session;
  if (dry_run == DryRun::No) {
    session = TRY(impl_->open_writing());
  }
  plan::Snapshot snapshot = TRY(session.has_value() ? session->snapshot() : impl_->look());
  reply.plan = TRY(plan::plan_image_pull(found.facts, snapshot));
  reply.plan.verb = "image build";
  if (session.has_value()) {
    TRY(session->run(reply.plan, snapshot, {{found.bytecode.digest, found.bytecode.view()}}));
    impl_->keep_below_limit(*session, reply.reference, reply.pruned, reply.warnings);
  }
  return reply;
}

Result<BuildArgumentsReply> Manager::build_arguments(const std::vector<std::string>& paths) {
  std::vector<image::BuildInput> inputs = TRY(read_inputs(paths));
  std::vector<image::BuildArgument> arguments =
      TRY(image::build_arguments(inputs, host_platform()));
  std::map<std::string, std::string> labels = TRY(labels_of(inputs));
  BuildArgumentsReply reply;
  for (const image::BuildArgument& argument : arguments) {
    reply.arguments.emplace_back(argument.name, argument.path);
    if (argument.name != "BYTECODE_FILE") {
      reply.platforms.push_back(to_string(argument.platform));
    }
  }
  reply.labels = TRY(parse_ebpf_labels(labels));
  return reply;
}

}  // namespace bpfman
