// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/look_up.h"

#include <algorithm>

#include "bpfman/base/text.h"

namespace bpfman::image {
namespace {

bool contains(const std::vector<SourceKind>& kinds, SourceKind kind) {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

// What a transport in front of the name leaves.
bool serves(Transport transport, SourceKind kind) {
  switch (transport) {
    case Transport::Any:
      return true;
    case Transport::Registry:
      return kind == SourceKind::Registry;
    case Transport::DockerDaemon:
      return kind == SourceKind::Docker;
    case Transport::ContainersStorage:
      return kind == SourceKind::Podman;
    case Transport::Containerd:
      return kind == SourceKind::Containerd;
    case Transport::OciLayout:
    case Transport::OciArchive:
    case Transport::DockerArchive:
      return false;
  }
  return false;
}

std::string words_of(const std::vector<SourceKind>& kinds) {
  std::vector<std::string> words;
  for (SourceKind kind : kinds) {
    words.emplace_back(to_string(kind));
  }
  return join(words, ",");
}

}  // namespace

bool LookUp::asks(SourceKind kind) const {
  return contains(kinds, kind);
}

Result<LookUp> plan_look_up(const ImageReference& reference,
                            const ImageSource& source,
                            const SourceSettings& settings) {
  LookUp out;
  out.only_named = !source.from.empty();
  const std::vector<SourceKind>& allowed = out.only_named ? source.from : settings.kinds;
  for (SourceKind kind : allowed) {
    // Nobody pushes an image under its id.
    bool possible = kind != SourceKind::Registry || !reference.is_id();
    if (possible && serves(reference.transport(), kind)) {
      out.kinds.push_back(kind);
    }
  }
  if (out.only_named && reference.transport() != Transport::Any && out.kinds.empty()) {
    return Error(Code::InvalidArgument,
                 source.reference + " names its source itself, and it is not " +
                     words_of(source.from) + " of --from")
        .with_hint("leave out one of the two");
  }
  for (SourceKind kind : all_image_sources()) {
    if (serves(reference.transport(), kind) && !contains(allowed, kind)) {
      out.unasked.push_back(kind);
    }
  }
  out.why_unasked = out.only_named
                        ? "not in --from"
                        : "not in images.sources" +
                              (settings.file.empty() ? std::string() : " of " + settings.file);
  return out;
}

Error not_found(const ImageReference& reference,
                const std::vector<Miss>& misses,
                const LookUp& look_up) {
  Error error(Code::NotFound, "image " + reference.typed() + " is in no source");
  for (const Miss& miss : misses) {
    error = std::move(error).with_hint(miss.place + ": " + miss.why);
  }
  for (SourceKind kind : look_up.unasked) {
    error = std::move(error).with_hint(std::string(to_string(kind)) +
                                       ": not asked: " + look_up.why_unasked);
  }
  std::string sources = "see what bpfman image sources finds";
  if (reference.may_be_id() || reference.digest().has_value()) {
    return std::move(error).with_hint(sources);  // nobody builds an image of a given digest
  }
  return std::move(error).with_hint("build it (docker build -t " + reference.typed() +
                                    " .; with buildx add --load), or " + sources);
}

}  // namespace bpfman::image
