// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/container_test_support.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpfman/base/text.h"
#include "bpfman/container/overlay_store.h"
#include "bpfman/container/storage_books.h"

namespace bpfman::container {
namespace {

using bpfman::testing::ServerReply;
using bpfman::testing::ServerRequest;

constexpr std::size_t kLimit = 1U << 20;
constexpr unsigned kNobody = 65534;

// The diff id of the layer with this program. Not the hash of a tar: nobody rebuilds it here.
Digest diff_id_of(const std::string& program) {
  return digest_of("the layer with " + program);
}

}  // namespace

void make_tree(const std::string& path) {
  Result<void> made = make_directories(path, 0755);
  ASSERT_TRUE(made.ok()) << made.error().message();
}

void put_file(const std::string& path, std::string_view text) {
  make_tree(parent_path(path));
  Result<void> written = write_file_atomic(path, as_bytes(text), 0644);
  ASSERT_TRUE(written.ok()) << written.error().message();
}

Digest digest_of(std::string_view text) {
  return Digest::sha256_of(as_bytes(text));
}

std::string hex_of(char digit) {
  return std::string(64, digit);
}

Digest digest_of_digits(char digit) {
  return *Digest::from_sha256_hex(hex_of(digit));
}

ImageReference reference(const std::string& text) {
  return *ImageReference::parse(text);
}

Platform platform(const std::string& architecture, const std::string& variant) {
  return Platform{.os = "linux", .architecture = architecture, .variant = variant};
}

std::string program_in(const LayerDirectory& layer) {
  Result<UniqueFd> file = open_beneath(layer.directory.get(), "prog.o", O_RDONLY);
  Bytes bytes = file.ok() ? read_fd(file->get(), kLimit, "prog.o").value_or({}) : Bytes();
  return std::string(as_text(bytes));
}

std::optional<std::string> recipe_of(const LayerDirectory& layer) {
  if (!layer.tar_split.valid()) {
    return std::nullopt;
  }
  Bytes bytes = read_fd(layer.tar_split.get(), kLimit, "recipe").value_or({});
  return std::string(as_text(bytes));
}

std::string text_of(std::unique_ptr<ByteSource> source) {
  Result<Bytes> bytes = read_all(*source, kLimit);
  EXPECT_TRUE(bytes.ok());
  return bytes.ok() ? std::string(as_text(*bytes)) : std::string();
}

std::string in_quotes(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

std::string json_list(const std::vector<std::string>& texts) {
  std::vector<std::string> items;
  for (const std::string& text : texts) {
    items.push_back(in_quotes(text));
  }
  return "[" + join(items, ",") + "]";
}

std::string config_json(const std::vector<Digest>& diff_ids) {
  std::vector<std::string> texts;
  for (const Digest& digest : diff_ids) {
    texts.push_back(digest.text());
  }
  return R"({"os":"linux","architecture":)" + in_quotes(host_platform().architecture) +
         R"(,"config":{"Labels":{}},"rootfs":{"type":"layers","diff_ids":)" + json_list(texts) +
         "}}";
}

std::string manifest_json(const Digest& config) {
  return R"({"schemaVersion":2,"config":{"digest":)" + in_quotes(config.text()) +
         R"(},"layers":[]})";
}

std::string index_entry(const Digest& digest, const Platform& platform) {
  return R"({"digest":)" + in_quotes(digest.text()) + R"(,"platform":{"os":)" +
         in_quotes(platform.os) + R"(,"architecture":)" + in_quotes(platform.architecture) +
         R"(,"variant":)" + in_quotes(platform.variant) + "}}";
}

std::string index_json(const std::vector<std::string>& entries) {
  return R"({"schemaVersion":2,"manifests":[)" + join(entries, ",") + "]}";
}

// ---- Docker

MadeImage OverlayBuilder::add_image(const std::vector<std::string>& names,
                                    const std::vector<std::string>& programs) {
  MadeImage image;
  for (const std::string& program : programs) {
    image.diff_ids.push_back(diff_id_of(program));
    image.layer_ids.push_back("cache-of-" + program);
  }
  image.config = config_json(image.diff_ids);
  image.config_digest = digest_of(image.config);
  image.id = image.config_digest.hex();
  put_file(config_path(image), image.config);
  for (std::size_t i = 0; i < programs.size(); ++i) {
    put_file(layer_books(image, i) + "/cache-id", image.layer_ids[i]);
    put_file(layer_books(image, i) + "/tar-split.json.gz", "recipe of " + programs[i]);
    put_file(layer_files(image, i) + "/prog.o", programs[i]);
  }
  for (const std::string& name : names) {
    names_[name] = image.config_digest.text();
  }
  write_names();
  return image;
}

void OverlayBuilder::write_names() const {
  std::vector<std::string> repositories;
  for (const auto& [name, id] : names_) {
    repositories.push_back(in_quotes(name.substr(0, name.find(':'))) + ":{" + in_quotes(name) +
                           ":" + in_quotes(id) + "}");
  }
  put_file(join_path(root_, "image/overlay2/repositories.json"),
           R"({"Repositories":{)" + join(repositories, ",") + "}}");
}

std::string OverlayBuilder::config_path(const MadeImage& image) const {
  return join_path(root_, "image/overlay2/imagedb/content/sha256/" + image.id);
}

std::string OverlayBuilder::layer_books(const MadeImage& image, std::size_t layer) const {
  std::string chain(chain_ids(image.diff_ids)[layer].hex());
  return join_path(root_, "image/overlay2/layerdb/sha256/" + chain);
}

std::string OverlayBuilder::layer_files(const MadeImage& image, std::size_t layer) const {
  return join_path(root_, "overlay2/" + image.layer_ids[layer] + "/diff");
}

std::string OverlayBuilder::inspect_json(const MadeImage& image) const {
  return R"({"Id":)" + in_quotes(image.config_digest.text()) +
         R"(,"RepoTags":["x:dev"],"GraphDriver":{"Name":"overlay2","Data":{"UpperDir":)" +
         in_quotes(layer_files(image, image.layer_ids.size() - 1)) + "}}}";
}

// ---- containers-storage

MadeImage StorageBuilder::add_image(const std::vector<std::string>& names,
                                    const std::vector<std::string>& programs) {
  MadeImage image;
  std::string parent;
  for (const std::string& program : programs) {
    Digest diff = diff_id_of(program);
    std::string id(parent.empty() ? diff.hex() : digest_of(parent + " " + diff.text()).hex());
    put_file(layer_files(id) + "/prog.o", program);
    put_file(recipe_path(id), "recipe of " + program);
    layers.push_back(R"({"id":)" + in_quotes(id) + R"(,"parent":)" + in_quotes(parent) +
                     R"(,"diff-digest":)" + in_quotes(diff.text()) + "}");
    image.diff_ids.push_back(diff);
    image.layer_ids.push_back(id);
    parent = id;
  }
  image.config = config_json(image.diff_ids);
  image.config_digest = digest_of(image.config);
  image.id = image.config_digest.hex();
  std::string manifest = manifest_json(image.config_digest);
  image.manifest = digest_of(manifest);
  put_big_data(image.id, "manifest", manifest);
  put_big_data(image.id, image.config_digest.text(), image.config);
  images.push_back(R"({"id":)" + in_quotes(image.id) + R"(,"digest":)" +
                   in_quotes(image.manifest.text()) + R"(,"names":)" + json_list(names) +
                   R"(,"layer":)" + in_quotes(parent) + R"(,"big-data-digests":{"manifest":)" +
                   in_quotes(image.manifest.text()) + "}}");
  return image;
}

std::string StorageBuilder::add_index(const std::vector<std::string>& names,
                                      const std::string& manifest) {
  std::string digest = digest_of(manifest).text();
  std::string id(digest_of("index " + digest).hex());
  put_big_data(id, "manifest", manifest);
  images.push_back(R"({"id":)" + in_quotes(id) + R"(,"digest":)" + in_quotes(digest) +
                   R"(,"names":)" + json_list(names) + R"(,"big-data-digests":{"manifest":)" +
                   in_quotes(digest) + "}}");
  return id;
}

void StorageBuilder::put_big_data(const std::string& image_id,
                                  const std::string& key,
                                  std::string_view data) const {
  put_file(at(driver_ + "-images/" + image_id + "/" + big_data_file(key)), data);
}

void StorageBuilder::write_books() const {
  put_file(at(driver_ + "-images/images.json"), "[" + join(images, ",") + "]");
  put_file(at(driver_ + "-layers/layers.json"), "[" + join(layers, ",") + "]");
  if (!volatile_layers.empty()) {
    put_file(at(driver_ + "-layers/volatile-layers.json"), "[" + join(volatile_layers, ",") + "]");
  }
}

std::string StorageBuilder::layer_files(const std::string& layer_id) const {
  return at(driver_ == "vfs" ? "vfs/dir/" + layer_id : "overlay/" + layer_id + "/diff");
}

std::string StorageBuilder::recipe_path(const std::string& layer_id) const {
  return at(driver_ + "-layers/" + layer_id + ".tar-split.gz");
}

// ---- engine

FakeEngine::FakeEngine(const std::string& socket, Replies replies)
    : server_(socket, [replies = std::move(replies)](const ServerRequest& request) {
        auto found = replies.find(request.method + " " + request.target);
        return found != replies.end() ? found->second
                                      : reply_with(R"({"message":"page not found"})", 404);
      }) {}

ServerReply reply_with(std::string body, int status) {
  ServerReply reply;
  reply.status = status;
  reply.body = std::move(body);
  return reply;
}

ServerReply no_such_image(const std::string& name) {
  return reply_with(R"({"message":"No such image: )" + name + "\"}", 404);
}

void leave_socket(const std::string& path) {
  bpfman::testing::HttpServer server(path, [](const ServerRequest&) { return ServerReply(); });
}

Unreadable::Unreadable(std::string path) : path_(std::move(path)) {
  EXPECT_EQ(::chmod(path_.c_str(), 0000), 0);
}

Unreadable::~Unreadable() {
  ::chmod(path_.c_str(), 0755);  // or the temporary directory could not be removed
}

WithoutPrivileges::WithoutPrivileges() : changed_(::geteuid() == 0) {
  if (changed_) {
    ::setfsuid(kNobody);
  }
}

WithoutPrivileges::~WithoutPrivileges() {
  if (changed_) {
    ::setfsuid(0);
  }
}

}  // namespace bpfman::container
