// SPDX-License-Identifier: Apache-2.0
// What the tests of this room build: stores of Docker and of containers-storage in a temporary
// directory, an engine that answers from a table, and a process without privileges. The layers hold
// one file and their recipes are no recipes: what is inside a layer is judged in image/.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/base/file.h"
#include "bpfman/model/container_runtime.h"
#include "bpfman/model/digest.h"
#include "bpfman/model/image.h"
#include "tests/support/http_server.h"

namespace bpfman::container {

// Writes a file and the directories above it.
void put_file(const std::string& path, std::string_view text);
void make_tree(const std::string& path);

Digest digest_of(std::string_view text);
// `digit` 64 times: an id, and the digest of something that does not exist.
std::string hex_of(char digit);
Digest digest_of_digits(char digit);

ImageReference reference(const std::string& text);
Platform platform(const std::string& architecture, const std::string& variant = "");

// The file "prog.o" of a layer, "" when it has none.
std::string program_in(const LayerDirectory& layer);
// A layer's recipe as it lies in the store; nullopt when there is none.
std::optional<std::string> recipe_of(const LayerDirectory& layer);
std::string text_of(std::unique_ptr<ByteSource> source);

std::string in_quotes(std::string_view text);
// ["a","b"]
std::string json_list(const std::vector<std::string>& texts);
// An image config that lists these layers.
std::string config_json(const std::vector<Digest>& diff_ids);
std::string manifest_json(const Digest& config);
// {"digest":...,"platform":{...}}
std::string index_entry(const Digest& digest, const Platform& platform);
std::string index_json(const std::vector<std::string>& entries);

struct MadeImage {
  std::string id;
  std::string config;
  Digest config_digest;
  Digest manifest;
  std::vector<Digest> diff_ids;        // bottom first
  std::vector<std::string> layer_ids;  // containers-storage: ids; overlay2: cache ids
};

// <data root> of a Docker engine with overlay2.
class OverlayBuilder {
 public:
  explicit OverlayBuilder(std::string root) : root_(std::move(root)) {}

  // An image whose layers hold these programs, bottom first. Names in familiar form.
  MadeImage add_image(const std::vector<std::string>& names,
                      const std::vector<std::string>& programs);
  // Writes repositories.json.
  void write_names() const;

  std::string config_path(const MadeImage& image) const;
  std::string layer_books(const MadeImage& image, std::size_t layer) const;
  std::string layer_files(const MadeImage& image, std::size_t layer) const;
  // The answer to GET /images/NAME/json of an engine with this store.
  std::string inspect_json(const MadeImage& image) const;

 private:
  std::string root_;
  std::map<std::string, std::string> names_;  // name -> id
};

// A containers-storage. Images and layers are written at once, the books by write_books(): their
// records may be changed before.
class StorageBuilder {
 public:
  explicit StorageBuilder(std::string root, std::string driver = "overlay")
      : root_(std::move(root)), driver_(std::move(driver)) {}

  // An image whose layers hold these programs, bottom first.
  MadeImage add_image(const std::vector<std::string>& names,
                      const std::vector<std::string>& programs);
  // A manifest list.
  std::string add_index(const std::vector<std::string>& names, const std::string& manifest);
  void put_big_data(const std::string& image_id,
                    const std::string& key,
                    std::string_view data) const;
  void write_books() const;

  std::string at(const std::string& path) const { return join_path(root_, path); }

  std::string layer_files(const std::string& layer_id) const;
  std::string recipe_path(const std::string& layer_id) const;

  std::vector<std::string> images;           // records
  std::vector<std::string> layers;           // records
  std::vector<std::string> volatile_layers;  // records

 private:
  std::string root_;
  std::string driver_;
};

// An engine that answers "METHOD /target" from a table, and anything else as Docker does: 404,
// "page not found".
class FakeEngine {
 public:
  using Replies = std::map<std::string, bpfman::testing::ServerReply>;

  // Listens on this unix socket, or with "" on loopback.
  FakeEngine(const std::string& socket, Replies replies);

  std::string address() const { return server_.address(); }

  std::vector<std::string> asked() const { return server_.request_lines(); }

  std::vector<bpfman::testing::ServerRequest> requests() const { return server_.requests(); }

 private:
  bpfman::testing::HttpServer server_;
};

bpfman::testing::ServerReply reply_with(std::string body, int status = 200);
// Docker's "No such image".
bpfman::testing::ServerReply no_such_image(const std::string& name);

// A socket on which nobody listens any more.
void leave_socket(const std::string& path);

// While it lives nobody but root may read this file or directory.
class Unreadable {
 public:
  explicit Unreadable(std::string path);
  Unreadable(const Unreadable&) = delete;
  Unreadable& operator=(const Unreadable&) = delete;
  ~Unreadable();

 private:
  std::string path_;
};

// While it lives this thread opens files as nobody does, whoever runs the tests.
class WithoutPrivileges {
 public:
  WithoutPrivileges();
  WithoutPrivileges(const WithoutPrivileges&) = delete;
  WithoutPrivileges& operator=(const WithoutPrivileges&) = delete;
  ~WithoutPrivileges();

 private:
  bool changed_;
};

}  // namespace bpfman::container
