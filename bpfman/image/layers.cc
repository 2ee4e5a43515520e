// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/layers.h"

#include <algorithm>
#include <array>
#include <iterator>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/image/tar_reader.h"
#include "bpfman/model/bpf_elf.h"

namespace bpfman::image {
namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr std::size_t kHeadBytes = 64;
constexpr std::size_t kMaxWalk = 20'000;
constexpr int kMaxDepth = 16;

std::string directory_of(const std::string& path) {
  std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

std::string name_of(const std::string& path) {
  std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::string below(const std::string& directory, const std::string& name) {
  return directory.empty() ? name : directory + "/" + name;
}

// True when the name was a marker and not a file.
bool note_marker(const std::string& path, LayerListing& listing) {
  std::string name = name_of(path);
  if (name == kOpaque) {
    listing.opaque.insert(directory_of(path));
    return true;
  }
  if (name.starts_with(kWhiteout)) {
    listing.whiteouts.insert(below(directory_of(path), name.substr(kWhiteout.size())));
    return true;
  }
  return false;
}

// ---- tar ----------------------------------------------------------------------------------------

Error too_large(const std::string& name, std::uint64_t size) {
  return Error(
      Code::ResourceExhausted,
      "object file " + name + " has " + std::to_string(size) + " bytes, more than is allowed");
}

Result<void> take_file(TarReader& reader, const TarEntry& entry, LayerObjects& out) {
  Bytes head(std::min<std::uint64_t>(entry.size, kHeadBytes));
  std::size_t used = 0;
  while (used < head.size()) {
    std::size_t count = TRY(reader.read(std::span(head).subspan(used)));
    used += count;
  }
  if (!looks_like_bpf_elf(head)) {
    out.listing.others.insert(entry.name);
    return {};
  }
  if (entry.size > kObjectLimit || out.content_bytes + entry.size > kObjectsLimit) {
    return too_large(entry.name, entry.size);
  }
  Bytes rest = TRY(reader.read_entry(kObjectLimit));
  head.insert(head.end(), rest.begin(), rest.end());
  out.content_bytes += head.size();
  out.listing.objects.insert(entry.name);
  out.content[entry.name] = std::move(head);
  return {};
}

// ---- directories --------------------------------------------------------------------------------

// The names of a file's extended attributes: one call, which nearly always says "none". Empty also
// where the file system has no such thing.
std::vector<std::string> attribute_names(int fd) {
  ssize_t size = ::flistxattr(fd, nullptr, 0);
  if (size <= 0) {
    return {};
  }
  std::string text(static_cast<std::size_t>(size), '\0');
  size = ::flistxattr(fd, text.data(), text.size());
  text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return split(text, '\0');
}

bool has_any(const std::vector<std::string>& names,
             std::initializer_list<std::string_view> wanted) {
  return std::any_of(wanted.begin(), wanted.end(), [&](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  });
}

// The data of the file (the entries of the directory) are in another layer.
bool lies_elsewhere(const std::vector<std::string>& attributes) {
  return has_any(attributes,
                 {"trusted.overlay.metacopy",
                  "trusted.overlay.redirect",
                  "user.overlay.metacopy",
                  "user.overlay.redirect"});
}

bool is_opaque(int directory, const std::vector<std::string>& attributes) {
  for (const char* name :
       {"trusted.overlay.opaque", "user.overlay.opaque", "user.fuseoverlayfs.opaque"}) {
    if (!has_any(attributes, {name})) {
      continue;
    }
    std::array<char, 8> value{};
    ssize_t size = ::fgetxattr(directory, name, value.data(), value.size());
    if (size == 1 && value[0] == 'y') {
      return true;
    }
  }
  return false;
}

struct Walk {
  LayerListing listing;
  std::size_t seen = 0;
  Depth depth;
};

Result<void> look_at_file(int directory,
                          const std::string& name,
                          const std::string& path,
                          Walk& walk) {
  Result<UniqueFd> file = open_beneath(directory, name, O_RDONLY);
  if (!file.ok()) {
    // Vanished, or not ours to read: it hides what lies below, that is all that matters.
    walk.listing.others.insert(path);
    return {};
  }
  std::array<std::byte, kHeadBytes> head{};
  ssize_t count = ::pread(file->get(), head.data(), head.size(), 0);
  // Such a file reads as zeros, so its bytes do not tell whether it is an object.
  if (lies_elsewhere(attribute_names(file->get()))) {
    return Error(Code::Unimplemented,
                 "file " + path + " has its data in another layer (overlay metacopy)");
  }
  if (count > 0 && looks_like_bpf_elf(ByteView(head).first(static_cast<std::size_t>(count)))) {
    walk.listing.objects.insert(path);
  } else {
    walk.listing.others.insert(path);
  }
  return {};
}

Result<void> walk_directory(int directory, const std::string& prefix, int level, Walk& walk) {
  std::vector<std::string> attributes = attribute_names(directory);
  if (is_opaque(directory, attributes)) {
    walk.listing.opaque.insert(prefix);
  }
  if (lies_elsewhere(attributes)) {
    return Error(Code::Unimplemented,
                 "directory " + prefix + " shows another one of a layer below (overlay redirect)");
  }
  std::vector<std::string> names =
      TRY(list_directory_fd(directory, prefix.empty() ? "layer" : prefix));
  for (const std::string& name : names) {
    std::string path = below(prefix, name);
    if (++walk.seen > kMaxWalk) {
      return Error(Code::ResourceExhausted,
                   "the image has more than " + std::to_string(kMaxWalk) + " files to look at")
          .with_hint("put the object file into the root directory of the image");
    }
    struct stat info = {};
    if (::fstatat(directory, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      continue;  // vanished
    }
    if (S_ISCHR(info.st_mode) && info.st_rdev == ::makedev(0, 0)) {
      walk.listing.whiteouts.insert(path);
    } else if (note_marker(path, walk.listing)) {
      continue;
    } else if (S_ISREG(info.st_mode) && info.st_size <= static_cast<off_t>(kObjectLimit)) {
      TRY(look_at_file(directory, name, path, walk));
    } else {
      walk.listing.others.insert(path);
      if (S_ISDIR(info.st_mode)) {
        walk.listing.directories.insert(path);
      }
      if (S_ISDIR(info.st_mode) && walk.depth == Depth::All && level < kMaxDepth) {
        Result<UniqueFd> inner = open_beneath(directory, name, O_RDONLY | O_DIRECTORY);
        if (inner.ok()) {
          TRY(walk_directory(inner->get(), path, level + 1, walk));
        }
      }
    }
  }
  return {};
}

}  // namespace

Result<LayerObjects> read_tar_layer(ByteSource& tar) {
  TarReader reader(tar);
  LayerObjects out;
  for (;;) {
    std::optional<TarEntry> entry = TRY(reader.next());
    if (!entry.has_value()) {
      return out;
    }
    if (entry->name.empty() || note_marker(entry->name, out.listing)) {
      continue;
    }
    // A later entry of the same name replaces the earlier one.
    out.listing.objects.erase(entry->name);
    out.listing.others.erase(entry->name);
    out.listing.directories.erase(entry->name);
    out.content.erase(entry->name);
    if (entry->type == TarType::File) {
      TRY(take_file(reader, *entry, out));
      continue;
    }
    auto target = out.content.find(entry->link);
    if (entry->type == TarType::Hardlink && target != out.content.end()) {
      Bytes copy = target->second;
      if (out.content_bytes + copy.size() > kObjectsLimit) {
        return too_large(entry->name, copy.size());
      }
      out.content_bytes += copy.size();
      out.listing.objects.insert(entry->name);
      out.content[entry->name] = std::move(copy);
      continue;
    }
    out.listing.others.insert(entry->name);
    if (entry->type == TarType::Directory) {
      out.listing.directories.insert(entry->name);
    }
  }
}

Result<LayerListing> list_directory_layer(const LayerDirectory& layer, Depth depth) {
  Walk walk{.depth = depth};
  TRY(walk_directory(layer.directory.get(), "", 0, walk).with_context(layer.path));
  // A directory that was removed meanwhile reads as an empty one.
  struct stat info = {};
  if (::fstat(layer.directory.get(), &info) != 0 || info.st_nlink == 0) {
    return Error(Code::NotFound, layer.path + " was removed");
  }
  return std::move(walk.listing);
}

std::vector<ObjectFile> merge_layers(const std::vector<LayerListing>& layers) {
  std::vector<ObjectFile> out;
  std::set<std::string> taken;   // paths that an upper layer has
  std::set<std::string> hidden;  // paths that an upper layer removed, with all below them
  std::set<std::string> opaque;  // directories of upper layers that show nothing from below
  auto is_hidden = [&](const std::string& path) {
    if (taken.contains(path) || hidden.contains(path) || opaque.contains("")) {
      return true;
    }
    for (std::size_t slash = path.find('/'); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
      std::string directory = path.substr(0, slash);
      if (hidden.contains(directory) || opaque.contains(directory)) {
        return true;
      }
    }
    return false;
  };
  for (std::size_t i = layers.size(); i-- > 0;) {
    for (const std::string& path : layers[i].objects) {
      if (!is_hidden(path)) {
        out.push_back(ObjectFile{path, i});
      }
    }
    taken.insert(layers[i].objects.begin(), layers[i].objects.end());
    taken.insert(layers[i].others.begin(), layers[i].others.end());
    hidden.insert(layers[i].whiteouts.begin(), layers[i].whiteouts.end());
    // What is no directory hides a directory of this name with all in it.
    hidden.insert(layers[i].objects.begin(), layers[i].objects.end());
    std::set_difference(layers[i].others.begin(),
                        layers[i].others.end(),
                        layers[i].directories.begin(),
                        layers[i].directories.end(),
                        std::inserter(hidden, hidden.end()));
    opaque.insert(layers[i].opaque.begin(), layers[i].opaque.end());
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace bpfman::image
