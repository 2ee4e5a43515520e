// SPDX-License-Identifier: Apache-2.0
// containerd as a ContainerRuntime: by its socket; with the daemon down, out of its directory.
#include <algorithm>
#include <array>
#include <cerrno>

#include "bpfman/base/text.h"
#include "bpfman/container/containerd_daemon.h"
#include "bpfman/container/runtimes.h"

namespace bpfman::container {
namespace {

constexpr std::array<std::string_view, 4> kNamespaces = {"default", "k8s.io", "moby", "buildkit"};

class ContainerdRuntime final : public ContainerRuntime {
 public:
  explicit ContainerdRuntime(ContainerdOptions options)
      : options_(std::move(options)),
        daemon_(make_containerd_daemon(options_.socket,
                                       options_.owner.has_value() ? options_.root : "")) {}

  SourceKind kind() const override { return SourceKind::Containerd; }

  std::string name() const override { return options_.name; }

  std::string location() const override {
    return options_.socket.empty() ? options_.root : "unix://" + options_.socket;
  }

  RuntimeStatus probe() override;
  Result<Answer> find(const ImageReference& reference) override;

 private:
  std::vector<std::string> wanted(const std::vector<std::string>& present,
                                  const std::string& only) const;
  // Of the daemon. NotFound: there is none.
  Result<std::vector<std::string>> namespaces() const;
  Result<Answer> find_in(const std::shared_ptr<ContainerdStore>& store,
                         const std::vector<std::string>& present,
                         const ImageReference& reference) const;
  // What is read instead of the daemon, if that is down; nullptr when there is nothing.
  Result<std::shared_ptr<ContainerdStore>> idle_store(const Error& error) const;

  ContainerdOptions options_;
  std::shared_ptr<ContainerdDaemon> daemon_;
};

bool is_absent(const Error& error) {
  return error.code() == Code::NotFound;
}

bool is_down(const Error& error) {
  return is_absent(error) || error.os() == ECONNREFUSED;
}

Error out_of_reach(Error error) {
  return std::move(error).with_hint(
      std::string(error.code() == Code::PermissionDenied ? "run bpfman as root"
                                                         : "see what is wrong with containerd") +
      ", or name another source: docker-daemon:NAME, containers-storage:NAME, docker://NAME");
}

// Those namespaces that there are, in look-up order; `only` is what the reference asks for.
std::vector<std::string> ContainerdRuntime::wanted(const std::vector<std::string>& present,
                                                   const std::string& only) const {
  std::vector<std::string> order;
  if (!only.empty()) {
    order = {only};
  } else {
    if (!options_.first_namespace.empty()) {
      order.push_back(options_.first_namespace);
    }
    order.insert(order.end(), options_.namespaces.begin(), options_.namespaces.end());
    if (options_.namespaces.empty()) {
      order.insert(order.end(), kNamespaces.begin(), kNamespaces.end());
    }
  }
  std::vector<std::string> out;
  for (std::string& space : order) {
    if (std::find(present.begin(), present.end(), space) != present.end() &&
        std::find(out.begin(), out.end(), space) == out.end()) {
      out.push_back(std::move(space));
    }
  }
  return out;
}

Result<std::vector<std::string>> ContainerdRuntime::namespaces() const {
  if (options_.socket.empty()) {
    return Error(Code::NotFound, "no daemon runs");
  }
  return daemon_->namespaces();
}

Result<std::shared_ptr<ContainerdStore>> ContainerdRuntime::idle_store(const Error& error) const {
  if (!is_down(error) || options_.root.empty()) {
    return std::shared_ptr<ContainerdStore>();
  }
  Result<std::shared_ptr<ContainerdStore>> store =
      options_.owner.has_value() ? open_containerd_directory_of(*options_.owner, options_.root)
                                 : open_containerd_directory(options_.root);
  if (!store.ok() && is_absent(store.error())) {
    return std::shared_ptr<ContainerdStore>();
  }
  return store;
}

// "containerd:NAMESPACE/NAME" with a namespace of this containerd that nobody else knows looks like
// a name of two parts, and is one before it is the other.
Result<ContainerRuntime::Answer> ContainerdRuntime::find_in(
    const std::shared_ptr<ContainerdStore>& store,
    const std::vector<std::string>& present,
    const ImageReference& reference) const {
  const std::string& only = reference.containerd_namespace();
  Answer answer = TRY(find_containerd_image(store, wanted(present, only), reference));
  const std::string& typed = reference.typed();
  std::size_t slash = typed.find('/');
  if (answer.image != nullptr || reference.transport() != Transport::Containerd || !only.empty() ||
      slash == std::string::npos) {
    return answer;
  }
  std::string space = typed.substr(0, slash);
  Result<ImageReference> inside = ImageReference::parse(typed.substr(slash + 1));
  if (!inside.ok() || std::find(present.begin(), present.end(), space) == present.end()) {
    return answer;
  }
  Answer second = TRY(find_containerd_image(store, {space}, *inside));
  return second.image != nullptr ? std::move(second) : std::move(answer);
}

Result<ContainerRuntime::Answer> ContainerdRuntime::find(const ImageReference& reference) {
  std::shared_ptr<ContainerdStore> store = daemon_;
  Result<std::vector<std::string>> present = namespaces();
  if (!present.ok()) {
    store = TRY(idle_store(present.error()).with_context(options_.name));
    if (store == nullptr && is_absent(present.error())) {
      return Answer{nullptr, "not installed: no socket at " + options_.socket};
    }
    if (store == nullptr) {
      return out_of_reach(std::move(present).error()).with_context(options_.name);
    }
    present = store->namespaces();
  }
  std::vector<std::string> spaces = TRY(std::move(present).with_context(options_.name));
  bool idle = store != daemon_;
  Result<Answer> answer = find_in(store, spaces, reference);
  if (!answer.ok()) {
    Error error = std::move(answer).error().with_context(options_.name);
    // The name is there and a part of its image is not: no "not found" on which to go on elsewhere.
    return is_absent(error) ? std::move(error).with_code(Code::DataLoss) : std::move(error);
  }
  if (idle && answer->image == nullptr) {
    answer->why_missing =
        "the daemon is down and its directory " + options_.root + " has " + answer->why_missing;
  }
  return answer;
}

RuntimeStatus ContainerdRuntime::probe() {
  RuntimeStatus status{
      .kind = SourceKind::Containerd, .name = options_.name, .location = location()};
  status.driver = "containerd";
  Result<std::vector<std::string>> spaces = namespaces();
  if (spaces.ok()) {
    status.present = true;
    status.usable = true;
    status.version = daemon_->version().value_or("");
    status.reason = spaces->empty() ? "it has no namespaces, so no images"
                                    : "namespaces " + join(*spaces, ", ");
    return status;
  }
  const Error& error = spaces.error();
  status.present = !is_absent(error);
  status.reason = is_absent(error) ? "not installed: no socket there" : error.message();
  Result<std::shared_ptr<ContainerdStore>> store = idle_store(error);
  if (!store.ok()) {
    status.present = true;
    status.reason = "the daemon is down; " + store.error().message();
  } else if (*store != nullptr) {
    status.present = true;
    status.usable = true;
    status.reason = "the daemon is down; its directory " + options_.root + " is read";
  }
  return status;
}

}  // namespace

std::unique_ptr<ContainerRuntime> make_containerd_runtime(ContainerdOptions options) {
  return std::make_unique<ContainerdRuntime>(std::move(options));
}

}  // namespace bpfman::container
