// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/certificates.h"

#include "bpfman/base/config_file.h"
#include "bpfman/base/file.h"

namespace bpfman::image {
namespace {

constexpr std::size_t kMaxFiles = 64;

Result<std::string> read_pem(const std::string& path) {
  std::optional<Bytes> bytes = TRY(read_config_file(path).with_context("certificate"));
  if (!bytes.has_value()) {
    return Error(Code::NotFound, "certificate " + path + " does not exist");
  }
  std::string text(as_text(*bytes));
  if (text.find("-----BEGIN ") == std::string::npos) {
    return Error(Code::InvalidArgument, "certificate " + path + " is not in PEM form");
  }
  return text + "\n";
}

}  // namespace

std::vector<std::string> certificate_directories(const Environment& environment) {
  std::string config =
      environment.get("XDG_CONFIG_HOME").value_or(join_path(environment.user.home, ".config"));
  return {
      join_path(config, "containers/certs.d"), "/etc/containers/certs.d", "/etc/docker/certs.d"};
}

Result<HostCertificates> find_certificates(const std::vector<std::string>& directories,
                                           const std::string& authority) {
  HostCertificates out;
  // A name with a slash or of dots would lead elsewhere.
  if (authority.empty() || authority.front() == '.' || authority.find('/') != std::string::npos) {
    return out;
  }
  for (const std::string& parent : directories) {
    std::string directory = join_path(parent, authority);
    Result<std::vector<std::string>> names = list_directory(directory);
    if (!names.ok()) {
      if (names.error().code() == Code::NotFound) {
        continue;
      }
      return std::move(names).error().with_context("certificates of " + authority);
    }
    if (names->size() > kMaxFiles) {
      return Error(Code::ResourceExhausted, directory + " holds more than 64 files");
    }
    out.directory = directory;
    for (const std::string& name : *names) {
      std::string path = join_path(directory, name);
      if (name.ends_with(".crt")) {
        out.tls.authorities += TRY(read_pem(path));
      } else if (name.ends_with(".cert")) {
        out.tls.client_certificate = TRY(read_pem(path));
        out.tls.client_key = TRY(read_pem(path.substr(0, path.size() - 5) + ".key"));
      }
    }
    return out;
  }
  return out;
}

}  // namespace bpfman::image
