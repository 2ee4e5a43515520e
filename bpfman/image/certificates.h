// SPDX-License-Identifier: Apache-2.0
// CAs and client certificates of single registries. Source: containers-certs.d(5).
#pragma once

#include <string>
#include <vector>

#include "bpfman/base/environment.h"
#include "bpfman/net/http.h"

namespace bpfman::image {

// certs.d directories in order: this user's, /etc/containers, /etc/docker.
std::vector<std::string> certificate_directories(const Environment& environment);

struct HostCertificates {
  net::TlsOptions tls;
  std::string directory;  // where they are; "" when this host has none
};

// Of HOST or HOST:PORT: the first directory that has one of this name. *.crt are CAs; NAME.cert and
// NAME.key a client certificate. Errors name the file: what the user put there is meant to be used.
Result<HostCertificates> find_certificates(const std::vector<std::string>& directories,
                                           const std::string& authority);

}  // namespace bpfman::image
