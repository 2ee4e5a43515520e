// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/containers_policy.h"

#include <algorithm>

#include "bpfman/base/text.h"

namespace bpfman {
namespace {

constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxTag = 128;

bool is_small(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_letter_or_digit(char c) {
  return is_small(c) || (c >= 'A' && c <= 'Z');
}

// Small letters and digits, with one '.', one or two '_' or any number of '-' between them.
bool is_component(std::string_view text) {
  if (text.empty() || !is_small(text.front()) || !is_small(text.back())) {
    return false;
  }
  std::string between;
  for (char c : text) {
    if (is_small(c)) {
      bool separator = between.empty() || between == "." || between == "_" || between == "__" ||
                       between.find_first_not_of('-') == std::string::npos;
      if (!separator) {
        return false;
      }
      between.clear();
    } else {
      between += c;
    }
  }
  return true;
}

bool is_domain(std::string_view text) {
  return !text.empty() && is_letter_or_digit(text.front() == '[' ? 'a' : text.front()) &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return is_letter_or_digit(c) || std::string_view(".-:[]").find(c) != std::string::npos;
         });
}

bool is_tag(std::string_view text) {
  auto word = [](char c) { return is_letter_or_digit(c) || c == '_'; };
  return !text.empty() && text.size() <= kMaxTag && word(text.front()) &&
         std::all_of(
             text.begin(), text.end(), [&](char c) { return word(c) || c == '.' || c == '-'; });
}

// "prog" -> "docker.io/library/prog"; "" when it is no name.
std::string complete_name(std::string_view text) {
  std::size_t slash = text.find('/');
  std::string_view first = text.substr(0, slash);
  bool has_domain =
      slash != std::string_view::npos &&
      (first.find_first_of(".:") != std::string_view::npos || first == "localhost" ||
       std::any_of(first.begin(), first.end(), [](char c) { return c >= 'A' && c <= 'Z'; }));
  std::string domain(has_domain ? first : "docker.io");
  std::string path(has_domain ? text.substr(slash + 1) : text);
  if (domain == "index.docker.io") {
    domain = "docker.io";
  }
  if (domain == "docker.io" && path.find('/') == std::string::npos) {
    path.insert(0, "library/");
  }
  std::vector<std::string> components = split(path, '/');
  bool good = is_domain(domain) && path.size() + domain.size() <= kMaxName &&
              std::all_of(components.begin(), components.end(), is_component);
  return good ? domain + "/" + path : std::string();
}

}  // namespace

std::string NamedReference::text() const {
  return name + (tag.empty() ? "" : ":" + tag) +
         (digest.has_value() ? "@" + digest->text() : std::string());
}

std::optional<NamedReference> parse_named_reference(std::string_view text) {
  NamedReference out;
  if (Digest::from_sha256_hex(text).has_value()) {
    return std::nullopt;  // an id
  }
  std::size_t at = text.find('@');
  if (at != std::string_view::npos) {
    out.digest = Digest::parse(text.substr(at + 1));
    if (!out.digest.has_value()) {
      return std::nullopt;
    }
    text = text.substr(0, at);
  }
  std::size_t colon = text.rfind(':');
  if (colon != std::string_view::npos && text.find('/', colon) == std::string_view::npos) {
    out.tag = text.substr(colon + 1);
    if (!is_tag(out.tag)) {
      return std::nullopt;
    }
    text = text.substr(0, colon);
  }
  out.name = complete_name(text);
  return out.name.empty() ? std::nullopt : std::optional(std::move(out));
}

std::string_view to_string(IdentityRule rule) {
  switch (rule) {
    case IdentityRule::MatchExact:
      return "matchExact";
    case IdentityRule::MatchRepoDigestOrExact:
      return "matchRepoDigestOrExact";
    case IdentityRule::MatchRepository:
      return "matchRepository";
    case IdentityRule::ExactReference:
      return "exactReference";
    case IdentityRule::ExactRepository:
      return "exactRepository";
    case IdentityRule::RemapIdentity:
      return "remapIdentity";
  }
  return "matchExact";
}

std::string type_of(const PolicyRequirement& requirement) {
  if (const auto* unchecked = std::get_if<UncheckedRequirement>(&requirement)) {
    return unchecked->type;
  }
  if (std::holds_alternative<SigstoreSigned>(requirement)) {
    return "sigstoreSigned";
  }
  return std::holds_alternative<RejectAnything>(requirement) ? "reject" : "insecureAcceptAnything";
}

bool ContainersPolicy::accepts_anything() const {
  auto accepts = [](const PolicyRequirements& requirements) {
    return std::all_of(requirements.begin(), requirements.end(), [](const PolicyRequirement& one) {
      return std::holds_alternative<AcceptAnything>(one);
    });
  };
  return accepts(otherwise) &&
         std::all_of(transports.begin(), transports.end(), [&](const auto& transport) {
           return std::all_of(transport.second.begin(),
                              transport.second.end(),
                              [&](const auto& scope) { return accepts(scope.second); });
         });
}

}  // namespace bpfman
