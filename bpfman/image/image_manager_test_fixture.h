// SPDX-License-Identifier: Apache-2.0
// The places that an ImageManager looks in, as a test wants them to be.
#pragma once

#include <deque>

#include <gtest/gtest.h>

#include "bpfman/image/image_manager.h"
#include "bpfman/image/image_test_support.h"

namespace bpfman::image {

// What a runtime says each time it is asked.
struct RuntimeScript {
  SourceKind kind;
  std::string name;
  std::function<Result<ContainerRuntime::Answer>()> find;
  int asked = 0;
};

class ScriptedRuntime final : public ContainerRuntime {
 public:
  explicit ScriptedRuntime(RuntimeScript& script) : script_(script) {}

  SourceKind kind() const override { return script_.kind; }

  std::string name() const override { return script_.name; }

  std::string location() const override { return "/run/" + script_.name; }

  RuntimeStatus probe() override { return RuntimeStatus{.kind = script_.kind, .name = name()}; }

  Result<Answer> find(const ImageReference& /*reference*/) override {
    ++script_.asked;
    return script_.find();
  }

 private:
  RuntimeScript& script_;
};

class MapDatabase final : public ImageDatabase {
 public:
  std::map<std::string, ImageRecord> images;
  std::map<Digest, Bytes> blobs;
  std::optional<Error> failure;
  int asked = 0;

  Result<std::optional<ImageRecord>> find_image(const std::string& reference) override {
    ++asked;
    if (failure.has_value()) {
      return *failure;
    }
    auto found = images.find(reference);
    return found == images.end() ? std::nullopt : std::optional(found->second);
  }

  Result<Bytes> read_blob(const Digest& digest) override {
    auto found = blobs.find(digest);
    if (found == blobs.end()) {
      return Error(Code::DataLoss, "blob " + digest.text() + " is damaged");
    }
    return found->second;
  }
};

class ImageManagerTest : public ::testing::Test {
 protected:
  using Answer = Result<ContainerRuntime::Answer>;

  // An image with this object in its root, given by the export route.
  static std::unique_ptr<FakeImage> make_image(const Bytes& object,
                                               const Labels& labels = {},
                                               const Platform& platform = host_platform()) {
    LayerWriter layer;
    layer.file("x.o", object);
    std::string config = make_config({layer.diff_id()}, labels, platform);
    LayerWriter archive;
    archive.file("blobs/sha256/1", layer.tar()).file("blobs/sha256/2", config);
    auto image = std::make_unique<FakeImage>();
    image->about = describe(config);
    image->archive = [tar = archive.tar()]() -> Result<std::unique_ptr<ByteSource>> {
      return make_source(tar);
    };
    return image;
  }

  static Answer holding(std::unique_ptr<FakeImage> image) {
    return ContainerRuntime::Answer{std::move(image), ""};
  }

  // A runtime after those that are there already; without the image until told otherwise.
  RuntimeScript& add(SourceKind kind, const std::string& name) {
    return scripts_.emplace_back(RuntimeScript{kind, name, [name]() -> Answer {
                                                 return ContainerRuntime::Answer{
                                                     nullptr, "no such image in " + name};
                                               }});
  }

  static void let_hold(RuntimeScript& runtime, const Bytes& object, const Labels& labels = {}) {
    runtime.find = [object, labels] { return holding(make_image(object, labels)); };
  }

  static void let_fail(RuntimeScript& runtime, Code code, const std::string& message) {
    runtime.find = [code, message]() -> Answer { return Error(code, message); };
  }

  // Puts an image with this object into the database, as it came from there.
  ImageRecord& remember(const std::string& reference, const Bytes& object, SourceKind source) {
    ImageRecord record;
    record.reference = reference;
    record.bytecode = Digest::sha256_of(object);
    record.bytecode_size = object.size();
    record.file_name = "x.o";
    record.provenance.source = source;
    record.provenance.image_id = make_image(object)->about.image_id;
    database_.blobs[record.bytecode] = object;
    return database_.images[reference] = record;
  }

  Result<ResolvedImage> resolve(const std::string& reference,
                                PullPolicy policy = PullPolicy::IfNotPresent,
                                const std::vector<SourceKind>& from = {}) {
    std::vector<std::unique_ptr<ContainerRuntime>> runtimes;
    for (RuntimeScript& script : scripts_) {
      runtimes.push_back(std::make_unique<ScriptedRuntime>(script));
    }
    ImageManager manager(std::move(runtimes), &database_, environment_, options_);
    return manager.resolve(ImageSource{.reference = reference, .policy = policy, .from = from});
  }

  const Bytes object_ = make_object({"pass"}, 1);
  const Bytes other_ = make_object({"pass"}, 2);
  std::deque<RuntimeScript> scripts_;
  MapDatabase database_;
  Environment environment_;
  ImageManagerOptions options_;
};

}  // namespace bpfman::image
