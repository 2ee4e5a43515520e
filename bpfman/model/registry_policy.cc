// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/registry_policy.h"

#include <algorithm>
#include <array>

#include <arpa/inet.h>

#include "bpfman/base/text.h"

namespace bpfman {
namespace {

// What nobody writes by hand, and what would make every pull slow.
constexpr std::size_t kMaxRules = 1000;
constexpr std::size_t kMaxMirrors = 32;

std::optional<MirrorUse> parse_use(std::string_view text) {
  if (text.empty() || text == "all") {
    return MirrorUse::All;
  }
  if (text == "digest-only") {
    return MirrorUse::DigestOnly;
  }
  return text == "tag-only" ? std::optional(MirrorUse::TagOnly) : std::nullopt;
}

std::string without_scheme(std::string text) {
  for (std::string_view scheme : {std::string_view("https://"), std::string_view("http://")}) {
    if (text.starts_with(scheme)) {
      text.erase(0, scheme.size());
    }
  }
  while (text.ends_with('/')) {
    text.pop_back();
  }
  return text;
}

// How many characters of `name` ("host/path:tag") the prefix covers; nullopt: it does not fit.
std::optional<std::size_t> covered(const std::string& name, const std::string& prefix) {
  auto ends_well = [&name](std::size_t end) {
    return end == name.size() || name[end] == '/' || name[end] == ':' || name[end] == '@';
  };
  if (!prefix.starts_with("*.")) {
    bool fits = !prefix.empty() && name.starts_with(prefix) && ends_well(prefix.size());
    return fits ? std::optional(prefix.size()) : std::nullopt;
  }
  std::string_view suffix = std::string_view(prefix).substr(1);
  std::size_t host_end = std::min(name.find('/'), name.size());
  std::string_view host = std::string_view(name).substr(0, host_end);
  // Also with a path behind the host's name: "*.example.com/team".
  std::string_view suffix_host = suffix.substr(0, suffix.find('/'));
  for (std::size_t at = host.find(suffix_host); at != std::string_view::npos;
       at = host.find(suffix_host, at + 1)) {
    bool fits = at > 0 && std::string_view(name).substr(at).starts_with(suffix) &&
                ends_well(at + suffix.size());
    if (fits) {
      return at + suffix.size();
    }
  }
  return std::nullopt;
}

// The place `location` + what follows the prefix, taken apart.
std::optional<PullTarget> rewritten(const std::string& name,
                                    std::size_t prefix,
                                    const RegistryLocation& to) {
  std::string full = to.location.empty() ? name : to.location + name.substr(prefix);
  std::size_t slash = full.find('/');
  if (slash == std::string::npos || slash == 0) {
    return std::nullopt;
  }
  PullTarget out{.registry = full.substr(0, slash), .repository = full.substr(slash + 1)};
  out.repository.resize(std::min(out.repository.find_first_of(":@"), out.repository.size()));
  out.insecure = to.insecure;
  bool host = std::all_of(out.registry.begin(), out.registry.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view(".-:[]").find(c) != std::string_view::npos;
  });
  // Both become parts of a URL.
  if (!host || !ImageReference::parse("a.b/" + out.repository).ok()) {
    return std::nullopt;
  }
  return out;
}

bool usable(MirrorUse use, bool by_digest) {
  return use == MirrorUse::All || (use == MirrorUse::DigestOnly) == by_digest;
}

struct Address {
  int family = AF_UNSPEC;
  std::array<unsigned char, 16> bytes{};
};

std::optional<Address> parse_address(const std::string& text) {
  Address out;
  for (int family : {AF_INET, AF_INET6}) {
    if (::inet_pton(family, text.c_str(), out.bytes.data()) == 1) {
      out.family = family;
      return out;
    }
  }
  return std::nullopt;
}

// Whether the host's address is in "10.0.0.0/8".
bool in_network(const std::string& host, std::string_view network) {
  std::size_t slash = network.find('/');
  std::optional<Address> base = parse_address(std::string(network.substr(0, slash)));
  std::optional<Address> own = parse_address(host);
  std::optional<std::uint64_t> bits = parse_unsigned(network.substr(slash + 1));
  if (!base.has_value() || !own.has_value() || !bits.has_value() || base->family != own->family ||
      *bits > (own->family == AF_INET ? 32U : 128U)) {
    return false;
  }
  for (std::size_t i = 0; i < *bits; ++i) {
    auto mask = static_cast<unsigned char>(0x80U >> (i % 8));
    if (((base->bytes[i / 8] ^ own->bytes[i / 8]) & mask) != 0) {
      return false;
    }
  }
  return true;
}

std::string host_of(const std::string& authority) {
  if (authority.starts_with('[')) {
    std::size_t end = authority.find(']');
    return authority.substr(1, end == std::string::npos ? end : end - 1);
  }
  return authority.substr(0, authority.find(':'));
}

bool is_insecure(const RegistryPolicy& policy, const std::string& registry) {
  std::string host = host_of(registry);
  return std::any_of(policy.insecure.begin(), policy.insecure.end(), [&](const std::string& entry) {
    return entry.find('/') != std::string::npos ? in_network(host, entry)
                                                : entry == registry || entry == host;
  });
}

bool flag_at(const TomlDocument& document, const std::string& key) {
  return document.get(key) == "true";
}

}  // namespace

bool is_loopback_authority(std::string_view authority) {
  std::size_t bracket = authority.starts_with('[') ? authority.find(']') : 0;
  std::size_t colon = bracket == std::string_view::npos ? bracket : authority.find(':', bracket);
  if (colon != std::string_view::npos &&
      parse_unsigned(authority.substr(colon + 1)).value_or(65536) > 65535) {
    return false;
  }
  std::string_view host = authority.substr(0, colon);
  if (host == "localhost" || host == "[::1]") {
    return true;
  }
  // 127.0.0.0/8 written as four numbers; a name that merely begins so is none.
  std::vector<std::string> parts = split(host, '.');
  return parts.size() == 4 && parts[0] == "127" &&
         std::all_of(parts.begin(), parts.end(), [](const std::string& part) {
           return parse_unsigned(part).value_or(256) < 256;
         });
}

std::vector<std::string> add_registries(const TomlDocument& document,
                                        const std::string& file,
                                        RegistryPolicy& policy) {
  std::vector<std::string> wrong;
  auto location_at = [&](const std::string& key) {
    RegistryLocation out;
    out.location = without_scheme(document.get(key + "location").value_or(""));
    out.insecure = flag_at(document, key + "insecure");
    std::string use = document.get(key + "pull-from-mirror").value_or("");
    std::optional<MirrorUse> known = parse_use(use);
    if (!known.has_value()) {
      wrong.push_back(file + ": pull-from-mirror = \"" + use +
                      "\" is none of all, digest-only, tag-only");
    }
    out.use = known.value_or(MirrorUse::All);
    return out;
  };
  auto has = [&document](const std::string& key) {
    auto found = document.values.lower_bound(key);
    return found != document.values.end() && found->first.starts_with(key);
  };
  for (std::size_t i = 0; i < kMaxRules; ++i) {
    std::string key = "registry." + std::to_string(i) + ".";
    if (!has(key)) {
      break;
    }
    RegistryRule rule{.own = location_at(key), .file = file};
    rule.prefix = document.get(key + "prefix").value_or("");
    rule.prefix = rule.prefix.empty() ? rule.own.location : without_scheme(rule.prefix);
    rule.blocked = flag_at(document, key + "blocked");
    bool by_digest = flag_at(document, key + "mirror-by-digest-only");
    for (std::size_t m = 0; m < kMaxMirrors; ++m) {
      std::string mirror_key = key + "mirror." + std::to_string(m) + ".";
      if (!has(mirror_key)) {
        break;
      }
      RegistryLocation mirror = location_at(mirror_key);
      mirror.use = by_digest ? MirrorUse::DigestOnly : mirror.use;
      if (mirror.location.empty()) {
        wrong.push_back(file + ": a mirror of " + rule.prefix + " has no location");
      } else {
        rule.mirrors.push_back(std::move(mirror));
      }
    }
    if (rule.prefix.empty()) {
      wrong.push_back(file + ": a [[registry]] has neither prefix nor location");
      continue;
    }
    std::erase_if(policy.rules,
                  [&rule](const RegistryRule& other) { return other.prefix == rule.prefix; });
    policy.rules.push_back(std::move(rule));
  }
  add_aliases(document, policy);
  return wrong;
}

void add_aliases(const TomlDocument& document, RegistryPolicy& policy) {
  constexpr std::string_view kTable = "aliases.";
  for (auto found = document.values.lower_bound(kTable);
       found != document.values.end() && found->first.starts_with(kTable);
       ++found) {
    std::string name = found->first.substr(kTable.size());
    // An empty value takes an alias back.
    if (found->second.empty()) {
      policy.aliases.erase(name);
    } else {
      policy.aliases[name] = found->second;
    }
  }
}

namespace {

// The rule of the longest prefix, and where that ends in `name`; null when there is none.
const RegistryRule* rule_for(const RegistryPolicy& policy,
                             const std::string& name,
                             std::size_t& best_end) {
  const RegistryRule* best = nullptr;
  for (const RegistryRule& rule : policy.rules) {
    std::optional<std::size_t> end = covered(name, rule.prefix);
    if (end.has_value() && (best == nullptr || rule.prefix.size() > best->prefix.size())) {
      best = &rule;
      best_end = *end;
    }
  }
  return best;
}

Error blocked_by(const RegistryRule& rule, const std::string& instead) {
  return Error(Code::PermissionDenied, "registry " + rule.prefix + " is blocked by " + rule.file)
      .with_hint("take blocked = true out of " + rule.file + ", or " + instead);
}

}  // namespace

Result<std::vector<PullTarget>> plan_pull(const RegistryPolicy& policy,
                                          const ImageReference& reference) {
  std::string name = reference.normal_form();
  const bool by_digest = reference.digest().has_value();
  std::size_t best_end = 0;
  const RegistryRule* best = rule_for(policy, name, best_end);
  if (best != nullptr && best->blocked) {
    return blocked_by(*best, "build or load the image on this host");
  }
  std::vector<PullTarget> out;
  auto add = [&](const RegistryLocation& location, std::size_t end, bool mirror) {
    std::optional<PullTarget> target = rewritten(name, end, location);
    if (target.has_value()) {
      target->mirror = mirror;
      target->insecure = target->insecure || is_insecure(policy, target->registry);
      out.push_back(std::move(*target));
    }
  };
  if (best != nullptr) {
    for (const RegistryLocation& mirror : best->mirrors) {
      if (usable(mirror.use, by_digest)) {
        add(mirror, best_end, true);
      }
    }
  }
  if (reference.registry() == "docker.io") {
    for (const RegistryLocation& mirror : policy.hub_mirrors) {
      add(mirror, reference.registry().size(), true);
    }
  }
  const std::size_t mirrors = out.size();
  add(best == nullptr ? RegistryLocation{} : best->own, best_end, false);
  if (out.size() == mirrors) {
    // Without a rule the name stays as it is, and it is a good one.
    const std::string location = best == nullptr ? std::string() : best->own.location;
    return Error(Code::FailedPrecondition,
                 name + " would be pulled from \"" + location + "\" + \"" + name.substr(best_end) +
                     "\", which is no place in a registry")
        .with_hint(best == nullptr ? "give the full name of the image"
                                   : "correct location or prefix in " + best->file);
  }
  return out;
}

Result<PullTarget> plan_push(const RegistryPolicy& policy, const ImageReference& reference) {
  const bool other =
      reference.transport() != Transport::Any && reference.transport() != Transport::Registry;
  if (other || reference.is_id() || reference.digest().has_value() || reference.tag().empty()) {
    return Error(Code::InvalidArgument,
                 "\"" + reference.typed() + "\" is no name under which an image can be pushed")
        .with_hint("registry, name and tag, as in quay.io/me/my-ebpf-prog:v1");
  }
  const bool hub_itself =
      reference.registry() == "docker.io" && reference.repository().starts_with("library/");
  if (hub_itself || reference.registry() == "localhost") {
    return Error(Code::InvalidArgument,
                 "\"" + reference.typed() + "\" names no registry" +
                     (hub_itself ? ": docker.io/library is Docker's own" : ""))
        .with_hint("put the registry in front, as in quay.io/me/" + reference.short_name() + ":" +
                   reference.tag());
  }
  std::size_t end = 0;
  const RegistryRule* rule = rule_for(policy, reference.normal_form(), end);
  if (rule != nullptr && rule->blocked) {
    return blocked_by(*rule, "push to another registry");
  }
  return PullTarget{.registry = reference.registry(),
                    .repository = reference.repository(),
                    .insecure = (rule != nullptr && rule->own.insecure) ||
                                is_insecure(policy, reference.registry())};
}

std::optional<std::string> alias_of(const RegistryPolicy& policy, const ImageReference& reference) {
  if (!reference.is_short() || reference.is_id()) {
    return std::nullopt;
  }
  std::string name = reference.repository();
  // As typed: "library/x" is not "x".
  if (name.starts_with("library/") && !reference.typed().starts_with("library/")) {
    name.erase(0, std::string_view("library/").size());
  }
  auto found = policy.aliases.find(name);
  if (found == policy.aliases.end()) {
    return std::nullopt;
  }
  return reference.digest().has_value() ? found->second + "@" + reference.digest()->text()
                                        : found->second + ":" + reference.tag();
}

}  // namespace bpfman
