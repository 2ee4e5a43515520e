// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/docker_engine.h"

#include <ctime>

#include "bpfman/base/log.h"
#include "bpfman/base/text.h"
#include "bpfman/container/container_process.h"

namespace bpfman::container {
namespace {

// A look-up must not hang on a daemon that accepts and never answers.
constexpr std::int64_t kLookUpMs = 2'000;
constexpr std::int64_t kWholeLookUpMs = 5'000;
constexpr std::int64_t kContainerMs = 10'000;
constexpr std::int64_t kExportFirstByteMs = 60'000;
// Marks containers that exist only to read a file out of an image.
constexpr const char* kTemporaryLabel = "io.bpfman.tmp";
// Younger ones may belong to a bpfman that is reading from them now.
constexpr std::int64_t kLeftoverSeconds = 60;

Error unexpected(const std::string& what, const net::HttpResponse& response) {
  std::string message = docker_error_message(response.body);
  return Error(response.status == 404 ? Code::NotFound : Code::Unavailable,
               what + ": status " + std::to_string(response.status) +
                   (message.empty() ? "" : ": " + message))
      .with_hint("see what the engine says of it: journalctl -u docker");
}

// "No such image: x" (Docker), "failed to find image x" (Podman's service). Another 404 is that of
// something which is no engine: whether the image is there it does not tell.
bool says_no_such_image(const net::HttpResponse& response) {
  return response.status == 404 &&
         to_lower(docker_error_message(response.body)).find("image") != std::string::npos;
}

void remove_container(net::HttpClient& client, const net::HttpRequest& removal) {
  Result<net::HttpResponse> removed = client.send(removal);
  // 404: gone already. 409: somebody else is removing it.
  if (removed.ok() && removed->status >= 400 && removed->status != 404 && removed->status != 409) {
    removed = unexpected("remove a temporary container", *removed);
  }
  if (!removed.ok()) {
    log::write(log::Level::Warn, "container", removed.error().message());
  }
}

// A stream out of a container of ours, which ends with the stream.
class ContainerStream final : public ByteSource {
 public:
  ContainerStream(std::unique_ptr<ByteSource> stream,
                  std::shared_ptr<net::HttpClient> client,
                  net::HttpRequest removal)
      : stream_(std::move(stream)), client_(std::move(client)), removal_(std::move(removal)) {}

  ContainerStream(const ContainerStream&) = delete;
  ContainerStream& operator=(const ContainerStream&) = delete;

  ~ContainerStream() override {
    stream_.reset();
    remove_container(*client_, removal_);
  }

  Result<std::size_t> read(std::span<std::byte> buffer) override { return stream_->read(buffer); }

  void set_stream(std::unique_ptr<ByteSource> stream) { stream_ = std::move(stream); }

 private:
  std::unique_ptr<ByteSource> stream_;
  std::shared_ptr<net::HttpClient> client_;
  net::HttpRequest removal_;
};

}  // namespace

Result<DockerEngine> DockerEngine::create(const std::string& host) {
  if (host.starts_with("unix://")) {
    return DockerEngine("http://docker", host.substr(7));
  }
  if (host.starts_with("tcp://") || host.starts_with("http://")) {
    return DockerEngine("http://" + host.substr(host.find("://") + 3), "");
  }
  return Error(Code::Unimplemented,
               "Docker host " + host + " is of a kind that bpfman cannot speak to")
      .with_hint("unix:// and tcp:// addresses work");
}

DockerEngine::DockerEngine(std::string base_url, std::string unix_socket)
    : base_url_(std::move(base_url)),
      unix_socket_(std::move(unix_socket)),
      client_(std::make_shared<net::HttpClient>()) {}

net::HttpRequest DockerEngine::request(const std::string& method, const std::string& path) const {
  net::HttpRequest request;
  request.method = method;
  request.url = base_url_ + path;
  request.unix_socket = unix_socket_;
  request.connect_timeout_ms = kLookUpMs;
  request.first_byte_timeout_ms = kLookUpMs;
  return request;
}

net::HttpRequest DockerEngine::look_up(const std::string& path) const {
  net::HttpRequest look = request("GET", path);
  look.idle_timeout_ms = kLookUpMs;
  look.total_timeout_ms = kWholeLookUpMs;
  return look;
}

net::HttpRequest DockerEngine::removal_of(const std::string& container) const {
  net::HttpRequest removal =
      request("DELETE", "/containers/" + net::percent_encode(container) + "?force=1&v=1");
  removal.first_byte_timeout_ms = kContainerMs;
  removal.total_timeout_ms = kContainerMs;
  return removal;
}

Result<std::optional<DockerInspect>> DockerEngine::inspect(const std::string& name) {
  net::HttpResponse response =
      TRY(client_->send(look_up("/images/" + net::percent_encode(name, "/:@") + "/json")));
  if (says_no_such_image(response)) {
    return std::optional<DockerInspect>();
  }
  if (response.status == 400) {
    // Docker's grammar has no such name: there cannot be an image of it.
    std::string message = docker_error_message(response.body);
    return Error(Code::InvalidArgument, message.empty() ? "no name for an image" : message);
  }
  if (response.status != 200) {
    return unexpected("look for image " + name, response).with_code(Code::Unavailable);
  }
  DockerInspect image = TRY(parse_docker_inspect(response.body));
  return std::optional(std::move(image));
}

Result<std::optional<std::int32_t>> DockerEngine::container_pid(const std::string& name) {
  net::HttpResponse response =
      TRY(client_->send(look_up("/containers/" + net::percent_encode(name) + "/json")));
  if (response.status == 404 || response.status == 400) {
    return std::optional<std::int32_t>();
  }
  if (response.status != 200) {
    return unexpected("look for container " + name, response).with_code(Code::Unavailable);
  }
  std::int32_t pid = TRY(parse_container_pid(response.body));
  return std::optional(pid);
}

Result<std::string> DockerEngine::version() {
  net::HttpResponse response = TRY(client_->send(look_up("/version")));
  if (response.status != 200) {
    return unexpected("ask for the engine's version", response).with_code(Code::Unavailable);
  }
  DockerVersion version = TRY(parse_docker_version(response.body));
  return version.version;
}

Result<DockerInfo> DockerEngine::info() {
  net::HttpResponse response = TRY(client_->send(look_up("/info")));
  if (response.status != 200) {
    return unexpected("ask for the engine's state", response).with_code(Code::Unavailable);
  }
  return parse_docker_info(response.body);
}

void DockerEngine::sweep() {
  if (swept_) {
    return;
  }
  swept_ = true;
  std::string filter =
      net::percent_encode(std::string("{\"label\":[\"") + kTemporaryLabel + "\"]}");
  Result<net::HttpResponse> listed =
      client_->send(look_up("/containers/json?all=1&filters=" + filter));
  if (!listed.ok() || listed->status != 200) {
    return;
  }
  std::int64_t made_before = std::time(nullptr) - kLeftoverSeconds;
  for (const std::string& id : parse_container_ids(listed->body, made_before).value_or({})) {
    remove_container(*client_, removal_of(id));
  }
}

Result<std::unique_ptr<ByteSource>> DockerEngine::archive_file(const std::string& image_id,
                                                               const std::string& path) {
  sweep();
  net::HttpRequest create = request("POST", "/containers/create");
  create.headers = {{"Content-Type", "application/json"}};
  create.body = container_request(image_id, kTemporaryLabel);
  create.first_byte_timeout_ms = kContainerMs;
  create.total_timeout_ms = kContainerMs;
  net::HttpResponse created = TRY(client_->send(create));
  if (created.status != 201) {
    return unexpected("make a container to read " + path + " from", created);
  }
  std::string id = TRY(parse_created_container(created.body));
  auto stream = std::make_unique<ContainerStream>(nullptr, client_, removal_of(id));
  net::HttpRequest archive = request(
      "GET",
      "/containers/" + net::percent_encode(id) + "/archive?path=" + net::percent_encode(path, "/"));
  archive.first_byte_timeout_ms = kContainerMs;
  net::HttpClient::Streaming opened = TRY(client_->open(archive));
  if (opened.response.status == 404) {
    return Error(Code::NotFound, "the image has no file " + path);
  }
  if (opened.source == nullptr) {
    return unexpected("read " + path, opened.response);
  }
  stream->set_stream(std::move(opened.source));
  return std::unique_ptr<ByteSource>(std::move(stream));
}

Result<std::unique_ptr<ByteSource>> DockerEngine::export_image(const std::string& name_or_id) {
  net::HttpRequest get =
      request("GET", "/images/" + net::percent_encode(name_or_id, "/:@") + "/get");
  get.first_byte_timeout_ms = kExportFirstByteMs;
  net::HttpClient::Streaming opened = TRY(client_->open(get));
  if (opened.source == nullptr) {
    return unexpected("export image " + name_or_id, opened.response);
  }
  return std::move(opened.source);
}

Result<void> DockerEngine::load_image(ByteView tar) {
  net::HttpRequest load = request("POST", "/images/load?quiet=1");
  load.headers.emplace_back("Content-Type", "application/x-tar");
  load.body = std::string(as_text(tar));
  load.first_byte_timeout_ms = kExportFirstByteMs;
  net::HttpResponse response = TRY(client_->send(load));
  if (response.status != 200) {
    return unexpected("load an image", response);
  }
  // Errors come as a line of an answer that began well.
  for (const std::string& line : split(response.body, '\n')) {
    if (line.find("\"errorDetail\"") != std::string::npos) {
      return Error(Code::Internal, "load an image: the engine says " + std::string(trim(line)));
    }
  }
  return {};
}

}  // namespace bpfman::container
