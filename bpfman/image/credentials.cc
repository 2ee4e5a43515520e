// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/credentials.h"

#include <algorithm>

#include "bpfman/base/config_file.h"
#include "bpfman/base/file.h"
#include "bpfman/base/process.h"
#include "bpfman/base/text.h"

namespace bpfman::image {
namespace {

constexpr std::size_t kHelperOutputLimit = std::size_t{64} * 1024;
constexpr const char* kHubKey = "https://index.docker.io/v1/";

// One file that may hold logins.
struct Place {
  std::string tree;  // "": links are followed; else a tree of `owner`, `path` below it
  std::string path;
  UserAccount owner;
  AuthFileForm form = AuthFileForm::Current;

  std::string name() const { return tree.empty() ? path : join_path(tree, path); }
};

// Docker Hub has many names.
std::string canonical_host(std::string_view host) {
  bool hub = host == "index.docker.io" || host == "registry-1.docker.io" || host == "docker.io";
  return hub ? "docker.io" : std::string(host);
}

// A file of `account`'s, read as this process's own or, with more care, as another's.
Place place_in(bool own, const UserAccount& account, std::string tree, const std::string& path) {
  return own ? Place{.tree = "", .path = join_path(tree, path), .owner = account}
             : Place{.tree = std::move(tree), .path = path, .owner = account};
}

void add_places_of(const Environment& environment,
                   const UserAccount& account,
                   bool own,
                   std::vector<Place>& into) {
  auto variable = [&](const char* name) { return own ? environment.get(name) : std::nullopt; };
  const std::string uid = std::to_string(account.uid);
  if (std::optional<std::string> runtime = variable("XDG_RUNTIME_DIR"); runtime.has_value()) {
    into.push_back(place_in(own, account, *runtime, "containers/auth.json"));
  } else {
    if (!own) {
      into.push_back(place_in(own, account, "/run/user/" + uid, "containers/auth.json"));
    }
    into.push_back(place_in(own, account, "/run/containers/" + uid, "auth.json"));
  }
  if (std::optional<std::string> config = variable("XDG_CONFIG_HOME"); config.has_value()) {
    into.push_back(place_in(own, account, *config, "containers/auth.json"));
  } else {
    into.push_back(place_in(own, account, account.home, ".config/containers/auth.json"));
  }
  if (std::optional<std::string> docker = variable("DOCKER_CONFIG"); docker.has_value()) {
    into.push_back(place_in(own, account, *docker, "config.json"));
  } else {
    into.push_back(place_in(own, account, account.home, ".docker/config.json"));
  }
  into.push_back(place_in(own, account, account.home, ".dockercfg"));
  into.back().form = AuthFileForm::Legacy;
}

bool good_helper_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' ||
                  c == '.';
         });
}

class Search {
 public:
  Search(const Environment& environment,
         const CredentialOptions& options,
         const std::string& registry,
         std::string repository)
      : environment_(environment),
        options_(options),
        registry_(canonical_host(registry)),
        repository_(std::move(repository)) {}

  Result<CredentialLookup> run() {
    if (!options_.given.empty()) {
      return from_flag();
    }
    if (std::optional<std::string> named = environment_.get("REGISTRY_AUTH_FILE");
        named.has_value()) {
      Place place{.path = *named, .owner = environment_.user};
      out_.places.push_back(*named);
      TRY(look_into(place).with_context("REGISTRY_AUTH_FILE"));
      return std::move(out_);
    }
    std::vector<Place> places;
    add_places_of(environment_, environment_.user, true, places);
    if (environment_.invoking_user.has_value()) {
      add_places_of(environment_, *environment_.invoking_user, false, places);
    }
    for (const Place& place : places) {
      out_.places.push_back(place.name());
      Result<void> looked = look_into(place);
      if (!looked.ok()) {
        out_.warnings.push_back("logins for registries: " + looked.error().message());
      }
      if (out_.credential.has_value()) {
        break;
      }
    }
    return std::move(out_);
  }

 private:
  Result<CredentialLookup> from_flag() {
    std::optional<Bytes> plain = decode_base64(options_.given);
    if (!plain.has_value() || as_text(*plain).find(':') == std::string_view::npos) {
      return Error(Code::InvalidArgument, "the given registry login is not base64 of user:password")
          .with_hint("make it with: printf user:password | base64 -w0");
    }
    out_.credential = Credential{.basic = options_.given, .place = "--registry-auth"};
    return std::move(out_);
  }

  Result<void> look_into(const Place& place) {
    std::optional<Bytes> bytes =
        TRY(place.tree.empty() ? read_config_file(place.path)
                               : read_config_file_of(place.tree, place.path, place.owner.uid));
    if (!bytes.has_value()) {
      return {};
    }
    AuthFile file = TRY(parse_auth_file(as_text(*bytes), place.form).with_context(place.name()));
    if (auto own = file.helpers.find(registry_); own != file.helpers.end()) {
      return ask_helper(own->second, place);
    }
    if (registry_ == "docker.io") {
      for (const char* key : {"index.docker.io", kHubKey}) {
        if (auto hub = file.helpers.find(key); hub != file.helpers.end()) {
          return ask_helper(hub->second, place);
        }
      }
    }
    std::optional<AuthEntry> entry = match_auth(file, registry_, repository_);
    if (entry.has_value() && !entry->identity_token.empty()) {
      out_.credential = Credential{.identity_token = entry->identity_token, .place = place.name()};
      return {};
    }
    if (entry.has_value() && !entry->auth.empty()) {
      std::optional<Bytes> plain = decode_base64(entry->auth);
      if (!plain.has_value() || as_text(*plain).find(':') == std::string_view::npos) {
        return Error(
            Code::InvalidArgument,
            place.name() + ": the login for " + registry_ + " is not base64 of user:password");
      }
      out_.credential = Credential{.basic = entry->auth, .place = place.name()};
      return {};
    }
    return file.store.empty() ? Result<void>() : ask_helper(file.store, place);
  }

  Result<void> ask_helper(const std::string& name, const Place& place) {
    if (!good_helper_name(name)) {
      return Error(Code::InvalidArgument,
                   place.name() + ": it names a credential helper that is no name of a program");
    }
    const std::string program = "docker-credential-" + name;
    std::string path;
    for (const std::string& directory : options_.helper_directories) {
      if (path.empty() && path_exists(join_path(directory, program))) {
        path = join_path(directory, program);
      }
    }
    if (path.empty()) {
      return Error(Code::NotFound,
                   place.name() + " names the helper " + program + ", which is in none of " +
                       join(options_.helper_directories, ", "));
    }
    std::vector<std::string> servers = {registry_};
    if (registry_ == "docker.io") {
      servers.insert(servers.begin(), kHubKey);
    }
    for (const std::string& server : servers) {
      ProcessOutput done = TRY(run_helper(path, server, place.owner));
      std::optional<Credential> answer =
          done.status == 0 ? parse_helper_answer(done.out) : std::nullopt;
      if (answer.has_value()) {
        answer->place = program + " (" + place.name() + ")";
        out_.credential = std::move(answer);
        return {};
      }
      bool none = done.out.find("credentials not found") != std::string::npos ||
                  done.err.find("credentials not found") != std::string::npos;
      if (!none) {
        // What it printed may hold a secret: it is not repeated.
        return Error(Code::Unavailable,
                     path + " get (of " + place.name() + ") gives no login for " + server +
                         ": exit status " + std::to_string(done.status));
      }
    }
    return {};
  }

  // As the user whose file names it, with nothing of our environment.
  Result<ProcessOutput> run_helper(const std::string& path,
                                   const std::string& server,
                                   const UserAccount& owner) const {
    ProcessRequest request;
    request.arguments = {path, "get"};
    request.environment = {"PATH=" + join(options_.helper_directories, ":"),
                           "HOME=" + owner.home,
                           "USER=" + owner.name,
                           "LOGNAME=" + owner.name,
                           "XDG_RUNTIME_DIR=/run/user/" + std::to_string(owner.uid)};
    request.only_this_environment = true;
    request.directory = "/";
    request.timeout_ms = options_.helper_timeout_ms;
    request.input = server + "\n";
    request.output_limit = kHelperOutputLimit;
    if (owner.uid != environment_.effective_uid) {
      request.user = ProcessUser{.uid = owner.uid, .gid = owner.gid};
    }
    return run_process(request);
  }

  const Environment& environment_;
  const CredentialOptions& options_;
  std::string registry_;
  std::string repository_;
  CredentialLookup out_;
};

}  // namespace

std::optional<AuthEntry> match_auth(const AuthFile& file,
                                    const std::string& registry,
                                    const std::string& repository) {
  std::string host = canonical_host(registry);
  // As they are: host/ns/repo, host/ns, host.
  for (std::string key = host + "/" + repository;;) {
    if (auto found = file.auths.find(key); found != file.auths.end()) {
      return found->second;
    }
    std::size_t slash = key.rfind('/');
    if (slash == std::string::npos) {
      break;
    }
    key.resize(slash);
  }
  for (const auto& [key, entry] : file.auths) {
    std::string_view rest = key;
    bool url = false;
    for (std::string_view scheme : {std::string_view("https://"), std::string_view("http://")}) {
      if (rest.starts_with(scheme)) {
        rest.remove_prefix(scheme.size());
        url = true;
      }
    }
    // "index.docker.io/v1/" is a URL as well; "quay.io/me" is a namespace.
    bool alone = rest.find('/') == std::string_view::npos;
    bool version = rest.ends_with("/v1/") || rest.ends_with("/v2/") || rest.ends_with("/v1") ||
                   rest.ends_with("/v2");
    if ((url || alone || version) && canonical_host(rest.substr(0, rest.find('/'))) == host) {
      return entry;
    }
  }
  return std::nullopt;
}

Result<CredentialLookup> find_credential(const Environment& environment,
                                         const CredentialOptions& options,
                                         const std::string& registry,
                                         const std::string& repository) {
  return Search(environment, options, registry, repository).run();
}

}  // namespace bpfman::image
