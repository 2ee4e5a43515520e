// SPDX-License-Identifier: Apache-2.0
// The verbs about images that are in the database.
#include <algorithm>
#include <map>

#include "bpfman/base/text.h"
#include "bpfman/manager/manager_impl.h"
#include "bpfman/model/bpf_map_types.h"
#include "bpfman/model/image_reference.h"
#include "bpfman/plan/image_planners.h"

namespace bpfman {
namespace {

// All that is kept of images. `store` may be null: nothing was ever written.
Result<plan::ImageStock> take_stock(store::Store* store) {
  plan::ImageStock stock;
  if (store != nullptr) {
    stock.programs = TRY(store->list_programs());
    stock.images = TRY(store->list_images());
    stock.blobs = TRY(store->list_blobs());
  }
  return stock;
}

std::uint64_t size_of(const std::vector<StoredBlob>& blobs) {
  std::uint64_t total = 0;
  for (const StoredBlob& blob : blobs) {
    total += blob.size;
  }
  return total;
}

// Runs a planned removal. What could not be removed is logged by the executor and not said to be
// freed.
Result<void> run_removal(WriteSession& session, plan::ImageRemoval& removal) {
  if (removal.plan.steps.empty() && removal.plan.commit.empty()) {
    return {};
  }
  plan::Snapshot snapshot = TRY(session.snapshot());
  TRY(session.run(removal.plan, snapshot, {}));
  std::erase_if(removal.freed,
                [&](const StoredBlob& blob) { return session.store().has_blob(blob.digest); });
  return {};
}

// The references that went.
Result<std::vector<std::string>> prune_to(WriteSession& session,
                                          std::uint64_t max_bytes,
                                          const std::string& keep,
                                          std::vector<std::string>& warnings) {
  plan::ImageStock stock = TRY(take_stock(&session.store()));
  std::uint64_t before = size_of(stock.blobs);
  if (before <= max_bytes) {
    return std::vector<std::string>();
  }
  plan::ImageRemoval removal =
      plan::plan_image_prune(plan::PruneScope::Unnamed, max_bytes, keep, stock);
  TRY(run_removal(session, removal));
  std::uint64_t after = before - size_of(removal.freed);
  if (after > max_bytes) {
    warnings.push_back("the stored bytecode takes " + format_bytes(after) + ", more than the " +
                       format_bytes(max_bytes) +
                       " of images.max_store_size: programs need all of it, or it was just pulled");
  }
  return std::move(removal.references);
}

using RemovalPlanner = std::function<Result<plan::ImageRemoval>(const plan::ImageStock&)>;

Result<RemoveImagesReply> remove(const Layout& layout,
                                 std::optional<WriteSession> session,
                                 const RemovalPlanner& planner) {
  std::optional<store::Store> reader;
  if (!session.has_value()) {
    reader = TRY(store::Store::open_existing(layout));
  }
  store::Store* store = session.has_value()  ? &session->store()
                        : reader.has_value() ? &*reader
                                             : nullptr;
  plan::ImageStock stock = TRY(take_stock(store));
  plan::ImageRemoval removal = TRY(planner(stock));
  if (session.has_value()) {
    TRY(run_removal(*session, removal));
  }
  return RemoveImagesReply{.references = std::move(removal.references),
                           .freed = std::move(removal.freed),
                           .kept = std::move(removal.kept),
                           .plan = std::move(removal.plan)};
}

void describe_object(ByteView bytes, InspectImageReply& reply) {
  Result<BpfElf> elf = parse_bpf_elf(bytes);
  if (!elf.ok()) {
    reply.damage = elf.error().message();
    return;
  }
  reply.programs = std::move(elf->programs);
  reply.license = elf->license;
  std::map<std::string, std::string> types = read_map_types(bytes);
  for (const std::string& map : elf->maps) {
    auto type = types.find(map);
    reply.maps[map] = type == types.end() ? "unknown" : type->second;
  }
}

// Bytecode with all that names it, by digest.
std::map<Digest, VerifiedBytecode> named_bytecode(const plan::ImageStock& stock) {
  std::map<Digest, VerifiedBytecode> out;
  for (const ImageRecord& image : stock.images) {
    VerifiedBytecode& entry = out[image.bytecode];
    entry.size = image.bytecode_size;
    entry.references.push_back(image.reference);
  }
  for (const ProgramRecord& program : stock.programs) {
    out[program.bytecode].programs.push_back(program.stable_name());
  }
  for (auto& [digest, entry] : out) {
    entry.digest = digest;
  }
  return out;
}

void verify(store::Store& store,
            const std::vector<ImageRecord>& images,
            const TrustGate& gate,
            VerifiedBytecode& entry) {
  Result<Bytes> bytes = store.read_blob(entry.digest);
  if (!bytes.ok()) {
    entry.state = bytes.error().code() == Code::NotFound ? BlobState::Missing : BlobState::Damaged;
    entry.detail = bytes.error().message();
  } else if (entry.size != 0 && bytes->size() != entry.size) {
    entry.state = BlobState::Damaged;
    entry.detail = "it has " + std::to_string(bytes->size()) + " bytes, its record says " +
                   std::to_string(entry.size);
  } else if (gate.has_policy()) {
    auto content = std::make_shared<const Bytes>(std::move(*bytes));
    for (const ImageRecord& image : images) {
      if (image.bytecode == entry.digest) {
        Bytecode bytecode{.bytes = content, .digest = image.bytecode, .file_name = image.file_name};
        TrustVerdict verdict = gate.judge(image, bytecode);
        if (!verdict.allowed) {
          entry.refused[image.reference] = std::move(verdict.reason);
        }
      }
    }
  }
}

}  // namespace

std::string_view to_string(BlobState state) {
  switch (state) {
    case BlobState::Whole:
      return "ok";
    case BlobState::Missing:
      return "missing";
    case BlobState::Damaged:
      return "damaged";
  }
  return "damaged";
}

Result<InspectImageReply> Manager::inspect_image(const std::string& image) {
  InspectImageReply reply;
  std::string boot_id = TRY(impl_->kernel.boot_id());
  std::optional<store::Store> store = TRY(impl_->open_for_reading());
  plan::ImageStock stock = TRY(take_stock(store.has_value() ? &*store : nullptr));
  ImageReference reference = TRY(ImageReference::parse(image));
  if (reference.transport() == Transport::Any) {
    reply.record = TRY(plan::find_image(image, stock.images));
    Result<Bytes> bytes = store->read_blob(reply.record.bytecode);
    if (bytes.ok()) {
      describe_object(*bytes, reply);
    } else {
      reply.damage = bytes.error().message();
    }
  } else {
    image::ImageManager images = impl_->make_images(nullptr);
    image::ResolvedImage found = TRY(images.resolve(ImageSource{.reference = image}));
    reply.record = std::move(found.record);
    reply.stored = false;
    describe_object(found.bytecode.view(), reply);
  }
  for (const ImageRecord& other : stock.images) {
    if (other.bytecode == reply.record.bytecode) {
      reply.references.push_back(other.reference);
    }
  }
  for (const ProgramRecord& program : stock.programs) {
    if (program.bytecode == reply.record.bytecode) {
      reply.used_by.push_back(impl_->view_program(program, boot_id, {}));
    }
  }
  return reply;
}

Result<RemoveImagesReply> Manager::remove_images(const std::vector<std::string>& images,
                                                 DryRun dry_run) {
  std::optional<WriteSession> session;
  if (dry_run == DryRun::No) {
    session = TRY(impl_->open_writing());
  }
  return remove(impl_->options.layout,
                std::move(session),
                [&](const plan::ImageStock& stock) -> Result<plan::ImageRemoval> {
                  std::vector<ImageRecord> found;
                  for (const std::string& word : images) {
                    ImageRecord record = TRY(plan::find_image(word, stock.images));
                    found.push_back(std::move(record));
                  }
                  return plan::plan_image_remove(found, stock);
                });
}

Result<RemoveImagesReply> Manager::prune_images(const PruneSpec& spec, DryRun dry_run) {
  std::optional<WriteSession> session;
  if (dry_run == DryRun::No) {
    session = TRY(impl_->open_writing());
  }
  return remove(impl_->options.layout,
                std::move(session),
                [&](const plan::ImageStock& stock) -> Result<plan::ImageRemoval> {
                  return plan::plan_image_prune(spec.scope, spec.max_bytes, spec.keep, stock);
                });
}

void Manager::Impl::keep_below_limit(WriteSession& session,
                                     const std::string& keep,
                                     std::vector<std::string>& pruned,
                                     std::vector<std::string>& warnings) {
  if (options.max_store_bytes == 0) {
    return;
  }
  Result<std::vector<std::string>> gone =
      prune_to(session, options.max_store_bytes, keep, warnings);
  if (gone.ok()) {
    pruned = std::move(*gone);
  } else {
    warnings.push_back("the stored images could not be kept below images.max_store_size: " +
                       gone.error().message());
  }
}

Result<std::vector<VerifiedBytecode>> Manager::verify_images(
    const std::vector<std::string>& images) {
  const TrustGate* gate = TRY(impl_->gate());
  std::optional<store::Store> store = TRY(impl_->open_for_reading());
  plan::ImageStock stock = TRY(take_stock(store.has_value() ? &*store : nullptr));
  std::vector<Digest> wanted;
  for (const std::string& word : images) {
    ImageRecord record = TRY(plan::find_image(word, stock.images));
    wanted.push_back(record.bytecode);
  }
  std::vector<VerifiedBytecode> out;
  for (auto& [digest, entry] : named_bytecode(stock)) {
    if (images.empty() || std::find(wanted.begin(), wanted.end(), digest) != wanted.end()) {
      verify(*store, stock.images, *gate, entry);
      out.push_back(std::move(entry));
    }
  }
  return out;
}

Result<std::vector<ImageHistoryEntry>> Manager::image_history(const std::string& image) {
  std::optional<store::Store> store = TRY(impl_->open_for_reading());
  plan::ImageStock stock = TRY(take_stock(store.has_value() ? &*store : nullptr));
  ImageRecord record = TRY(plan::find_image(image, stock.images));
  return store->list_history(record.reference);
}

}  // namespace bpfman
