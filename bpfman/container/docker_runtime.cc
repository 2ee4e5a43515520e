// SPDX-License-Identifier: Apache-2.0
// A Docker engine as a ContainerRuntime: names by the API, bytes out of its overlay2 directory
// where that is readable here, or out of the containerd that keeps its images; with the daemon
// down, names out of the directory as well.
#include <algorithm>
#include <cerrno>

#include "bpfman/base/file.h"
#include "bpfman/container/containerd_daemon.h"
#include "bpfman/container/docker_engine.h"
#include "bpfman/container/overlay_store.h"
#include "bpfman/container/runtimes.h"

namespace bpfman::container {
namespace {

class DockerImage final : public LocalImage {
 public:
  DockerImage(ImageDescription description,
              std::optional<OverlayStore> store,
              std::shared_ptr<DockerEngine> engine)
      : description_(std::move(description)),
        engine_id_(description_.image_id),
        store_(std::move(store)),
        engine_(std::move(engine)) {}

  // Its parts come out of containerd; what that cannot give the engine does.
  DockerImage(std::unique_ptr<LocalImage> inner,
              Digest engine_id,
              std::shared_ptr<DockerEngine> engine)
      : description_(inner->description()),
        engine_id_(std::move(engine_id)),
        engine_(std::move(engine)),
        inner_(std::move(inner)) {}

  const ImageDescription& description() const override { return description_; }

  std::string route() const override {
    if (inner_ != nullptr) {
      return inner_->route();
    }
    return store_.has_value() ? "overlay2" : "archive";
  }

  Result<std::vector<LayerBlob>> open_blobs() override {
    return inner_ != nullptr ? inner_->open_blobs() : LocalImage::open_blobs();
  }

  Result<std::vector<LayerDirectory>> open_layers() override {
    if (inner_ != nullptr) {
      return inner_->open_layers();
    }
    if (!store_.has_value()) {
      return Error(Code::Unimplemented,
                   "the engine shows no layer directories that can be read here");
    }
    return store_->open_layers(description_.diff_ids);
  }

  Result<std::unique_ptr<ByteSource>> open_file_archive(const std::string& path) override {
    if (engine_ == nullptr) {
      return Error(Code::Unimplemented, "the engine is down");
    }
    return engine_->archive_file(engine_id_.text(), path);
  }

  Result<std::unique_ptr<ByteSource>> open_image_archive() override {
    if (engine_ == nullptr) {
      return Error(Code::Unimplemented, "the engine is down");
    }
    return engine_->export_image(engine_id_.text());
  }

 private:
  ImageDescription description_;
  Digest engine_id_;  // what the engine calls it: with containerd not the config's digest
  std::optional<OverlayStore> store_;
  std::shared_ptr<DockerEngine> engine_;
  std::unique_ptr<LocalImage> inner_;
};

class DockerRuntime final : public ContainerRuntime {
 public:
  DockerRuntime(std::string name, std::string host, std::string data_root)
      : name_(std::move(name)), host_(std::move(host)), data_root_(std::move(data_root)) {}

  SourceKind kind() const override { return SourceKind::Docker; }

  std::string name() const override { return name_; }

  std::string location() const override { return host_; }

  RuntimeStatus probe() override;
  Result<Answer> find(const ImageReference& reference) override;

 private:
  Result<std::shared_ptr<DockerEngine>> engine();
  bool is_absent(const Error& error) const;
  // The store behind a daemon that is down; nullopt when there is none that can be read.
  std::optional<OverlayStore> idle_store() const;
  Result<Answer> find_in_idle_store(const OverlayStore& store,
                                    const ImageReference& reference) const;
  // The image out of the containerd that keeps this engine's images; nullopt when it does not, or
  // cannot be read here.
  Result<std::optional<Answer>> find_in_containerd(const DockerInspect& found,
                                                   const std::string& name);

  std::string name_;
  std::string host_;
  std::string data_root_;
  std::shared_ptr<DockerEngine> engine_;
  std::optional<DockerInfo> info_;  // once asked for: it takes the engine ten times a look-up
};

Result<std::shared_ptr<DockerEngine>> DockerRuntime::engine() {
  if (engine_ == nullptr) {
    DockerEngine engine = TRY(DockerEngine::create(host_));
    engine_ = std::make_shared<DockerEngine>(std::move(engine));
  }
  return engine_;
}

std::optional<OverlayStore> DockerRuntime::idle_store() const {
  if (data_root_.empty()) {
    return std::nullopt;
  }
  OverlayStore store(data_root_);
  return store.readable() ? std::optional(store) : std::nullopt;
}

// No socket. A host name that nobody knows is another thing: somebody wrote it into DOCKER_HOST or
// a context, so there is an engine, out of reach.
bool DockerRuntime::is_absent(const Error& error) const {
  return error.code() == Code::NotFound && host_.starts_with("unix://");
}

bool is_down(const Error& error) {
  return error.os() == ECONNREFUSED;
}

// The look-up ends here, for what the engine would have said is unknown.
Error out_of_reach(Error error) {
  if (error.code() == Code::NotFound) {
    error = std::move(error).with_code(Code::Unavailable);
  }
  std::string other = "name another source: containers-storage:NAME, docker://NAME";
  if (!error.hints().empty()) {
    return std::move(error).with_hint("or " + other);
  }
  return std::move(error).with_hint(std::string(error.code() == Code::PermissionDenied
                                                    ? "run bpfman as root"
                                                    : "start it (systemctl start docker)") +
                                    ", or " + other);
}

// What may be the beginning of an id goes as it was typed, without a tag: the engine takes it for a
// name first, and then for an id.
std::string name_for_engine(const ImageReference& reference) {
  return reference.may_be_id() ? reference.typed() : reference.familiar_form();
}

Result<ContainerRuntime::Answer> DockerRuntime::find_in_idle_store(
    const OverlayStore& store, const ImageReference& reference) const {
  std::string name = reference.is_id() ? reference.id_hex() : reference.familiar_form();
  std::optional<Digest> id;
  if (!reference.is_id()) {
    id = TRY(store.find_name(name));
  }
  if (!id.has_value() && reference.may_be_id()) {
    id = TRY(store.find_id(reference.id_hex()));
  }
  if (!id.has_value()) {
    return Answer{nullptr,
                  "the daemon is down and its store " + store.root() + " has no image " + name};
  }
  ImageDescription description;
  description.image_id = *id;
  description.canonical_name = reference.normal_form();
  Result<std::string> config = store.read_config(*id);
  if (!config.ok() && config.error().code() == Code::NotFound) {
    // The name is there and its image is not: no "not found" on which to go on elsewhere.
    return std::move(config).error().with_code(Code::DataLoss).with_context(name);
  }
  description.config_json = TRY(std::move(config));
  description.diff_ids = TRY(parse_diff_ids(description.config_json));
  return Answer{std::make_unique<DockerImage>(std::move(description), store, nullptr), ""};
}

// Where the images of an engine may be: as it says, else where containerd usually listens.
std::vector<std::string> containerd_sockets(const DockerInfo& info) {
  if (!info.containerd_address.empty()) {
    return {info.containerd_address};
  }
  return {"/run/containerd/containerd.sock", "/run/docker/containerd/containerd.sock"};
}

Result<std::optional<ContainerRuntime::Answer>> DockerRuntime::find_in_containerd(
    const DockerInspect& found, const std::string& name) {
  if (!info_.has_value()) {
    Result<DockerInfo> info = engine_->info();
    if (!info.ok()) {
      return std::optional<Answer>();  // it has told of the image, that must do
    }
    info_ = std::move(*info);
  }
  if (info_->driver != "containerd" || !host_.starts_with("unix://")) {
    return std::optional<Answer>();
  }
  std::string space = info_->containerd_namespace.empty() ? "moby" : info_->containerd_namespace;
  for (const std::string& socket : containerd_sockets(*info_)) {
    Result<Answer> answer = open_containerd_image(
        make_containerd_daemon(socket), space, ContainerdName{name, found.id});
    if (answer.ok()) {
      if (answer->image != nullptr) {
        answer->image = std::make_unique<DockerImage>(std::move(answer->image), found.id, engine_);
      }
      return std::optional(std::move(*answer));
    }
    if (answer.error().code() == Code::DataLoss) {
      return std::move(answer).error().with_context(name_);
    }
  }
  return std::optional<Answer>();
}

Result<ContainerRuntime::Answer> DockerRuntime::find(const ImageReference& reference) {
  std::shared_ptr<DockerEngine> docker = TRY(engine());
  std::string name = name_for_engine(reference);
  Result<std::optional<DockerInspect>> inspected = docker->inspect(name);
  if (!inspected.ok()) {
    const Error& error = inspected.error();
    bool gone = is_absent(error) || is_down(error);
    std::optional<OverlayStore> store = gone ? idle_store() : std::nullopt;
    if (store.has_value()) {
      return find_in_idle_store(*store, reference);
    }
    if (is_absent(error)) {
      return Answer{nullptr, "not installed: nothing at " + host_};
    }
    if (error.code() == Code::InvalidArgument) {
      return Answer{nullptr, error.message()};
    }
    return out_of_reach(std::move(inspected).error()).with_context(name_);
  }
  if (!inspected->has_value()) {
    return Answer{nullptr, "no image named " + name};
  }
  DockerInspect& found = **inspected;
  if (found.upper_directory.empty()) {
    std::optional<Answer> answer = TRY(find_in_containerd(found, reference.normal_form()));
    if (answer.has_value()) {
      return std::move(*answer);
    }
  }
  ImageDescription description;
  description.image_id = found.id;
  bool by_id =
      reference.may_be_id() && !found.repo_tags.empty() &&
      std::find(found.repo_tags.begin(), found.repo_tags.end(), reference.familiar_form()) ==
          found.repo_tags.end();
  description.canonical_name = by_id ? found.repo_tags.front() : reference.normal_form();
  description.labels = std::move(found.labels);
  description.diff_ids = found.diff_ids;
  description.platform = found.platform;
  std::optional<OverlayStore> store;
  if (!found.upper_directory.empty()) {
    store = OverlayStore::of_layer(found.upper_directory);
  }
  if (store.has_value()) {
    Result<std::string> config = store->read_config(found.id);
    if (config.ok()) {
      description.config_json = std::move(*config);
      // From here on what the hashed config says counts, not the daemon's word.
      description.diff_ids = TRY(parse_diff_ids(description.config_json));
    } else if (config.error().code() == Code::DataLoss) {
      return std::move(config).error().with_context(name_);
    } else {
      store.reset();  // another mount namespace, or not root: its directories are not to be had
    }
  }
  return Answer{std::make_unique<DockerImage>(std::move(description), std::move(store), docker),
                ""};
}

RuntimeStatus DockerRuntime::probe() {
  RuntimeStatus status{.kind = SourceKind::Docker, .name = name_, .location = host_};
  Result<std::shared_ptr<DockerEngine>> docker = engine();
  if (!docker.ok()) {
    status.present = true;
    status.reason = docker.error().message();
    return status;
  }
  Result<std::string> version = (*docker)->version();
  if (!version.ok()) {
    const Error& error = version.error();
    status.present = !is_absent(error);
    status.reason = is_absent(error) ? "not installed: no socket there" : error.message();
    if (std::optional<OverlayStore> store = idle_store();
        store.has_value() && (is_absent(error) || is_down(error))) {
      status.present = true;
      status.usable = true;
      status.driver = "overlay2";
      status.reason = "the daemon is down; its store " + store->root() + " is read directly";
    }
    return status;
  }
  status.present = true;
  status.usable = true;
  status.version = *version;
  Result<DockerInfo> info = (*docker)->info();
  if (info.ok()) {
    status.driver = info->driver;
    if (info->driver == "containerd" && !info->containerd_address.empty()) {
      status.reason = "its images are in containerd at " + info->containerd_address +
                      ", namespace " + info->containerd_namespace;
    } else if (info->driver != "overlay2" || !OverlayStore(info->root).readable()) {
      status.reason = "its layers cannot be read here: files are copied out by the engine";
    }
  }
  return status;
}

}  // namespace

std::unique_ptr<ContainerRuntime> make_docker_runtime(std::string name,
                                                      std::string host,
                                                      std::string data_root) {
  return std::make_unique<DockerRuntime>(std::move(name), std::move(host), std::move(data_root));
}

}  // namespace bpfman::container
