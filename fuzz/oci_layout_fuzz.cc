// SPDX-License-Identifier: Apache-2.0
// The index of an OCI layout, and every blob that it names: all are the input.
#include "bpfman/image/bundle.h"
#include "bpfman/image/oci_layout.h"
#include "fuzz/fuzz.h"

namespace {

class OneFile final : public bpfman::image::LayoutFiles {
 public:
  explicit OneFile(bpfman::ByteView bytes) : bytes_(bytes) {}

  bpfman::Result<std::unique_ptr<bpfman::ByteSource>> open(const std::string& path) override {
    FUZZ_CHECK(path.find("..") == std::string::npos, "no path leads out of the layout");
    FUZZ_CHECK(path == "index.json" || path == "manifest.json" || path.starts_with("blobs/sha256/"),
               "only files of a layout are read");
    return bpfman::make_memory_source(bytes_);
  }

 private:
  bpfman::ByteView bytes_;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bpfman;
  OneFile files(fuzz::bytes_of(data, size));
  Result<std::vector<std::string>> names = image::names_in_layout(files);
  if (!names.ok()) {
    return 0;
  }
  for (const std::string& name : *names) {
    // A blob can hardly be its own index, so nothing is ever extracted.
    FUZZ_CHECK(!image::extract_layout(files, name, "x", host_platform()).ok(), "nothing fits");
  }
  (void)image::extract_layout(files, "", "x", host_platform());
  Result<std::optional<image::BundlePolicy>> policy = image::read_bundle_policy(files);
  FUZZ_CHECK(!policy.ok() || !policy->has_value() || !(*policy)->text.empty(),
             "a policy has a text");
  return 0;
}
