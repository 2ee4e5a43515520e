// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/image_planners.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <fmt/core.h>

#include "bpfman/base/text.h"
#include "bpfman/model/image_reference.h"

namespace bpfman::plan {
namespace {

std::string names_of(const std::vector<ImageRecord>& images) {
  std::vector<std::string> names;
  for (const ImageRecord& image : images) {
    names.push_back(image.reference);
  }
  return join(names, ", ");
}

// What is named once `gone` are: by other references, or by programs.
std::set<Digest> still_named(const std::set<std::string>& gone, const ImageStock& stock) {
  std::set<Digest> out;
  for (const ImageRecord& image : stock.images) {
    if (!gone.contains(image.reference)) {
      out.insert(image.bytecode);
    }
  }
  for (const ProgramRecord& program : stock.programs) {
    out.insert(program.bytecode);
  }
  return out;
}

std::set<Digest> used_by_programs(const ImageStock& stock) {
  std::set<Digest> out;
  for (const ProgramRecord& program : stock.programs) {
    out.insert(program.bytecode);
  }
  return out;
}

// The plan that removes these references, and with `sweep` every blob that nothing names.
ImageRemoval remove(const std::string& verb,
                    const std::vector<ImageRecord>& images,
                    bool sweep,
                    const ImageStock& stock) {
  ImageRemoval out;
  out.plan = Plan{.verb = verb, .recovery = Recovery::Finish};
  std::set<std::string> gone;
  std::set<Digest> dropped;
  for (const ImageRecord& image : images) {
    if (gone.insert(image.reference).second) {
      out.references.push_back(image.reference);
      out.plan.commit.push_back(DeleteImage{image.reference});
      dropped.insert(image.bytecode);
    }
  }
  out.plan.subject = join(out.references, ", ");
  std::set<Digest> named = still_named(gone, stock);
  for (const StoredBlob& blob : stock.blobs) {
    if (named.contains(blob.digest) || (!sweep && !dropped.contains(blob.digest))) {
      continue;
    }
    out.freed.push_back(blob);
    if (dropped.contains(blob.digest)) {
      // Only the commit makes it nobody's.
      out.plan.cleanup.push_back(RemoveUnusedBlob{blob.digest});
    } else {
      out.plan.steps.push_back(Step{.action = RemoveUnusedBlob{blob.digest}});
    }
  }
  for (const Digest& digest : dropped) {
    std::vector<std::string> users = users_of(digest, stock.programs);
    if (!users.empty()) {
      out.kept.push_back(KeptBytecode{digest, std::move(users)});
    }
  }
  return out;
}

// The least recently used first, until what is left fits.
std::vector<ImageRecord> over_the_limit(std::vector<ImageRecord> candidates,
                                        std::uint64_t max_bytes,
                                        const ImageStock& stock) {
  std::map<Digest, std::size_t> references;
  for (const ImageRecord& image : stock.images) {
    ++references[image.bytecode];
  }
  std::uint64_t total = 0;
  std::map<Digest, std::uint64_t> sizes;
  std::set<Digest> named = still_named({}, stock);
  for (const StoredBlob& blob : stock.blobs) {
    if (named.contains(blob.digest)) {  // the others go anyway
      sizes[blob.digest] = blob.size;
      total += blob.size;
    }
  }
  std::sort(candidates.begin(), candidates.end(), [](const ImageRecord& a, const ImageRecord& b) {
    return std::tie(a.last_used, a.reference) < std::tie(b.last_used, b.reference);
  });
  std::vector<ImageRecord> out;
  for (ImageRecord& image : candidates) {
    if (total <= max_bytes) {
      break;
    }
    if (--references[image.bytecode] == 0) {
      total -= sizes[image.bytecode];
    }
    out.push_back(std::move(image));
  }
  return out;
}

}  // namespace

std::vector<std::string> users_of(const Digest& bytecode,
                                  const std::vector<ProgramRecord>& programs) {
  std::vector<std::string> out;
  for (const ProgramRecord& program : programs) {
    if (program.bytecode == bytecode) {
      out.push_back(program.stable_name());
    }
  }
  return out;
}

Result<ImageRecord> find_image(std::string_view word, const std::vector<ImageRecord>& images) {
  ImageReference reference = TRY(ImageReference::parse(word));
  std::string hex = reference.id_hex();
  std::vector<ImageRecord> found;
  for (const ImageRecord& image : images) {
    if (image.reference == reference.normal_form()) {
      return image;
    }
    if (!hex.empty() && (image.provenance.image_id.hex().starts_with(hex) ||
                         image.bytecode.hex().starts_with(hex))) {
      found.push_back(image);
    }
  }
  bool same = std::all_of(found.begin(), found.end(), [&](const ImageRecord& image) {
    return image.bytecode == found.front().bytecode;
  });
  if (!found.empty() && same) {
    return found.front();
  }
  if (!found.empty()) {
    return Error(Code::InvalidArgument,
                 fmt::format("\"{}\" means several images: {}", word, names_of(found)))
        .with_hint("write more digits, or a name");
  }
  Error error(Code::NotFound,
              fmt::format("image {} is not in bpfman's database", reference.typed()));
  std::vector<std::string> names;
  for (const ImageRecord& image : images) {
    names.push_back(image.reference);
    names.push_back(image.typed);
  }
  std::vector<std::string> near = suggest(word, names);
  if (!near.empty()) {
    return std::move(error).with_hint("did you mean " + join(near, " or ") + "?");
  }
  return std::move(error).with_hint("bpfman image list shows what is there");
}

Plan plan_image_load(const std::vector<BytecodeFacts>& images, const Snapshot& snapshot) {
  Plan plan{.verb = "image load", .recovery = Recovery::Undo};
  std::set<Digest> stored;
  std::vector<std::string> names;
  for (const BytecodeFacts& facts : images) {
    if (stored.insert(facts.digest).second) {
      plan.steps.push_back(Step{.action = StoreBlob{facts.digest, facts.size},
                                .undo = {RemoveUnusedBlob{facts.digest}}});
    }
    ImageRecord record = *facts.image;
    record.last_used = snapshot.now;
    names.push_back(record.reference);
    plan.commit.push_back(PutImage{std::move(record)});
  }
  plan.subject = join(names, ", ");
  return plan;
}

ImageRemoval plan_image_remove(const std::vector<ImageRecord>& images, const ImageStock& stock) {
  return remove("image rm", images, false, stock);
}

ImageRemoval plan_image_prune(PruneScope scope,
                              std::uint64_t max_bytes,
                              const std::string& keep,
                              const ImageStock& stock) {
  std::set<Digest> used = used_by_programs(stock);
  std::vector<ImageRecord> unused;
  for (const ImageRecord& image : stock.images) {
    if (!used.contains(image.bytecode) && image.reference != keep) {
      unused.push_back(image);
    }
  }
  if (scope == PruneScope::Unnamed) {
    unused = max_bytes == 0 ? std::vector<ImageRecord>()
                            : over_the_limit(std::move(unused), max_bytes, stock);
  }
  return remove("image prune", unused, true, stock);
}

}  // namespace bpfman::plan
