// SPDX-License-Identifier: Apache-2.0
#include "bpfman/manager/config.h"

#include <algorithm>
#include <array>

#include "bpfman/base/config_file.h"
#include "bpfman/base/text.h"

namespace bpfman {
namespace {

// Whose keys are all known here.
constexpr std::array<std::string_view, 2> kTables = {"images", "dispatcher"};

const std::vector<std::string>& known_keys() {
  static const std::vector<std::string> keys = {"images.sources",
                                                "images.pull_policy",
                                                "images.strict",
                                                "images.trust_database",
                                                "images.max_store_size",
                                                "images.docker.host",
                                                "images.podman.root",
                                                "images.containerd.address",
                                                "images.containerd.root",
                                                "images.containerd.namespaces",
                                                "dispatcher.strategy"};
  return keys;
}

Error mistake(const TomlDocument& document, std::string_view key, const std::string& what) {
  return Error(Code::InvalidArgument, document.place_of(key) + ": " + what);
}

Result<void> check_key(const TomlDocument& document, const std::string& key) {
  const std::vector<std::string>& known = known_keys();
  for (std::string_view table : kTables) {
    if (key == table) {
      return mistake(document, key, key + " is no table")
          .with_hint("write [" + key + "] on its own line");
    }
    if (!key.starts_with(std::string(table) + ".") ||
        std::find(known.begin(), known.end(), key) != known.end()) {
      continue;
    }
    std::vector<std::string> near = suggest(key, known);
    return mistake(document, key, "unknown key " + key)
        .with_hint(near.empty() ? "one of " + join(known, ", ")
                                : "did you mean " + join(near, ", ") + "?");
  }
  return {};
}

// The keys, read one by one; a list where a single value belongs, or the other way
// round, is a mistake.
class Reader {
 public:
  explicit Reader(const TomlDocument& document) : document_(document) {}

  Result<std::optional<std::string>> text(std::string_view key) const {
    if (document_.lists.contains(key)) {
      return mistake(document_, key, std::string(key) + " is a list, a single value belongs here");
    }
    return document_.get(key);
  }

  Result<std::optional<bool>> flag(std::string_view key) const {
    std::optional<std::string> value = TRY(text(key));
    if (!value.has_value()) {
      return std::optional<bool>();
    }
    if (*value != "true" && *value != "false") {
      return mistake(document_, key, std::string(key) + " is \"" + *value + "\"")
          .with_hint("true or false");
    }
    return std::optional(*value == "true");
  }

  // A list of strings, or a single one.
  Result<std::vector<std::string>> list(std::string_view key) const {
    std::vector<std::string> out = document_.get_list(key);
    if (std::optional<std::string> single = document_.get(key); single.has_value()) {
      out = {*single};
    }
    for (const std::string& item : out) {
      if (item.empty()) {
        return mistake(document_, key, std::string(key) + " has an empty value")
            .with_hint("leave the key out to say nothing");
      }
    }
    return out;
  }

  // What a parser says of the value, with the place of the value.
  template <typename T>
  Result<T> placed(std::string_view key, Result<T> parsed) const {
    return std::move(parsed).with_context(document_.place_of(key) + ": " + std::string(key));
  }

  Result<void> sources(ImagesConfig& into) const {
    constexpr std::string_view kKey = "images.sources";
    if (document_.values.contains(kKey)) {
      return mistake(document_, kKey, "images.sources is no list")
          .with_hint("as in sources = [\"docker\", \"podman\"]");
    }
    if (document_.lists.contains(kKey)) {
      into.sources = TRY(placed(kKey, parse_image_sources(document_.get_list(kKey))));
    }
    return {};
  }

  Result<void> policies(ImagesConfig& into) const {
    constexpr std::string_view kPolicy = "images.pull_policy";
    std::optional<std::string> policy = TRY(text(kPolicy));
    if (policy.has_value()) {
      into.pull_policy = TRY(placed(kPolicy, parse_pull_policy(*policy)));
    }
    into.strict = TRY(flag("images.strict"));
    into.trust_database = TRY(flag("images.trust_database"));
    constexpr std::string_view kSize = "images.max_store_size";
    std::optional<std::string> size = TRY(text(kSize));
    if (size.has_value()) {
      std::optional<std::uint64_t> bytes = parse_bytes(*size);
      if (!bytes.has_value()) {
        return mistake(document_, kSize, "images.max_store_size is \"" + *size + "\"")
            .with_hint("as in \"500MiB\" or \"2GB\"; without the key there is no limit");
      }
      into.max_store_bytes = *bytes;
    }
    return {};
  }

  Result<void> places(ImagesConfig& into) const {
    into.docker_hosts = TRY(list("images.docker.host"));
    into.storage_roots = TRY(list("images.podman.root"));
    into.containerd_addresses = TRY(list("images.containerd.address"));
    into.containerd_roots = TRY(list("images.containerd.root"));
    into.containerd_namespaces = TRY(list("images.containerd.namespaces"));
    if (into.containerd_roots.size() > into.containerd_addresses.size()) {
      return mistake(document_,
                     "images.containerd.root",
                     "images.containerd.root names more directories than there are addresses")
          .with_hint("the n-th root belongs to the n-th images.containerd.address");
    }
    return {};
  }

  // [dispatcher] strategy, [interfaces.NAME] xdp_mode
  Result<void> attach(AttachDefaults& into) const {
    constexpr std::string_view kStrategy = "dispatcher.strategy";
    std::optional<std::string> strategy = TRY(text(kStrategy));
    if (strategy.has_value() && *strategy != "auto") {
      std::optional<StrategyChoice> choice = parse_strategy_choice(*strategy);
      if (!choice.has_value() || *choice == StrategyChoice::Direct) {
        return mistake(document_, kStrategy, "dispatcher.strategy is \"" + *strategy + "\"")
            .with_hint("\"auto\", \"freplace\" or \"fused\"");
      }
      into.strategy = *choice;
    }
    constexpr std::string_view kBegin = "interfaces.";
    constexpr std::string_view kEnd = ".xdp_mode";
    for (const auto& [key, value] : document_.values) {
      if (!key.starts_with(kBegin) || !key.ends_with(kEnd) ||
          key.size() <= kBegin.size() + kEnd.size()) {
        continue;
      }
      std::optional<XdpMode> mode = parse_xdp_mode(value);
      if (!mode.has_value()) {
        return mistake(document_, key, key + " is \"" + value + "\"")
            .with_hint("\"drv\", \"skb\" or \"hw\"");
      }
      // Native, and generic where the driver cannot: as without the key.
      if (*mode != XdpMode::Native) {
        into.xdp_modes[key.substr(kBegin.size(), key.size() - kBegin.size() - kEnd.size())] = *mode;
      }
    }
    return {};
  }

  // Whether these are levels is seen when they are used.
  Result<void> logging(std::string& into) const {
    std::optional<std::string> level = TRY(text("logging.level"));
    if (level.has_value()) {
      into = *level;
    }
    constexpr std::string_view kComponents = "logging.components.";
    for (const auto& [key, value] : document_.values) {
      if (key.starts_with(kComponents)) {
        into += (into.empty() ? "warn," : ",") + key.substr(kComponents.size()) + "=" + value;
      }
    }
    return {};
  }

 private:
  const TomlDocument& document_;
};

}  // namespace

Result<Config> parse_config(const TomlDocument& document) {
  for (const auto& [key, value] : document.values) {
    TRY(check_key(document, key));
  }
  for (const auto& [key, list] : document.lists) {
    TRY(check_key(document, key));
  }
  Config out;
  out.path = document.name;
  Reader reader(document);
  TRY(reader.sources(out.images));
  TRY(reader.policies(out.images));
  TRY(reader.places(out.images));
  TRY(reader.attach(out.attach));
  TRY(reader.logging(out.log));
  return out;
}

Result<Config> read_config(const std::string& path, ConfigFile file) {
  std::optional<Bytes> bytes = TRY(read_config_file(path).with_context("configuration"));
  if (!bytes.has_value()) {
    if (file == ConfigFile::MayBeAbsent) {
      return Config{};
    }
    return Error(Code::NotFound, "configuration file " + path + " does not exist")
        .with_hint("correct --config or BPFMAN_CONFIG, or leave it out");
  }
  TomlDocument document = TRY(parse_toml(as_text(*bytes), path));
  return parse_config(document);
}

}  // namespace bpfman
