// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/registry_push.h"

#include <algorithm>

#include "bpfman/base/text.h"
#include "bpfman/image/oci_layout.h"
#include "bpfman/image/progress_meter.h"
#include "bpfman/image/registry_client.h"
#include "bpfman/image/registry_session.h"

namespace bpfman::image {
namespace {

// A blob is sent in one piece, out of memory.
constexpr std::size_t kBlobLimit = std::size_t{128} << 20;
// index.json, an index over platforms, and one more, as when reading.
constexpr int kMaxDepth = 3;
constexpr std::size_t kMaxBlobs = 2000;

bool is_success(int status) {
  return status >= 200 && status < 300;
}

struct Document {
  Descriptor descriptor;
  std::string text;
};

// All that belongs to an image: blobs, then documents, each before those that name it.
struct Parts {
  std::vector<Descriptor> blobs;
  std::vector<Document> documents;
};

bool is_foreign(const Descriptor& layer) {
  return layer.media_type.find("nondistributable") != std::string::npos ||
         layer.media_type.find("rootfs.foreign") != std::string::npos;
}

Result<void> add_blob(const Descriptor& blob, Parts& parts) {
  bool known = std::any_of(parts.blobs.begin(), parts.blobs.end(), [&blob](const Descriptor& one) {
    return one.digest == blob.digest;
  });
  if (known || is_foreign(blob)) {
    return {};
  }
  if (parts.blobs.size() == kMaxBlobs) {
    return Error(Code::ResourceExhausted, "the image has more than 2000 blobs");
  }
  if (blob.size > kBlobLimit) {
    return Error(Code::ResourceExhausted, "blob " + blob.digest.text() + " is larger than 128 MiB")
        .with_hint("push it with skopeo copy");
  }
  parts.blobs.push_back(blob);
  return {};
}

Result<void> collect(LayoutFiles& files, const Descriptor& descriptor, int depth, Parts& parts) {
  Bytes bytes = TRY(read_layout_blob(files, descriptor, kDocumentLimit));
  Document own{.descriptor = descriptor, .text = std::string(as_text(bytes))};
  ManifestDocument document = TRY(parse_manifest(own.text, descriptor.media_type));
  if (document.is_index && depth == kMaxDepth) {
    return Error(Code::DataLoss, "its index leads to another index again and again");
  }
  for (const Descriptor& entry : document.entries) {
    TRY(collect(files, entry, depth + 1, parts));
  }
  if (!document.is_index) {
    TRY(add_blob(document.manifest.config, parts));
    for (const Descriptor& layer : document.manifest.layers) {
      TRY(add_blob(layer, parts));
    }
  }
  if (own.descriptor.media_type.empty()) {
    return Error(Code::DataLoss, "blob " + descriptor.digest.text() + " has no media type");
  }
  parts.documents.push_back(std::move(own));
  return {};
}

class Pusher {
 public:
  Pusher(LayoutFiles& files, RegistrySession& session, ProgressMeter& meter, Pushed& out)
      : files_(files), session_(session), meter_(meter), out_(out) {}

  Result<void> push_blob(const Descriptor& blob) {
    const std::string name = "blob " + blob.digest.text();
    TRY(check_algorithm(blob.digest));
    for (int attempt = 1;; ++attempt) {
      bool there = TRY(has_blob(blob, name));
      if (there) {
        ++(attempt == 1 ? out_.present : out_.uploaded);
        meter_.add(blob.size);
        return {};
      }
      Result<net::HttpResponse> reply = upload(blob, name);
      if (reply.ok() && is_success(reply->status)) {
        TRY(check_digest(*reply, blob.digest, name));
        note_upload(blob.size);
        meter_.add(blob.size);
        return {};
      }
      bool again = TRY(may_start_over(reply, attempt));
      if (!again) {
        return reply.ok() ? refusal(*reply, name) : std::move(reply).error();
      }
    }
  }

  // `name`: a tag, or the document's own digest.
  Result<void> push_document(const Document& document, const std::string& name) {
    const Digest& digest = document.descriptor.digest;
    const std::string what = "manifest " + name;
    RegistryRequest look{.method = "HEAD",
                         .path = "/manifests/" + name,
                         .headers = {{"Accept", kManifestTypes}},
                         .body = {}};
    net::HttpResponse found = TRY(session_.send(look));
    if (found.status == 401 || found.status == 403) {
      return refusal(found, what);
    }
    if (found.status == 200 && found.header("docker-content-digest") == digest.text()) {
      ++out_.present;
      return {};
    }
    RegistryRequest put{.method = "PUT",
                        .path = "/manifests/" + name,
                        .headers = {{"Content-Type", document.descriptor.media_type}},
                        .body = document.text};
    net::HttpResponse reply = TRY(session_.send(put));
    if (!is_success(reply.status)) {
      return refusal(reply, what);
    }
    note_upload(document.text.size());
    return check_digest(reply, digest, what);
  }

 private:
  void note_upload(std::uint64_t bytes) {
    ++out_.uploaded;
    out_.bytes += bytes;
  }

  Result<bool> has_blob(const Descriptor& blob, const std::string& name) {
    RegistryRequest look{
        .method = "HEAD", .path = "/blobs/" + blob.digest.text(), .headers = {}, .body = {}};
    net::HttpResponse reply = TRY(session_.send(look));
    if (reply.status == 200) {
      return true;
    }
    if (reply.status == 404) {
      return false;
    }
    return refusal(reply, name);
  }

  // A new upload, whole in one request. The blob is read again each time: nothing is kept.
  Result<net::HttpResponse> upload(const Descriptor& blob, const std::string& name) {
    RegistryRequest begin{.method = "POST", .path = "/blobs/uploads/", .headers = {}, .body = {}};
    net::HttpResponse place = TRY(session_.send(begin));
    if (place.status != 202) {
      return place.status >= 200 && place.status < 400
                 ? Error(Code::Unavailable,
                         session_.target().registry + " answers the beginning of an upload with " +
                             std::to_string(place.status))
                 : refusal(place, "upload of " + name);
    }
    std::string url = TRY(upload_url(place.header("location"), blob.digest));
    Bytes bytes = TRY(read_layout_blob(files_, blob, kBlobLimit));
    RegistryRequest put{.method = "PUT",
                        .path = std::move(url),
                        .headers = {{"Content-Type", "application/octet-stream"}},
                        .body = std::string(as_text(bytes))};
    return session_.send(put, Again::No);
  }

  // An upload that broke is over for most registries, so it is begun anew.
  Result<bool> may_start_over(const Result<net::HttpResponse>& reply, int attempt) const {
    bool passing = reply.ok()
                       ? may_pass(reply->status) || reply->status == 404 || reply->status == 416
                       : reply.error().code() == Code::Unavailable;
    if (!passing || attempt >= session_.retry().tries()) {
      return false;
    }
    return session_.retry().wait(attempt, reply.ok() ? reply->header("retry-after") : "");
  }

  Result<std::string> upload_url(const std::string& location, const Digest& digest) const {
    const std::string& base = session_.base();
    const std::string registry = session_.target().registry;
    std::string url =
        location.starts_with('/') && !location.starts_with("//") ? base + location : location;
    std::size_t scheme = url.find("://");
    if (scheme == std::string::npos) {
      return Error(Code::Unavailable, registry + " does not say where to upload to");
    }
    std::size_t end = std::min(url.find_first_of("/?#", scheme + 3), url.size());
    std::string_view authority = std::string_view(url).substr(scheme + 3, end - scheme - 3);
    if (authority == base.substr(base.find("://") + 3)) {
      // Behind a proxy that ends TLS, some registries think that they speak plain HTTP.
      url = base + url.substr(end);
    } else if (!url.starts_with("https://")) {
      return Error(Code::PermissionDenied,
                   registry + " wants uploads at " + url.substr(0, end) + ", which is not https");
    }
    return url + (url.find('?') == std::string::npos ? "?" : "&") +
           "digest=" + net::percent_encode(digest.text());
  }

  Result<void> check_digest(const net::HttpResponse& reply,
                            const Digest& ours,
                            const std::string& what) const {
    std::optional<Digest> said = Digest::parse(reply.header("docker-content-digest"));
    if (said.has_value() && said->algorithm() == "sha256" && *said != ours) {
      return Error(Code::DataLoss,
                   session_.target().registry + " keeps " + what + " as " + said->text() +
                       ", but " + ours.text() + " was sent")
          .with_hint("the registry, or a proxy in front of it, changes what it is sent");
    }
    return {};
  }

  Error refusal(const net::HttpResponse& reply, const std::string& what) const {
    const PullTarget& target = session_.target();
    std::string said = registry_error_of(reply.body);
    std::string text = "push to " + target.registry + "/" + target.repository + ": " + what +
                       ": status " + std::to_string(reply.status) +
                       (said.empty() ? "" : " (" + said + ")");
    switch (reply.status) {
      case 404:
        return Error(Code::NotFound, text)
            .with_hint("this registry does not make repositories by itself: create " +
                       target.repository + " there first");
      case 405:
        return Error(Code::FailedPrecondition, text)
            .with_hint(target.registry +
                       " takes no pushes: it is read-only, or a cache of another registry; push "
                       "to that one");
      case 413:
        return Error(Code::ResourceExhausted, text)
            .with_hint(
                "it is too large for the registry or for a proxy in front of it (nginx: "
                "client_max_body_size)");
      default:
        break;
    }
    bool final =
        reply.status != 401 && reply.status != 403 && reply.status < 500 && !may_pass(reply.status);
    return final ? Error(Code::FailedPrecondition, text) : session_.refusal(reply, what);
  }

  LayoutFiles& files_;
  RegistrySession& session_;
  ProgressMeter& meter_;
  Pushed& out_;
};

}  // namespace

Result<Pushed> push(LayoutFiles& files, const PushRequest& request, const PullContext& context) {
  PullTarget target = TRY(plan_push(context.policy, request.destination));
  std::vector<Descriptor> index = TRY(read_layout_index(files));
  Descriptor top = TRY(choose_entry(index, request.wanted, request.platform));
  Parts parts;
  TRY(collect(files, top, 1, parts));
  Pushed out;
  out.reference = request.destination.normal_form();
  out.registry = target.registry;
  out.digest = top.digest;
  PullProgress begin{.phase = PullProgress::Phase::Begin,
                     .image = out.reference,
                     .registry = out.registry,
                     .direction = PullProgress::Direction::Push};
  if (context.progress) {
    context.progress(begin);
  }
  ProgressMeter meter(context.progress, begin);
  std::uint64_t total = 0;
  for (const Descriptor& blob : parts.blobs) {
    total += blob.size;
  }
  meter.begin(total);
  Retry retry(context.retry, context.interrupts);
  RegistrySession session(context, retry, std::move(target), RegistryAccess::Push);
  Pusher pusher(files, session, meter, out);
  for (const Descriptor& blob : parts.blobs) {
    TRY(pusher.push_blob(blob));
  }
  for (const Document& document : parts.documents) {
    const bool last = &document == &parts.documents.back();
    TRY(pusher.push_document(document,
                             last ? request.destination.tag() : document.descriptor.digest.text()));
  }
  meter.end();
  out.warnings = session.warnings();
  return out;
}

}  // namespace bpfman::image
