// SPDX-License-Identifier: Apache-2.0
#include "bpfman/manager/ledger.h"

#include <algorithm>
#include <map>

#include "bpfman/base/overload.h"

namespace bpfman {
namespace {

class Objects {
 public:
  Objects(const std::vector<ProgramRecord>& programs,
          const std::vector<LinkRecord>& links,
          const std::vector<SelectorRecord>& selectors)
      : programs_(programs), links_(links), selectors_(selectors) {}

  void add(const store::StoredChange& change) {
    std::visit(Overload{[&](const store::PutProgram& c) {
                          add_program("loaded", c.record);
                          changed_[c.record.key] = &c.record;
                        },
                        [&](const store::ChangeProgram& c) {
                          add_program("replaced", c.record);
                          changed_[c.record.key] = &c.record;
                        },
                        [&](const store::PutLink& c) { add_link("attached", c.record); },
                        [&](const store::ChangeLink& c) { add_link("changed", c.record); },
                        [&](const plan::DeleteProgram& c) {
                          if (const ProgramRecord* record = program(c.key)) {
                            add_program("unloaded", *record);
                          }
                        },
                        [&](const plan::DeleteLink& c) {
                          for (const LinkRecord& link : links_) {
                            if (link.id == c.id) {
                              add_link("detached", link);
                            }
                          }
                        },
                        [&](const plan::PutSelector& c) { add_selector("set", c.record); },
                        [&](const plan::DeleteSelector& c) {
                          for (const SelectorRecord& selector : selectors_) {
                            if (selector.id == c.id) {
                              add_selector("removed", selector);
                            }
                          }
                        },
                        [&](const plan::PutImage& c) { add_image(c.record); },
                        [&](const plan::DeleteImage& c) {
                          objects_.push_back(LedgerObject{
                              .what = "removed", .kind = "image", .name = c.reference});
                        },
                        // Of a hook, a use, a version nothing is said beside what they belong to.
                        [](const auto&) {}},
               change);
  }

  std::vector<LedgerObject> take() { return std::move(objects_); }

 private:
  const ProgramRecord* program(ProgramKey key) const {
    if (auto changed = changed_.find(key); changed != changed_.end()) {
      return changed->second;
    }
    auto found = std::find_if(programs_.begin(), programs_.end(), [&](const ProgramRecord& one) {
      return one.key == key;
    });
    return found == programs_.end() ? nullptr : &*found;
  }

  void add_program(const std::string& what, const ProgramRecord& record) {
    objects_.push_back(LedgerObject{.what = what,
                                    .kind = "program",
                                    .id = to_string(record.id),
                                    .name = record.stable_name(),
                                    .place = "",
                                    .bytecode = record.bytecode.text(),
                                    .image = record.image_reference,
                                    .source = std::string(to_string(record.provenance.source)),
                                    .trust = record.provenance.trust});
  }

  LedgerObject of_program(ProgramKey key) const {
    LedgerObject out;
    if (const ProgramRecord* record = program(key)) {
      out.name = record->stable_name();
      out.bytecode = record->bytecode.text();
      out.image = record->image_reference;
    }
    return out;
  }

  static std::string place_of(const AttachTarget& target) {
    return std::string(attach_word(target)) + " " + describe(target);
  }

  void add_link(const std::string& what, const LinkRecord& record) {
    LedgerObject object = of_program(record.program_key);
    object.what = what;
    object.kind = "link";
    object.id = to_string(record.id);
    object.place = place_of(record.target);
    objects_.push_back(std::move(object));
  }

  void add_selector(const std::string& what, const SelectorRecord& record) {
    LedgerObject object = of_program(record.program_key);
    object.what = what;
    object.kind = "selector";
    object.id = to_string(record.id);
    object.place = place_of(record.spec.target);
    objects_.push_back(std::move(object));
  }

  void add_image(const ImageRecord& record) {
    objects_.push_back(LedgerObject{.what = "stored",
                                    .kind = "image",
                                    .id = "",
                                    .name = record.reference,
                                    .place = "",
                                    .bytecode = record.bytecode.text(),
                                    .image = record.reference,
                                    .source = std::string(to_string(record.provenance.source)),
                                    .trust = record.provenance.trust});
  }

  const std::vector<ProgramRecord>& programs_;
  const std::vector<LinkRecord>& links_;
  const std::vector<SelectorRecord>& selectors_;
  std::map<ProgramKey, const ProgramRecord*> changed_;  // as the changes so far have them
  std::vector<LedgerObject> objects_;
};

}  // namespace

std::vector<LedgerObject> ledger_objects(const std::vector<store::StoredChange>& changes,
                                         const std::vector<ProgramRecord>& programs,
                                         const std::vector<LinkRecord>& links,
                                         const std::vector<SelectorRecord>& selectors) {
  Objects objects(programs, links, selectors);
  for (const store::StoredChange& change : changes) {
    objects.add(change);
  }
  return objects.take();
}

}  // namespace bpfman
