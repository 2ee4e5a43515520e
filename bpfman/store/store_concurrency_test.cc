// SPDX-License-Identifier: Apache-2.0
// Several stores on one database, as several processes have them.
#include <atomic>
#include <thread>

#include <gmock/gmock.h>

#include "bpfman/store/sqlite.h"
#include "bpfman/store/store_test_values.h"

namespace bpfman::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class StoreConcurrencyTest : public StoreFixture {
 protected:
  Database connect() const { return *Database::open(layout_.database(), Access::ReadWrite); }
};

TEST_F(StoreConcurrencyTest, TwoStoresSeeEachOthersChanges) {
  Store one = open();
  Store two = open();
  ASSERT_TRUE(writes(one, {PutProgram{full_program(1)}}));
  EXPECT_THAT(*two.list_programs(), ElementsAre(full_program(1)));
  EXPECT_EQ(*two.next_program(), ProgramKey(2));
  ASSERT_TRUE(writes(two, {PutProgram{full_program(2)}}));
  EXPECT_THAT(*one.list_programs(), ElementsAre(full_program(1), full_program(2)));
}

TEST_F(StoreConcurrencyTest, AReaderIsNotHeldUpByAWriterAndSeesWhatWasBefore) {
  Store reader = open();
  ASSERT_TRUE(writes(reader, {PutProgram{full_program(1)}, PutLink{full_link(1, 1)}}));
  Database writer = connect();
  Transaction transaction = *Transaction::begin(writer);
  ASSERT_TRUE(writer.execute("DELETE FROM links; DELETE FROM programs").ok());
  EXPECT_THAT(*reader.list_programs(), ElementsAre(full_program(1)));
  EXPECT_THAT(*reader.list_links(), ElementsAre(full_link(1, 1)));
  ASSERT_TRUE(transaction.commit().ok());
  EXPECT_THAT(*reader.list_links(), IsEmpty());
}

TEST_F(StoreConcurrencyTest, AReaderOpensWhileAWriterIsAtWork) {
  {
    Store store = open();
  }
  Database writer = connect();
  Transaction transaction = *Transaction::begin(writer);
  Result<std::optional<Store>> reader = Store::open_existing(layout_);
  ASSERT_TRUE(reader.ok()) << reader.error().message();
  EXPECT_THAT(*(*reader)->list_programs(), IsEmpty());
}

TEST_F(StoreConcurrencyTest, AWriterWaitsForAnother) {
  Store store = open();
  Database writer = connect();
  std::atomic<bool> committed = false;
  Transaction transaction = *Transaction::begin(writer);
  std::thread other([&] {
    EXPECT_TRUE(store.begin_operation(full_entry(1)).ok());
    EXPECT_TRUE(committed);
  });
  committed = true;
  EXPECT_TRUE(transaction.commit().ok());
  other.join();
}

TEST_F(StoreConcurrencyTest, AReaderSeesRecordsWholeWhileTheyComeAndGo) {
  Store writer = open();
  std::atomic<bool> done = false;
  std::thread reading([&] {
    Store reader = open();
    while (!done) {
      std::vector<ProgramRecord> programs = *reader.list_programs();
      for (const ProgramRecord& program : programs) {
        ASSERT_EQ(program, full_program(program.key.value()));
      }
      std::vector<LinkRecord> links = *reader.list_links();
      for (const LinkRecord& link : links) {
        ASSERT_EQ(link, full_link(link.id.value(), link.program_key.value()));
      }
      std::vector<ImageRecord> images = *reader.list_images();
      for (const ImageRecord& image : images) {
        ASSERT_EQ(image, full_image("x"));
      }
    }
  });
  for (std::uint64_t key = 1; key <= 150 && !HasFailure(); ++key) {
    ASSERT_TRUE(writes(writer,
                       {PutProgram{full_program(key)},
                        PutLink{full_link(key, key)},
                        plan::PutImage{full_image("x")}}));
    ASSERT_TRUE(
        writes(writer, {plan::DeleteLink{LinkId(key)}, plan::DeleteProgram{ProgramKey(key)}}));
  }
  done = true;
  reading.join();
}

}  // namespace
}  // namespace bpfman::store
