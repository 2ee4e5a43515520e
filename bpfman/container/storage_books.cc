// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/storage_books.h"

#include <algorithm>

#include "bpfman/base/text.h"
#include "bpfman/container/json_scanner.h"

namespace bpfman::container {
namespace {

using Kind = JsonScanner::Kind;

Error torn(const std::string& what) {
  return Error(Code::Aborted, what + " ends too early or is no JSON");
}

Error wrong_type(const std::string& what, std::string_view member, const std::string& wanted) {
  return Error(Code::DataLoss, what + ": \"" + std::string(member) + "\" is no " + wanted);
}

// One record of images.json as it stands in the text. Views into it.
struct ImageRecordView {
  RawString id;
  RawString digest;
  RawString layer;
  RawString metadata;
  std::vector<RawString> names;
  std::vector<RawString> manifests;  // digests

  void clear() {
    id = digest = layer = metadata = RawString();
    names.clear();
    manifests.clear();
  }
};

// A string, or nothing for null.
Result<void> read_text(JsonScanner& scanner, const RawString& key, RawString& out) {
  if (scanner.peek() == Kind::String) {
    scanner.read_string(out);
    return {};
  }
  if (scanner.peek() != Kind::Null) {
    return wrong_type("images.json or layers.json", key.raw(), "text");
  }
  scanner.skip_value();
  return {};
}

Result<void> read_names(JsonScanner& scanner, std::vector<RawString>& out) {
  if (scanner.peek() == Kind::Null) {
    scanner.skip_value();
    return {};
  }
  if (scanner.peek() != Kind::Array || !scanner.enter_array()) {
    return wrong_type("images.json", "names", "list");
  }
  while (scanner.next_element()) {
    RawString name;
    if (scanner.peek() != Kind::String) {
      return wrong_type("images.json", "names", "list of texts");
    }
    scanner.read_string(name);
    out.push_back(name);
  }
  return {};
}

// Big data items that are manifests are called "manifest" and "manifest-DIGEST".
Result<void> read_manifest_digests(JsonScanner& scanner, std::vector<RawString>& out) {
  if (scanner.peek() == Kind::Null) {
    scanner.skip_value();
    return {};
  }
  if (scanner.peek() != Kind::Object || !scanner.enter_object()) {
    return wrong_type("images.json", "big-data-digests", "object");
  }
  RawString key;
  while (scanner.next_member(key)) {
    if (!key.raw().starts_with("manifest")) {
      scanner.skip_value();
      continue;
    }
    RawString digest;
    TRY(read_text(scanner, key, digest));
    out.push_back(digest);
  }
  return {};
}

Result<void> read_image(JsonScanner& scanner, ImageRecordView& out) {
  if (scanner.peek() != Kind::Object || !scanner.enter_object()) {
    return Error(Code::DataLoss, "images.json holds something that is no record");
  }
  out.clear();
  RawString key;
  while (scanner.next_member(key)) {
    if (key.is("id")) {
      TRY(read_text(scanner, key, out.id));
    } else if (key.is("digest")) {
      TRY(read_text(scanner, key, out.digest));
    } else if (key.is("layer")) {
      TRY(read_text(scanner, key, out.layer));
    } else if (key.is("metadata")) {
      TRY(read_text(scanner, key, out.metadata));
    } else if (key.is("names")) {
      TRY(read_names(scanner, out.names));
    } else if (key.is("big-data-digests")) {
      TRY(read_manifest_digests(scanner, out.manifests));
    } else {
      scanner.skip_value();
    }
  }
  return {};
}

bool fits(const ImageRecordView& record, const ImageQuery& query) {
  if (!query.id_prefix.empty() && record.id.raw().starts_with(query.id_prefix)) {
    return true;
  }
  for (const std::string& wanted : query.names) {
    for (const RawString& name : record.names) {
      if (name.is(wanted)) {
        return true;
      }
    }
  }
  if (query.manifest.empty()) {
    return false;
  }
  return record.digest.is(query.manifest.text()) ||
         std::any_of(record.manifests.begin(),
                     record.manifests.end(),
                     [&](const RawString& digest) { return digest.is(query.manifest.text()); });
}

Result<std::string> resolve(const RawString& raw) {
  std::optional<std::string> text = raw.text();
  if (!text.has_value()) {
    return Error(Code::DataLoss, "a text in the store's books has a malformed escape");
  }
  return std::move(*text);
}

// The digest in `raw`; empty for an empty text.
Result<Digest> to_digest(const RawString& raw) {
  if (raw.raw().empty()) {
    return Digest();
  }
  std::optional<Digest> digest = Digest::parse(raw.raw());
  if (!digest.has_value()) {
    return Error(Code::DataLoss, "a digest in the store's books is malformed");
  }
  return std::move(*digest);
}

Result<StoredImage> to_image(const ImageRecordView& record) {
  StoredImage out;
  out.id = record.id.raw();
  out.digest = TRY(to_digest(record.digest));
  out.layer = TRY(resolve(record.layer));
  out.metadata = TRY(resolve(record.metadata));
  for (const RawString& name : record.names) {
    std::string text = TRY(resolve(name));
    out.names.push_back(std::move(text));
  }
  for (const RawString& manifest : record.manifests) {
    Digest digest = TRY(to_digest(manifest));
    out.manifest_digests.push_back(std::move(digest));
  }
  return out;
}

// Hands each element of the list to `read`. An empty file and `null` are lists without elements.
template <typename Read>
Result<void> for_each_record(std::string_view text, const std::string& what, Read read) {
  JsonScanner scanner(text);
  if (scanner.at_end()) {
    return {};
  }
  if (scanner.peek() == Kind::Null) {
    scanner.skip_value();
  } else {
    if (!scanner.enter_array()) {
      return torn(what);
    }
    while (scanner.next_element()) {
      Result<void> done = read(scanner);
      // A text that is cut off looks like a wrong type at its end: the cut is what matters.
      if (scanner.failed()) {
        return torn(what);
      }
      TRY(std::move(done));
    }
  }
  if (scanner.failed() || !scanner.at_end()) {
    return torn(what);
  }
  return {};
}

bool is_hex_id(std::string_view id) {
  return Digest::from_sha256_hex(id).has_value();
}

}  // namespace

Result<std::vector<StoredImage>> find_stored_images(std::string_view text,
                                                    const ImageQuery& query) {
  std::vector<StoredImage> out;
  ImageRecordView record;
  auto read = [&](JsonScanner& scanner) -> Result<void> {
    TRY(read_image(scanner, record));
    if (!scanner.failed() && fits(record, query) && is_hex_id(record.id.raw())) {
      StoredImage image = TRY(to_image(record));
      out.push_back(std::move(image));
    }
    return {};
  };
  TRY(for_each_record(text, "images.json", read));
  return out;
}

Result<std::size_t> count_stored_images(std::string_view text) {
  std::size_t count = 0;
  TRY(for_each_record(text, "images.json", [&](JsonScanner& scanner) -> Result<void> {
    scanner.skip_value();
    ++count;
    return {};
  }));
  return count;
}

Result<void> LayerBook::add(Bytes text) {
  texts_.push_back(std::make_unique<const Bytes>(std::move(text)));
  std::string_view whole = as_text(*texts_.back());
  return for_each_record(whole, "layers.json", [&](JsonScanner& scanner) -> Result<void> {
    if (scanner.peek() != Kind::Object) {
      return Error(Code::DataLoss, "layers.json holds something that is no record");
    }
    std::size_t begin = scanner.offset();
    JsonScanner record = scanner;
    scanner.skip_value();
    if (scanner.failed()) {
      return {};
    }
    // The id comes first in practice, so finding it costs nothing.
    RawString id;
    RawString key;
    record.enter_object();
    while (record.next_member(key)) {
      if (key.is("id")) {
        TRY(read_text(record, key, id));
        break;
      }
      record.skip_value();
    }
    places_.push_back(Place{id.raw(), whole.substr(begin, scanner.offset() - begin)});
    return {};
  });
}

namespace {

// flags{incomplete, expected-layer-diffid}; the latter is a claim for layers that are known by a
// table of contents.
Result<void> read_flags(JsonScanner& scanner, StoredLayer& layer, RawString& expected) {
  if (scanner.peek() == Kind::Null) {
    scanner.skip_value();
    return {};
  }
  if (scanner.peek() != Kind::Object || !scanner.enter_object()) {
    return wrong_type("layers.json", "flags", "object");
  }
  RawString key;
  while (scanner.next_member(key)) {
    if (key.is("incomplete")) {
      Kind kind = scanner.peek();
      if (kind != Kind::True && kind != Kind::False) {
        return wrong_type("layers.json", "incomplete", "truth value");
      }
      layer.incomplete = kind == Kind::True;
      scanner.skip_value();
    } else if (key.is("expected-layer-diffid")) {
      TRY(read_text(scanner, key, expected));
    } else {
      scanner.skip_value();
    }
  }
  return {};
}

Result<StoredLayer> parse_layer(std::string_view text) {
  JsonScanner scanner(text);
  StoredLayer out;
  RawString key;
  RawString id;
  RawString parent;
  RawString diff;
  RawString expected;
  scanner.enter_object();
  while (scanner.next_member(key)) {
    if (key.is("id")) {
      TRY(read_text(scanner, key, id));
    } else if (key.is("parent")) {
      TRY(read_text(scanner, key, parent));
    } else if (key.is("diff-digest")) {
      TRY(read_text(scanner, key, diff));
    } else if (key.is("flags")) {
      TRY(read_flags(scanner, out, expected));
    } else {
      scanner.skip_value();
    }
  }
  if (scanner.failed()) {
    return torn("layers.json");
  }
  out.id = id.raw();
  out.parent = TRY(resolve(parent));
  out.diff_digest = TRY(to_digest(diff.raw().empty() ? expected : diff));
  return out;
}

}  // namespace

Result<std::optional<StoredLayer>> LayerBook::find(std::string_view id) const {
  if (!is_hex_id(id)) {
    return std::optional<StoredLayer>();
  }
  auto place =
      std::find_if(places_.begin(), places_.end(), [&](const Place& p) { return p.id == id; });
  if (place == places_.end()) {
    return std::optional<StoredLayer>();
  }
  StoredLayer layer = TRY(parse_layer(place->record));
  return std::optional(std::move(layer));
}

std::string big_data_file(const std::string& key) {
  bool plain = std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '.';
  });
  return plain ? key : "=" + encode_base64(as_bytes(key));
}

}  // namespace bpfman::container
