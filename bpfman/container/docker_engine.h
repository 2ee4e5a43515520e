// SPDX-License-Identifier: Apache-2.0
// DockerEngine: the few calls of the Docker Engine API that bpfman makes, over a unix socket or
// TCP. Unversioned paths: the engine answers with its own version. Source:
// https://docs.docker.com/reference/api/engine/
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "bpfman/container/docker_inspect.h"
#include "bpfman/net/http.h"

namespace bpfman::container {

class DockerEngine {
 public:
  // `host`: "unix:///path" or "tcp://host:port"; Unimplemented for other schemes (ssh).
  static Result<DockerEngine> create(const std::string& host);

  // nullopt: the engine answered "no such image". Errors: InvalidArgument (it cannot have an image
  // of that name), NotFound (no socket), Unavailable, PermissionDenied.
  Result<std::optional<DockerInspect>> inspect(const std::string& name);
  // The first process of a container; 0: it does not run; nullopt: "no such container".
  Result<std::optional<std::int32_t>> container_pid(const std::string& name);
  Result<std::string> version();
  Result<DockerInfo> info();
  // A tar stream with one file, by create + archive; the container is deleted when the stream is.
  // NotFound: no such file, or no such image any more.
  Result<std::unique_ptr<ByteSource>> archive_file(const std::string& image_id,
                                                   const std::string& path);
  // `docker load` of a tar that `docker save` or bpfman wrote.
  Result<void> load_image(ByteView tar);
  // `docker save` of one image. NotFound: no such image any more.
  Result<std::unique_ptr<ByteSource>> export_image(const std::string& name_or_id);

 private:
  DockerEngine(std::string base_url, std::string unix_socket);
  // For an answer that streams; look_up() is for one that is short.
  net::HttpRequest request(const std::string& method, const std::string& path) const;
  net::HttpRequest look_up(const std::string& path) const;
  net::HttpRequest removal_of(const std::string& container) const;
  void sweep();

  std::string base_url_;
  std::string unix_socket_;
  std::shared_ptr<net::HttpClient> client_;
  bool swept_ = false;
};

}  // namespace bpfman::container
