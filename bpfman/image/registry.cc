// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/registry.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <random>
#include <thread>

#include "bpfman/base/text.h"
#include "bpfman/image/layers.h"
#include "bpfman/image/picker.h"
#include "bpfman/image/streams.h"
#include "bpfman/model/bpf_elf.h"
#include "bpfman/model/ebpf_labels.h"
#include "bpfman/net/http.h"

namespace bpfman::image {
namespace {

constexpr std::uint64_t kCompressedLimit = std::uint64_t{2} << 30;
constexpr std::uint64_t kInflatedLimit = std::uint64_t{8} << 30;
constexpr int kTries = 4;
constexpr const char* kAccept =
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json";

// HOST or HOST:PORT, nothing else: "127.0.0.1:1@elsewhere" is another host's.
bool is_loopback(std::string_view authority) {
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

// "http://HOST:PORT/..." with such a host.
bool is_plain_loopback(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) {
    return false;
  }
  url.remove_prefix(kScheme.size());
  return is_loopback(url.substr(0, url.find_first_of("/?#")));
}

class RegistryClient {
 public:
  RegistryClient(const ImageReference& reference, std::string auth)
      : base_(registry_url(reference.registry())),
        registry_(reference.registry()),
        repository_(reference.repository()),
        auth_(std::move(auth)) {}

  Result<net::HttpResponse> manifest(const std::string& tag_or_digest) {
    net::HttpRequest request = make("/manifests/" + tag_or_digest);
    request.headers = {{"Accept", kAccept}};
    request.body_limit = kDocumentLimit;
    net::HttpResponse response = TRY(with_auth<net::HttpResponse>(
        request,
        [this](const net::HttpRequest& r) { return client_.send(r); },
        // NOLINTNEXTLINE(bugprone-return-const-ref-from-parameter): called with a named response
        [](const net::HttpResponse& r) -> const net::HttpResponse& { return r; }));
    if (response.status != 200) {
      return refusal(response, "manifest " + tag_or_digest);
    }
    return response;
  }

  Result<std::unique_ptr<ByteSource>> blob(const Digest& digest) {
    net::HttpRequest request = make("/blobs/" + digest.text());
    net::HttpClient::Streaming opened = TRY(with_auth<net::HttpClient::Streaming>(
        request,
        [this](const net::HttpRequest& r) { return client_.open(r); },
        [](const net::HttpClient::Streaming& s) -> const net::HttpResponse& {
          return s.response;
        }));
    if (opened.source == nullptr) {
      return refusal(opened.response, "blob " + digest.text());
    }
    return std::move(opened.source);
  }

 private:
  net::HttpRequest make(const std::string& path) const {
    net::HttpRequest request;
    request.url = base_ + "/v2/" + repository_ + path;
    request.follow_redirects = true;
    request.authorization = authorization_;
    return request;
  }

  // Sends, answers one challenge, and tries again what may pass by itself.
  template <typename Reply, typename Send, typename ResponseOf>
  Result<Reply> with_auth(net::HttpRequest request, Send send, ResponseOf response_of) {
    bool asked = false;
    for (int attempt = 1;; ++attempt) {
      Result<Reply> reply = send(request);
      if (!reply.ok()) {
        if (reply.error().code() == Code::Unavailable && attempt < kTries) {
          pause(attempt, "");
          continue;
        }
        return reply;
      }
      const net::HttpResponse& response = response_of(*reply);
      // Nobody but the registry itself is told who we are: not a host that it redirects to.
      bool own = response.effective_url.starts_with(base_ + "/");
      if (response.status == 401 && own && !asked) {
        asked = true;
        TRY(answer(response));
        request.authorization = authorization_;
        continue;
      }
      bool passing = response.status == 429 || response.status == 408 || response.status == 500 ||
                     (response.status >= 502 && response.status <= 504);
      if (passing && attempt < kTries) {
        pause(attempt, response.header("retry-after"));
        continue;
      }
      return reply;
    }
  }

  // Exponential with full jitter, or as long as the registry asks for (at most 8 s).
  static void pause(int attempt, const std::string& retry_after) {
    static thread_local std::minstd_rand random(std::random_device{}());
    std::int64_t longest = std::int64_t{250} << attempt;
    std::int64_t wait = std::uniform_int_distribution<std::int64_t>(longest / 4, longest)(random);
    if (std::optional<std::uint64_t> seconds = parse_unsigned(retry_after); seconds.has_value()) {
      wait = static_cast<std::int64_t>(std::min<std::uint64_t>(*seconds, 8) * 1000);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(wait));
  }

  Result<void> answer(const net::HttpResponse& response) {
    std::optional<Challenge> challenge;
    auto [first, last] = response.headers.equal_range("www-authenticate");
    for (auto header = first; header != last; ++header) {
      std::optional<Challenge> one = parse_challenge(header->second);
      if (one.has_value() && (one->scheme == "bearer" || !challenge.has_value())) {
        challenge = std::move(one);
      }
    }
    if (!challenge.has_value()) {
      return Error(Code::PermissionDenied, registry_ + " wants a login but does not say how");
    }
    if (challenge->scheme == "basic") {
      if (auth_.empty()) {
        return login_needed("");
      }
      authorization_ = "Basic " + auth_;
      return {};
    }
    return fetch_token(*challenge);
  }

  Result<void> fetch_token(Challenge challenge) {
    std::string& realm = challenge.parameters["realm"];
    bool plain_is_fine = is_loopback(registry_) && is_plain_loopback(realm);
    if (!realm.starts_with("https://") && !plain_is_fine) {
      return Error(Code::PermissionDenied,
                   registry_ + " sends logins to " + realm + ", which is not https");
    }
    net::HttpRequest request;
    request.url = realm + (realm.find('?') == std::string::npos ? "?" : "&") +
                  "service=" + net::percent_encode(challenge.parameters["service"]) +
                  "&scope=" + net::percent_encode("repository:" + repository_ + ":pull");
    if (!auth_.empty()) {
      request.authorization = "Basic " + auth_;
    }
    net::HttpResponse response = TRY(client_.send(request));
    if (response.status == 401 || response.status == 403) {
      return login_needed(registry_error_of(response.body));
    }
    std::string token = token_of(response.body);
    if (response.status != 200 || token.empty()) {
      return Error(Code::Unavailable,
                   "the token server of " + registry_ + " answers with status " +
                       std::to_string(response.status));
    }
    authorization_ = "Bearer " + token;
    return {};
  }

  Error login_needed(const std::string& said) const {
    return Error(Code::PermissionDenied,
                 registry_ + (auth_.empty() ? " wants a login for " : " refuses this login for ") +
                     repository_ + (said.empty() ? "" : " (" + said + ")"))
        .with_hint(
            "give one with --registry-auth (base64 of user:password); some registries say so of "
            "repositories that "
            "do not exist");
  }

  Error refusal(const net::HttpResponse& response, const std::string& what) const {
    std::string said = registry_error_of(response.body);
    std::string text = registry_ + "/" + repository_ + ": " + what + ": status " +
                       std::to_string(response.status) + (said.empty() ? "" : " (" + said + ")");
    if (response.status == 401 || response.status == 403) {
      return login_needed(said);
    }
    if (response.status == 404) {
      return Error(Code::NotFound, text);
    }
    if (response.status == 429) {
      return Error(Code::Unavailable, text)
          .with_hint("the registry limits how often it is asked; try later or log in");
    }
    return Error(Code::Unavailable, text);
  }

  std::string base_;
  std::string registry_;
  std::string repository_;
  std::string auth_;
  std::string authorization_;
  net::HttpClient client_;
};

// A small document by its digest.
Result<std::string> read_document(RegistryClient& client, const Descriptor& descriptor) {
  if (descriptor.size > kDocumentLimit) {
    return Error(Code::ResourceExhausted,
                 "blob " + descriptor.digest.text() + " is larger than 4 MiB");
  }
  TRY(check_algorithm(descriptor.digest));
  std::unique_ptr<ByteSource> source = TRY(client.blob(descriptor.digest));
  std::unique_ptr<ByteSource> limited = make_limited_source(*source, descriptor.size);
  Bytes bytes =
      TRY(read_all(*limited, kDocumentLimit).with_context("blob " + descriptor.digest.text()));
  if (bytes.size() != descriptor.size || Digest::sha256_of(bytes) != descriptor.digest) {
    return Error(Code::DataLoss, "blob " + descriptor.digest.text() + " does not match its digest");
  }
  return std::string(as_text(bytes));
}

// Downloads one layer, hashing it as sent and as it is.
Result<LayerObjects> read_layer(RegistryClient& client,
                                const Descriptor& layer,
                                const Digest& diff_id) {
  std::string name = "layer " + layer.digest.text();
  if (layer.size > kCompressedLimit) {
    return Error(Code::ResourceExhausted, name + " is larger than 2 GiB");
  }
  TRY(check_algorithm(layer.digest));
  std::unique_ptr<ByteSource> source = TRY(client.blob(layer.digest));
  std::unique_ptr<ByteSource> limited = make_limited_source(*source, layer.size);
  HashingSource sent(*limited);
  std::unique_ptr<ByteSource> plain =
      TRY(make_inflating_source(sent, kInflatedLimit).with_context(name));
  HashingSource tar(*plain);
  Result<LayerObjects> objects = read_tar_layer(tar);
  Result<void> unpacked = tar.drain();
  // A wrong digest explains an error of the readers better than the error itself.
  bool bomb = !unpacked.ok() && unpacked.error().code() == Code::ResourceExhausted;
  Result<void> arrived = bomb ? Result<void>() : sent.drain();
  if (!bomb && arrived.ok() && (sent.size() != layer.size || sent.finish() != layer.digest)) {
    return Error(Code::DataLoss, name + " does not match its digest");
  }
  TRY(std::move(arrived).with_context(name));
  if (!objects.ok()) {
    return std::move(objects).error().with_context(name);
  }
  TRY(std::move(unpacked).with_context(name));
  if (tar.finish() != diff_id) {
    return Error(Code::DataLoss, name + " unpacks to something else than the image config says");
  }
  return objects;
}

std::vector<ObjectFile> preferred(const std::vector<LayerListing>& listings) {
  std::vector<ObjectFile> all = merge_layers(listings);
  std::vector<ObjectFile> root;
  std::copy_if(all.begin(), all.end(), std::back_inserter(root), [](const ObjectFile& file) {
    return file.path.find('/') == std::string::npos;
  });
  return root.empty() ? all : root;
}

Result<Extracted> extract_layers(RegistryClient& client,
                                 const Manifest& manifest,
                                 const ImageConfig& config,
                                 const std::string& name,
                                 const Platform& platform) {
  if (manifest.layers.size() != config.diff_ids.size()) {
    return Error(Code::DataLoss,
                 "manifest and config of " + name + " disagree about the number of layers");
  }
  Extracted out{.labels = config.labels,
                .verification = Verification::Content,
                .route = "registry",
                .platform = config.platform};
  out.ebpf = TRY(parse_ebpf_labels(config.labels));
  std::vector<LayerObjects> layers(manifest.layers.size());
  std::size_t object_bytes = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    layers[i] = TRY(read_layer(client, manifest.layers[i], config.diff_ids[i]));
    object_bytes += layers[i].content_bytes;
    if (object_bytes > kObjectsLimit) {
      return Error(Code::ResourceExhausted,
                   "the object files of " + name + " are larger than 64 MiB together");
    }
  }
  std::vector<LayerListing> listings;
  for (const LayerObjects& layer : layers) {
    listings.push_back(layer.listing);
  }
  std::vector<ObjectFile> candidates = preferred(listings);
  if (candidates.empty()) {
    return no_object(name, listings);
  }
  auto content_of = [&layers](const ObjectFile& file) -> Result<Bytes> {
    return layers[file.layer].content.at(file.path);
  };
  ObjectFile chosen = TRY(pick_object(candidates, out.ebpf, platform, content_of));
  out.bytes = TRY(content_of(chosen));
  out.file_name = chosen.path;
  return out;
}

Result<ManifestDocument> fetch_manifest(RegistryClient& client,
                                        const std::string& tag_or_digest,
                                        const std::optional<Digest>& expected,
                                        Digest& found) {
  if (expected.has_value()) {
    TRY(check_algorithm(*expected));
  }
  net::HttpResponse response = TRY(client.manifest(tag_or_digest));
  found = Digest::sha256_of(as_bytes(response.body));
  std::optional<Digest> said = Digest::parse(response.header("docker-content-digest"));
  bool comparable = said.has_value() && said->algorithm() == "sha256";
  if ((expected.has_value() && found != *expected) || (comparable && found != *said)) {
    return Error(Code::DataLoss, "manifest " + tag_or_digest + " does not match its digest");
  }
  return parse_manifest(response.body, response.header("content-type"));
}

}  // namespace

std::string registry_url(const std::string& registry) {
  if (registry == "docker.io") {
    return "https://registry-1.docker.io";
  }
  return (is_loopback(registry) ? "http://" : "https://") + registry;
}

std::optional<Challenge> parse_challenge(std::string_view header) {
  std::optional<Challenge> basic;
  Challenge now;
  auto known = [&now] { return now.scheme == "bearer" || now.scheme == "basic"; };
  std::string_view rest = trim(header);
  while (!rest.empty()) {
    std::size_t end = rest.find_first_of("=,");
    std::string_view word = trim(rest.substr(0, end));
    bool has_value = end != std::string_view::npos && rest[end] == '=';
    rest.remove_prefix(std::min(end, rest.size()));
    // A word before the name of a parameter, or alone, begins a challenge.
    std::size_t blank = word.find(' ');
    if (blank != std::string_view::npos || !has_value) {
      if (now.scheme == "bearer") {
        return now;
      }
      if (known() && !basic.has_value()) {
        basic = std::move(now);
      }
      now = Challenge{.scheme = to_lower(word.substr(0, blank))};
      word = blank == std::string_view::npos ? std::string_view() : trim(word.substr(blank));
    }
    if (has_value) {
      rest.remove_prefix(1);
      bool quoted = rest.starts_with('"');
      std::size_t stop = quoted ? rest.find('"', 1) : rest.find(',');
      if (quoted && stop == std::string_view::npos) {
        break;
      }
      std::string_view value = quoted ? rest.substr(1, stop - 1) : trim(rest.substr(0, stop));
      now.parameters[to_lower(word)] = value;
      rest.remove_prefix(std::min(stop, rest.size()));
    }
    std::size_t comma = rest.find(',');
    rest = comma == std::string_view::npos ? "" : trim(rest.substr(comma + 1));
  }
  if (now.scheme == "bearer" || !basic.has_value()) {
    return known() ? std::optional(std::move(now)) : std::nullopt;
  }
  return basic;
}

Result<Pulled> pull(const ImageReference& reference,
                    const std::string& auth,
                    const Platform& platform) {
  RegistryClient client(reference, auth);
  Pulled out;
  std::string name = reference.normal_form();
  std::string wanted =
      reference.digest().has_value() ? reference.digest()->text() : reference.tag();
  ManifestDocument document =
      TRY(fetch_manifest(client, wanted, reference.digest(), out.manifest_digest));
  if (document.is_index) {
    Descriptor entry = TRY(choose_platform(document.entries, platform).with_context(name));
    document = TRY(fetch_manifest(client, entry.digest.text(), entry.digest, out.manifest_digest));
    if (document.is_index) {
      return Error(Code::DataLoss, "the index of " + name + " leads to another index");
    }
  }
  out.image_id = document.manifest.config.digest;
  std::string config_text = TRY(read_document(client, document.manifest.config).with_context(name));
  ImageConfig config = TRY(parse_image_config(config_text).with_context(name));
  out.extracted = TRY(extract_layers(client, document.manifest, config, name, platform));
  return out;
}

}  // namespace bpfman::image
