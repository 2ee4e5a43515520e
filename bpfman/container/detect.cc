// SPDX-License-Identifier: Apache-2.0
// Which Docker engines, containers-storages and containerds there are for this user, and for the
// user behind sudo. Source: Docker's command line (DOCKER_HOST, contexts);
// containers-storage.conf(5).
#include <algorithm>
#include <array>

#include <sys/stat.h>

#include "bpfman/base/file.h"
#include "bpfman/base/log.h"
#include "bpfman/container/containerd_rootless.h"
#include "bpfman/container/containerd_store.h"
#include "bpfman/container/docker_inspect.h"
#include "bpfman/container/regular_file.h"
#include "bpfman/container/runtimes.h"
#include "bpfman/container/short_names.h"
#include "bpfman/container/storage_conf.h"

namespace bpfman::container {
namespace {

constexpr std::size_t kConfigurationLimit = std::size_t{1} << 20;

// Where the distributions of containerd listen and keep their images.
struct KnownContainerd {
  const char* name;
  const char* socket;
  const char* root;
};

constexpr std::array<KnownContainerd, 4> kContainerds = {{
    {"containerd", "/run/containerd/containerd.sock", "/var/lib/containerd"},
    {"containerd (k3s)",
     "/run/k3s/containerd/containerd.sock",
     "/var/lib/rancher/k3s/agent/containerd"},
    {"containerd (k0s)", "/run/k0s/containerd.sock", "/var/lib/k0s/containerd"},
    {"containerd (microk8s)",
     "/var/snap/microk8s/common/run/containerd.sock",
     "/var/snap/microk8s/common/var/lib/containerd"},
}};
constexpr const char* kDefaultHost = "unix:///var/run/docker.sock";

bool is_system_engine(std::string_view host) {
  return host == kDefaultHost || host == "unix:///run/docker.sock";
}

std::string read_text(const std::string& path) {
  Bytes bytes = read_regular(path, kConfigurationLimit).value_or({});
  return std::string(as_text(bytes));
}

// Where a context of ~/.docker points to; "" when it says nothing.
std::string context_host(const std::string& docker_directory, const std::string& context) {
  if (context.empty() || context == "default") {
    return {};
  }
  std::string directory(Digest::sha256_of(as_bytes(context)).hex());
  return context_host_of(
      read_text(join_path(docker_directory, "contexts/meta/" + directory + "/meta.json")));
}

std::string engine_data_root() {
  std::string configured = data_root_of(read_text("/etc/docker/daemon.json"));
  return configured.empty() ? "/var/lib/docker" : configured;
}

struct Engine {
  std::string name;
  std::string host;
};

void add_engine(std::vector<Engine>& engines, std::string name, const std::string& host) {
  for (const Engine& known : engines) {
    if (known.host == host || (is_system_engine(known.host) && is_system_engine(host))) {
      return;
    }
  }
  engines.push_back(Engine{std::move(name), host});
}

// A socket in a directory that a user owns counts only if it is that user's socket.
bool is_socket_of(const std::string& path, std::uint32_t uid) {
  std::optional<struct ::stat> info = stat_path(path).value_or(std::nullopt);
  return info.has_value() && S_ISSOCK(info->st_mode) && (info->st_uid == uid || info->st_uid == 0);
}

std::vector<Engine> find_engines(const Environment& environment) {
  std::vector<Engine> engines;
  std::string docker_directory =
      environment.get("DOCKER_CONFIG").value_or(join_path(environment.user.home, ".docker"));
  if (std::optional<std::string> host = environment.get("DOCKER_HOST"); host.has_value()) {
    add_engine(engines, "docker", *host);
    return engines;
  }
  std::string context =
      environment.get("DOCKER_CONTEXT")
          .value_or(current_context_of(read_text(join_path(docker_directory, "config.json"))));
  std::string host = context_host(docker_directory, context);
  if (host.empty() && !context.empty() && context != "default") {
    log::write(log::Level::Warn,
               "container",
               "docker context " + context + " says no host: using " + kDefaultHost);
  }
  add_engine(engines, "docker", host.empty() ? kDefaultHost : host);
  if (std::optional<std::string> runtime = environment.get("XDG_RUNTIME_DIR");
      runtime.has_value()) {
    std::string socket = join_path(*runtime, "docker.sock");
    if (is_socket_of(socket, environment.user.uid)) {
      add_engine(engines, "docker (rootless)", "unix://" + socket);
    }
  }
  if (environment.invoking_user.has_value()) {
    const UserAccount& user = *environment.invoking_user;
    std::string name = "docker (user " + user.name + ")";
    std::string directory = join_path(user.home, ".docker");
    std::string chosen =
        context_host(directory, current_context_of(read_text(join_path(directory, "config.json"))));
    if (chosen.starts_with("unix://") && is_socket_of(chosen.substr(7), user.uid)) {
      add_engine(engines, name, chosen);
    }
    std::string socket = "/run/user/" + std::to_string(user.uid) + "/docker.sock";
    if (is_socket_of(socket, user.uid)) {
      add_engine(engines, name, "unix://" + socket);
    }
  }
  return engines;
}

struct StorageStore {
  std::string name;
  StorageOptions options;
};

// CRI-O shares root's store unless its own configuration says otherwise; what it adds to that store
// is looked in as a part of it.
void add_crio(const std::string& directory, std::vector<StorageStore>& stores) {
  StorageOptions& roots = stores.front().options;
  std::optional<StorageOptions> crio = read_crio_options(directory, roots);
  if (!crio.has_value()) {
    return;
  }
  if (crio->graph_root != roots.graph_root || crio->image_store != roots.image_store) {
    stores.push_back(StorageStore{"crio", std::move(*crio)});
    return;
  }
  for (const std::string& store : crio->additional) {
    if (std::find(roots.additional.begin(), roots.additional.end(), store) ==
        roots.additional.end()) {
      roots.additional.push_back(store);
    }
  }
}

std::vector<StorageStore> find_storages(const Environment& environment,
                                        const RuntimeOptions& options) {
  std::vector<StorageStore> stores;
  ShortNames names = read_short_names(environment, environment.user);
  for (const std::string& root : options.storage_roots) {
    stores.push_back({"podman", StorageOptions{.graph_root = root, .names = names}});
  }
  if (!stores.empty()) {
    return stores;
  }
  bool root = environment.effective_uid == 0;
  StorageOptions own = read_storage_options(environment, environment.user, root);
  own.names = names;
  stores.push_back({"podman", std::move(own)});
  if (root) {
    add_crio(options.crio_directory, stores);
  }
  if (environment.invoking_user.has_value()) {
    const UserAccount& user = *environment.invoking_user;
    StorageOptions theirs = read_storage_options(environment, user, false);
    theirs.names = read_short_names(environment, user);
    stores.push_back({"podman (user " + user.name + ")", std::move(theirs)});
  }
  return stores;
}

ContainerdOptions containerd_at(const std::string& socket) {
  for (const KnownContainerd& known : kContainerds) {
    if (socket == known.socket) {
      return ContainerdOptions{.name = known.name, .socket = socket, .root = known.root};
    }
  }
  return ContainerdOptions{.name = "containerd", .socket = socket};
}

// Those that users run without root: this user's, and that of the user behind sudo.
void add_rootless(const Environment& environment, std::vector<ContainerdOptions>& found) {
  std::optional<ContainerdOptions> one;
  if (environment.effective_uid != 0) {
    one = find_rootless_containerd(environment, environment.user, true);
  } else if (environment.invoking_user.has_value()) {
    one = find_rootless_containerd(environment, *environment.invoking_user, false);
  }
  if (one.has_value()) {
    found.push_back(std::move(*one));
  }
}

std::vector<ContainerdOptions> find_containerds(const Environment& environment,
                                                const RuntimeOptions& options) {
  std::vector<ContainerdOptions> found;
  if (!options.containerd_addresses.empty()) {
    for (std::size_t i = 0; i < options.containerd_addresses.size(); ++i) {
      ContainerdOptions one = containerd_at(socket_path(options.containerd_addresses[i]));
      if (i < options.containerd_roots.size()) {
        one.root = options.containerd_roots[i];
      }
      found.push_back(std::move(one));
    }
  } else if (std::optional<std::string> address = environment.get("CONTAINERD_ADDRESS");
             address.has_value() && !address->empty()) {
    found.push_back(containerd_at(socket_path(*address)));
  } else {
    for (const KnownContainerd& known : kContainerds) {
      // A daemon that was stopped takes its socket with it and leaves its images.
      if (path_exists(known.socket) ||
          path_exists(join_path(known.root, "io.containerd.metadata.v1.bolt/meta.db"))) {
        found.push_back(containerd_at(known.socket));
      }
    }
    if (found.empty()) {
      found.push_back(containerd_at(kContainerds.front().socket));
    }
  }
  bool chosen =
      !options.containerd_addresses.empty() || environment.get("CONTAINERD_ADDRESS").has_value();
  if (!chosen) {
    add_rootless(environment, found);
  }
  for (ContainerdOptions& one : found) {
    one.namespaces = options.containerd_namespaces;
    one.first_namespace = environment.get("CONTAINERD_NAMESPACE").value_or("");
  }
  return found;
}

}  // namespace

std::vector<std::unique_ptr<ContainerRuntime>> make_runtimes(const Environment& environment,
                                                             const RuntimeOptions& options) {
  std::vector<std::unique_ptr<ContainerRuntime>> runtimes;
  if (options.docker) {
    if (options.docker_hosts.empty()) {
      for (const Engine& engine : find_engines(environment)) {
        bool system = is_system_engine(engine.host);
        runtimes.push_back(
            make_docker_runtime(engine.name, engine.host, system ? engine_data_root() : ""));
      }
    } else {
      for (const std::string& host : options.docker_hosts) {
        runtimes.push_back(make_docker_runtime("docker", host, ""));
      }
    }
  }
  if (options.containers_storage) {
    for (StorageStore& store : find_storages(environment, options)) {
      runtimes.push_back(make_storage_runtime(std::move(store.name), std::move(store.options)));
    }
  }
  if (options.containerd) {
    for (ContainerdOptions& one : find_containerds(environment, options)) {
      runtimes.push_back(make_containerd_runtime(std::move(one)));
    }
  }
  return runtimes;
}

}  // namespace bpfman::container
