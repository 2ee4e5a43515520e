// SPDX-License-Identifier: Apache-2.0
// The JSON documents of a Docker engine and of its data directory, read into plain values. Unknown
// members are ignored, wrong types are errors. Source: Docker Engine API v1.41; layout measured
// on 20.10 and 28.5.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/result.h"
#include "bpfman/model/digest.h"
#include "bpfman/model/image.h"

namespace bpfman::container {

// GET /images/NAME/json
struct DockerInspect {
  Digest id;  // config digest with a graph driver; manifest or index digest with containerd
  std::vector<std::string> repo_tags;  // familiar form
  std::map<std::string, std::string> labels;
  std::vector<Digest> diff_ids;  // bottom first
  Platform platform;
  std::string driver;           // "overlay2"; "" when the store has none
  std::string upper_directory;  // the top layer's diff directory; "" unless a graph driver shows it
  std::vector<std::string> lower_directories;  // next lower first
};

Result<DockerInspect> parse_docker_inspect(std::string_view text);

// GET /version
struct DockerVersion {
  std::string version;
};

Result<DockerVersion> parse_docker_version(std::string_view text);

// GET /info
struct DockerInfo {
  std::string driver;  // "overlay2"; "containerd" when containerd's snapshotter keeps the images
  std::string root;    // DockerRootDir
  // Where containerd is and which namespace of it the images are in; "" where the engine does not
  // say (before API 1.46).
  std::string containerd_address;
  std::string containerd_namespace;
};

Result<DockerInfo> parse_docker_info(std::string_view text);

// The "message" of an error reply; "" when there is none.
std::string docker_error_message(std::string_view text);
// The "Id" of a container that was created.
Result<std::string> parse_created_container(std::string_view text);
// Ids of GET /containers/json, of containers made before that time (unix seconds).
Result<std::vector<std::string>> parse_container_ids(std::string_view text,
                                                     std::int64_t created_before = INT64_MAX);
// Body of POST /containers/create for a container that never runs; `label` marks it as ours.
std::string container_request(const std::string& image_id, const std::string& label);

// <data root>/image/overlay2/repositories.json: image id of a reference in familiar form; nullopt
// when it has none.
Result<std::optional<Digest>> find_in_repositories(std::string_view text,
                                                   const std::string& familiar_form);
// Ids of all images in that file.
Result<std::vector<Digest>> repository_ids(std::string_view text);

// rootfs.diff_ids of an image config.
Result<std::vector<Digest>> parse_diff_ids(std::string_view config);

// "data-root" of daemon.json; "" when it is not set.
std::string data_root_of(std::string_view text);
// "currentContext" of ~/.docker/config.json; "" when it is not set.
std::string current_context_of(std::string_view text);
// .Endpoints.docker.Host of a context's meta.json; "" when there is none.
std::string context_host_of(std::string_view text);

}  // namespace bpfman::container
