// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/image_reference.h"

#include <algorithm>
#include <array>

#include "bpfman/base/text.h"

namespace bpfman {
namespace {

constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxTag = 128;
constexpr std::size_t kShortestId = 12;
constexpr std::string_view kDockerHub = "docker.io";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

bool is_word(char c) {
  return is_digit(c) || is_lower(c) || is_upper(c) || c == '_';
}

bool is_lower_hex(std::string_view text) {
  return std::all_of(
      text.begin(), text.end(), [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

Error bad(std::string_view text, const std::string& why) {
  return Error(Code::InvalidArgument,
               "invalid image reference \"" + std::string(text) + "\": " + why);
}

// Whether the first component of a name is a registry host, by Docker's rule.
bool is_host(std::string_view component) {
  return component == "localhost" || component.find('.') != std::string_view::npos ||
         component.find(':') != std::string_view::npos ||
         std::any_of(component.begin(), component.end(), is_upper);
}

// host[:port]; the host letters, digits, '.', '-' or an IPv6 address in brackets.
std::optional<std::string> check_host(std::string_view host) {
  std::string_view name = host;
  std::size_t colon = host.rfind(':');
  bool bracketed = host.starts_with('[');
  if (bracketed) {
    std::size_t end = host.find(']');
    if (end == std::string_view::npos) {
      return "the registry's IPv6 address has no closing bracket";
    }
    name = host.substr(1, end - 1);
    colon = end + 1 < host.size() ? end + 1 : std::string_view::npos;
    bool address = std::all_of(name.begin(), name.end(), [](char c) {
      return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':';
    });
    if (!address || (colon != std::string_view::npos && host[colon] != ':')) {
      return "the registry is no IPv6 address";
    }
  } else {
    name = host.substr(0, colon);
    bool good = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return is_digit(c) || is_lower(c) || is_upper(c) || c == '.' || c == '-';
    });
    if (!good || name.front() == '-' || name.back() == '-' || name.front() == '.' ||
        name.back() == '.') {
      return "the registry \"" + std::string(host) + "\" is no host name";
    }
  }
  if (colon != std::string_view::npos) {
    std::optional<std::uint64_t> port = parse_unsigned(host.substr(colon + 1));
    if (!port.has_value() || *port == 0 || *port > 65535) {
      return "the registry's port \"" + std::string(host.substr(colon + 1)) +
             "\" is no port number";
    }
  }
  return std::nullopt;
}

// [a-z0-9]+ joined by one '.', one or two '_', or any number of '-'.
std::optional<std::string> check_component(std::string_view component) {
  if (component.empty()) {
    return "a part of the repository name is empty";
  }
  if (std::any_of(component.begin(), component.end(), is_upper)) {
    return "upper-case letter in the repository name";
  }
  auto plain = [](char c) { return is_digit(c) || is_lower(c); };
  for (char c : component) {
    if (!plain(c) && c != '.' && c != '_' && c != '-') {
      return "character \"" + std::string(1, c) + "\" in the repository name";
    }
  }
  if (!plain(component.front()) || !plain(component.back())) {
    return "the repository name may not begin or end with a separator";
  }
  for (std::size_t i = 0; i < component.size();) {
    if (plain(component[i])) {
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < component.size() && !plain(component[end])) {
      ++end;
    }
    std::string_view separator = component.substr(i, end - i);
    bool good = separator == "." || separator == "_" || separator == "__" ||
                separator.find_first_not_of('-') == std::string_view::npos;
    if (!good) {
      return "separator \"" + std::string(separator) + "\" in the repository name";
    }
    i = end;
  }
  return std::nullopt;
}

std::optional<std::string> check_tag(std::string_view tag) {
  if (tag.empty()) {
    return "the tag is empty";
  }
  if (tag.size() > kMaxTag) {
    return "the tag is longer than 128 characters";
  }
  if (!is_word(tag.front())) {
    return "the tag begins with \"" + std::string(1, tag.front()) + "\"";
  }
  for (char c : tag) {
    if (!is_word(c) && c != '.' && c != '-') {
      return "character \"" + std::string(1, c) + "\" in the tag";
    }
  }
  return std::nullopt;
}

struct TransportPrefix {
  std::string_view text;
  Transport transport;
};

// Those of files.
constexpr std::array<TransportPrefix, 3> kFileTransports = {{
    {"oci:", Transport::OciLayout},
    {"oci-archive:", Transport::OciArchive},
    {"docker-archive:", Transport::DockerArchive},
}};

constexpr std::size_t kMaxPath = 4096;

// A name in an index: printable, without blanks. Source: OCI image-spec annotations.md,
// org.opencontainers.image.ref.name.
std::optional<std::string> check_file(std::string_view path, std::string_view name) {
  auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (path.empty()) {
    return "no path stands behind the transport";
  }
  if (path.size() > kMaxPath || std::any_of(path.begin(), path.end(), control)) {
    return "the path is longer than 4096 characters or has control characters";
  }
  if (name.size() > kMaxName + kMaxTag || name.find(' ') != std::string_view::npos ||
      std::any_of(name.begin(), name.end(), control)) {
    return "the name behind the path is no image name";
  }
  return std::nullopt;
}

constexpr std::array<TransportPrefix, 4> kTransports = {{
    {"docker://", Transport::Registry},
    {"docker-daemon:", Transport::DockerDaemon},
    {"containers-storage:", Transport::ContainersStorage},
    {"containerd:", Transport::Containerd},
}};

// Other namespaces could not be told from the beginning of a name.
constexpr std::array<std::string_view, 4> kNamespaces = {"default", "k8s.io", "moby", "buildkit"};

// Cuts "NAMESPACE/" off; "" when none stands there.
std::string take_namespace(std::string_view& text) {
  for (std::string_view known : kNamespaces) {
    if (text.starts_with(known) && text.substr(known.size()).starts_with('/')) {
      text.remove_prefix(known.size() + 1);
      return std::string(known);
    }
  }
  return {};
}

}  // namespace

Result<ImageReference> ImageReference::parse(std::string_view text) {
  ImageReference out;
  std::string_view whole = text;
  for (const TransportPrefix& known : kFileTransports) {
    if (!text.starts_with(known.text)) {
      continue;
    }
    std::string_view rest = text.substr(known.text.size());
    std::size_t colon = rest.find(':');
    std::string_view inside =
        colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
    if (std::optional<std::string> why = check_file(rest.substr(0, colon), inside);
        why.has_value()) {
      return bad(whole, *why).with_hint("as in oci-archive:/tmp/image.tar:my-ebpf-prog:dev");
    }
    out.typed_ = text;
    out.transport_ = known.transport;
    out.path_ = rest.substr(0, colon);
    out.name_inside_ = inside;
    return out;
  }
  for (const TransportPrefix& known : kTransports) {
    if (text.starts_with(known.text)) {
      out.transport_ = known.transport;
      text.remove_prefix(known.text.size());
      break;
    }
  }
  if (out.transport_ == Transport::Containerd) {
    out.containerd_namespace_ = take_namespace(text);
  }
  if (text.empty()) {
    return bad(whole, "it is empty").with_hint("name an image, as in my-ebpf-prog:dev");
  }
  if (text.find_first_of(" \t\r\n") != std::string_view::npos) {
    return bad(whole, "white space");
  }
  if (std::size_t scheme = text.find("://"); scheme != std::string_view::npos) {
    return bad(whole, "it begins with a scheme")
        .with_hint("leave " + std::string(text.substr(0, scheme + 3)) + " out");
  }
  out.typed_ = text;

  std::string_view digits = text.starts_with("sha256:") ? text.substr(7) : text;
  if (digits.size() == 64 && is_lower_hex(digits)) {
    out.is_id_ = true;
    out.digest_ = Digest::from_sha256_hex(digits);
    return out;
  }

  std::string_view rest = text;
  if (std::size_t at = rest.find('@'); at != std::string_view::npos) {
    out.digest_ = Digest::parse(rest.substr(at + 1));
    if (!out.digest_.has_value()) {
      return bad(whole, "the digest is not sha256: and 64 hexadecimal digits (or sha512: and 128)");
    }
    rest = rest.substr(0, at);
  }
  // A colon behind the last slash begins the tag; one before it belongs to the registry's port.
  std::size_t slash = rest.rfind('/');
  std::size_t colon = rest.rfind(':');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    std::string_view tag = rest.substr(colon + 1);
    if (std::optional<std::string> why = check_tag(tag); why.has_value()) {
      return bad(whole, *why);
    }
    out.tag_ = tag;
    rest = rest.substr(0, colon);
  }
  std::size_t first = rest.find('/');
  if (first != std::string_view::npos && is_host(rest.substr(0, first))) {
    out.registry_ = rest.substr(0, first);
    if (std::optional<std::string> why = check_host(out.registry_); why.has_value()) {
      return bad(whole, *why);
    }
    rest = rest.substr(first + 1);
    if (out.registry_ == "index.docker.io") {
      out.registry_ = kDockerHub;
    }
  } else {
    out.registry_ = kDockerHub;
    out.short_ = true;
  }
  for (const std::string& component : split(rest, '/')) {
    if (std::optional<std::string> why = check_component(component); why.has_value()) {
      Error error = bad(whole, *why);
      if (why->starts_with("upper-case")) {
        return std::move(error).with_hint("did you mean " + to_lower(whole) + "?");
      }
      return error;
    }
  }
  out.repository_ = rest;
  if (out.registry_ == kDockerHub && out.repository_.find('/') == std::string::npos) {
    out.repository_ = "library/" + out.repository_;
  }
  // Of the complete name: what is normal must be a reference again.
  if (out.registry_.size() + 1 + out.repository_.size() > kMaxName) {
    return bad(whole, "the name is longer than 255 characters");
  }
  if (out.tag_.empty() && !out.digest_.has_value()) {
    out.tag_ = "latest";
  }
  return out;
}

bool ImageReference::may_be_id() const {
  return !id_hex().empty();
}

std::string ImageReference::id_hex() const {
  std::string_view digits = is_file() ? std::string_view() : typed_;
  if (digits.starts_with("sha256:")) {
    digits.remove_prefix(7);
  }
  bool fits = digits.size() >= kShortestId && digits.size() <= 64 && is_lower_hex(digits);
  return fits ? std::string(digits) : std::string();
}

std::string_view prefix_of(Transport transport) {
  for (const TransportPrefix& known : kFileTransports) {
    if (known.transport == transport) {
      return known.text;
    }
  }
  for (const TransportPrefix& known : kTransports) {
    if (known.transport == transport) {
      return known.text;
    }
  }
  return "";
}

bool ImageReference::is_file() const {
  return !path_.empty();
}

ImageReference ImageReference::with_path(std::string path) const {
  ImageReference out = *this;
  out.path_ = std::move(path);
  return out;
}

std::string ImageReference::normal_form() const {
  if (is_file()) {
    std::string text = std::string(prefix_of(transport_)) + path_;
    return name_inside_.empty() ? text : text + ":" + name_inside_;
  }
  if (is_id_) {
    return digest_->text();
  }
  std::string name = registry_ + "/" + repository_;
  return digest_.has_value() ? name + "@" + digest_->text() : name + ":" + tag_;
}

std::string ImageReference::familiar_form() const {
  std::string name = normal_form();
  for (std::string_view prefix :
       {std::string_view("docker.io/library/"), std::string_view("docker.io/")}) {
    if (!is_id_ && name.starts_with(prefix)) {
      return name.substr(prefix.size());
    }
  }
  return name;
}

std::vector<std::string> ImageReference::containers_storage_names(
    const std::vector<std::string>& search_registries) const {
  if (is_id_ || is_file()) {
    return {};
  }
  if (!short_) {
    return {normal_form()};
  }
  std::string name = familiar_form();
  std::vector<std::string> names = {"localhost/" + name};
  for (const std::string& registry : search_registries) {
    names.push_back(registry == kDockerHub ? normal_form() : registry + "/" + name);
  }
  names.push_back(normal_form());
  std::vector<std::string> unique;
  for (std::string& candidate : names) {
    if (std::find(unique.begin(), unique.end(), candidate) == unique.end()) {
      unique.push_back(std::move(candidate));
    }
  }
  return unique;
}

std::string ImageReference::short_name() const {
  if (is_file()) {
    // "oci:/images:my-prog:dev" is my-prog, "oci-archive:/tmp/my-prog.tar" too.
    std::string_view name = name_inside_.empty() ? std::string_view(path_) : name_inside_;
    while (name.size() > 1 && name.ends_with('/')) {
      name.remove_suffix(1);
    }
    name = name.substr(name.rfind('/') + 1);
    return std::string(name.substr(0, name.find_first_of(name_inside_.empty() ? "." : ":@")));
  }
  std::size_t slash = repository_.rfind('/');
  return slash == std::string::npos ? repository_ : repository_.substr(slash + 1);
}

}  // namespace bpfman
