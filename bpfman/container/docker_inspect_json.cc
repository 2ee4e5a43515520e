// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/json_fields.h"
#include "bpfman/container/docker_inspect.h"

namespace bpfman::container {
namespace {

Json parse(std::string_view text) {
  return Json::parse(text, nullptr, false);
}

// The member of an object, or null when it is absent or `json` is no object.
Error nonsense(const char* what) {
  return Error(Code::Unavailable, std::string("the engine's answer is no ") + what)
      .with_hint("is something else listening on its socket?");
}

Result<std::vector<Digest>> digests_of(const Json& json, const char* what) {
  std::vector<Digest> out;
  if (!json.is_array()) {
    return Error(Code::DataLoss, std::string(what) + " is no list");
  }
  for (const Json& item : json) {
    std::optional<Digest> digest = Digest::parse(text_of(item));
    if (!digest.has_value()) {
      return Error(Code::DataLoss, std::string(what) + " holds something that is no digest");
    }
    out.push_back(*digest);
  }
  return out;
}

}  // namespace

Result<DockerInspect> parse_docker_inspect(std::string_view text) {
  Json json = parse(text);
  DockerInspect out;
  std::optional<Digest> id = Digest::parse(text_of(member(json, "Id")));
  if (!json.is_object() || !id.has_value()) {
    return nonsense("image description");
  }
  out.id = *id;
  if (const Json& tags = member(json, "RepoTags"); tags.is_array()) {
    for (const Json& tag : tags) {
      out.repo_tags.push_back(text_of(tag));
    }
  }
  if (const Json& labels = member(member(json, "Config"), "Labels"); labels.is_object()) {
    for (const auto& [name, value] : labels.items()) {
      out.labels[name] = text_of(value);
    }
  }
  if (const Json& layers = member(member(json, "RootFS"), "Layers"); layers.is_array()) {
    out.diff_ids = TRY(digests_of(layers, "RootFS.Layers"));
  }
  out.platform.os = text_of(member(json, "Os"));
  out.platform.architecture = text_of(member(json, "Architecture"));
  out.platform.variant = text_of(member(json, "Variant"));
  const Json& driver = member(json, "GraphDriver");
  out.driver = text_of(member(driver, "Name"));
  const Json& data = member(driver, "Data");
  out.upper_directory = text_of(member(data, "UpperDir"));
  std::string lower = text_of(member(data, "LowerDir"));
  while (!lower.empty()) {
    std::size_t colon = lower.find(':');
    out.lower_directories.push_back(lower.substr(0, colon));
    lower = colon == std::string::npos ? std::string() : lower.substr(colon + 1);
  }
  return out;
}

Result<DockerVersion> parse_docker_version(std::string_view text) {
  Json json = parse(text);
  std::string version = text_of(member(json, "Version"));
  if (version.empty()) {
    return nonsense("version description");
  }
  return DockerVersion{version};
}

Result<DockerInfo> parse_docker_info(std::string_view text) {
  Json json = parse(text);
  DockerInfo out{.driver = text_of(member(json, "Driver")),
                 .root = text_of(member(json, "DockerRootDir"))};
  if (out.driver.empty()) {
    return nonsense("engine description");
  }
  // [["driver-type", "io.containerd.snapshotter.v1"], ...]
  if (const Json& status = member(json, "DriverStatus"); status.is_array()) {
    for (const Json& pair : status) {
      if (pair.is_array() && pair.size() == 2 &&
          text_of(pair[1]) == "io.containerd.snapshotter.v1") {
        out.driver = "containerd";
      }
    }
  }
  const Json& containerd = member(json, "Containerd");
  out.containerd_address = text_of(member(containerd, "Address"));
  out.containerd_namespace = text_of(member(member(containerd, "Namespaces"), "Containers"));
  return out;
}

std::string docker_error_message(std::string_view text) {
  Json json = parse(text);
  return text_of(member(json, "message"));
}

Result<std::string> parse_created_container(std::string_view text) {
  Json json = parse(text);
  std::string id = text_of(member(json, "Id"));
  if (id.empty()) {
    return nonsense("container description");
  }
  return id;
}

Result<std::vector<std::string>> parse_container_ids(std::string_view text,
                                                     std::int64_t created_before) {
  Json json = parse(text);
  if (!json.is_array()) {
    return nonsense("list of containers");
  }
  std::vector<std::string> ids;
  for (const Json& item : json) {
    std::string id = text_of(member(item, "Id"));
    const Json& created = member(item, "Created");
    std::int64_t when = created.is_number_integer() ? created.get<std::int64_t>() : 0;
    if (!id.empty() && when < created_before) {
      ids.push_back(std::move(id));
    }
  }
  return ids;
}

std::string container_request(const std::string& image_id, const std::string& label) {
  Json json = Json::object();
  json["Image"] = image_id;
  json["Cmd"] = Json::array({"none"});
  json["NetworkDisabled"] = true;
  json["Labels"] = Json::object({{label, "1"}});
  json["HostConfig"] = Json::object({{"NetworkMode", "none"}});
  return json.dump();
}

Result<std::optional<Digest>> find_in_repositories(std::string_view text,
                                                   const std::string& familiar_form) {
  Json json = parse(text);
  const Json& repositories = member(json, "Repositories");
  if (!repositories.is_object()) {
    return Error(Code::DataLoss, "repositories.json is no list of repositories");
  }
  for (const auto& [repository, references] : repositories.items()) {
    const Json& id = member(references, familiar_form.c_str());
    if (id.is_string()) {
      std::optional<Digest> digest = Digest::parse(text_of(id));
      if (!digest.has_value()) {
        return Error(Code::DataLoss, "repositories.json has no digest for " + familiar_form);
      }
      return digest;
    }
  }
  return std::optional<Digest>();
}

Result<std::vector<Digest>> repository_ids(std::string_view text) {
  Json json = parse(text);
  const Json& repositories = member(json, "Repositories");
  if (!repositories.is_object()) {
    return Error(Code::DataLoss, "repositories.json is no list of repositories");
  }
  std::vector<Digest> ids;
  for (const auto& [repository, references] : repositories.items()) {
    if (!references.is_object()) {
      continue;
    }
    for (const auto& [reference, id] : references.items()) {
      if (std::optional<Digest> digest = Digest::parse(text_of(id)); digest.has_value()) {
        ids.push_back(*digest);
      }
    }
  }
  return ids;
}

Result<std::vector<Digest>> parse_diff_ids(std::string_view config) {
  Json json = parse(config);
  return digests_of(member(member(json, "rootfs"), "diff_ids"), "rootfs.diff_ids");
}

std::string data_root_of(std::string_view text) {
  Json json = parse(text);
  return text_of(member(json, "data-root"));
}

std::string current_context_of(std::string_view text) {
  Json json = parse(text);
  return text_of(member(json, "currentContext"));
}

std::string context_host_of(std::string_view text) {
  Json json = parse(text);
  return text_of(member(member(member(json, "Endpoints"), "docker"), "Host"));
}

}  // namespace bpfman::container
