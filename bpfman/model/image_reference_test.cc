// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/image_reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bpfman {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kHex(64, 'a');

struct Spelling {
  std::string typed;
  std::string normal;
  std::string familiar;
};

TEST(ImageReference, HasANormalFormAndTheOneDockerShows) {
  for (const Spelling& s :
       {Spelling{"prog", "docker.io/library/prog:latest", "prog:latest"},
        Spelling{"prog:dev", "docker.io/library/prog:dev", "prog:dev"},
        Spelling{"me/prog:dev", "docker.io/me/prog:dev", "me/prog:dev"},
        Spelling{"docker.io/prog:dev", "docker.io/library/prog:dev", "prog:dev"},
        Spelling{"index.docker.io/me/prog", "docker.io/me/prog:latest", "me/prog:latest"},
        Spelling{"localhost/prog:dev", "localhost/prog:dev", "localhost/prog:dev"},
        Spelling{"localhost:5000/prog", "localhost:5000/prog:latest", "localhost:5000/prog:latest"},
        Spelling{"quay.io/me/a/prog:v1.0", "quay.io/me/a/prog:v1.0", "quay.io/me/a/prog:v1.0"},
        Spelling{"[::1]:5000/prog:v1", "[::1]:5000/prog:v1", "[::1]:5000/prog:v1"},
        Spelling{"quay.io/prog@sha256:" + kHex,
                 "quay.io/prog@sha256:" + kHex,
                 "quay.io/prog@sha256:" + kHex},
        // With a tag and a digest the digest decides.
        Spelling{"quay.io/prog:v1@sha256:" + kHex,
                 "quay.io/prog@sha256:" + kHex,
                 "quay.io/prog@sha256:" + kHex}}) {
    Result<ImageReference> reference = ImageReference::parse(s.typed);
    ASSERT_TRUE(reference.ok()) << s.typed << ": " << reference.error().message();
    EXPECT_EQ(reference->normal_form(), s.normal) << s.typed;
    EXPECT_EQ(reference->familiar_form(), s.familiar) << s.typed;
    EXPECT_EQ(reference->typed(), s.typed);
  }
}

TEST(ImageReference, ThatCannotBeOneSaysWhichPartIsWrong) {
  struct Case {
    std::string typed;
    const char* message;
  };

  for (const Case& c : {Case{"", "it is empty"},
                        Case{"docker-daemon:", "it is empty"},
                        Case{"my prog", "white space"},
                        Case{"https://quay.io/prog", "begins with a scheme"},
                        Case{"Prog:dev", "upper-case"},
                        Case{"quay.io/me/Prog", "upper-case"},
                        Case{"prog:", "tag"},
                        Case{"prog:de/v", ""},
                        Case{"prog:" + std::string(129, 'a'), "tag"},
                        Case{"prog@sha256:abc", "digest"},
                        Case{"prog@md5:" + kHex, "digest"},
                        Case{"a//b", ""},
                        Case{"/prog", ""},
                        Case{"quay.io/", ""},
                        Case{"-prog", ""},
                        Case{"prog-", ""},
                        Case{"a..b/c_-d", ""},
                        Case{"../etc/passwd", ""},
                        Case{"quay.io:port/prog", ""},
                        Case{std::string(256, 'a'), "longer than 255"},
                        Case{std::string(250, 'a'), "longer than 255"},
                        Case{std::string("prog\0x", 6), ""}}) {
    Result<ImageReference> reference = ImageReference::parse(c.typed);
    ASSERT_FALSE(reference.ok()) << c.typed;
    EXPECT_EQ(reference.error().code(), Code::InvalidArgument);
    EXPECT_THAT(reference.error().message(), HasSubstr(c.message)) << c.typed;
  }
}

TEST(ImageReference, OffersTheLowerCaseSpelling) {
  EXPECT_THAT(ImageReference::parse("Prog:dev").error().hints(),
              ElementsAre("did you mean prog:dev?"));
}

TEST(ImageReference, MayBeAnImageId) {
  EXPECT_TRUE(ImageReference::parse(kHex)->is_id());
  EXPECT_TRUE(ImageReference::parse("sha256:" + kHex)->is_id());
  EXPECT_EQ(ImageReference::parse("sha256:" + kHex)->id_hex(), kHex);
  Result<ImageReference> brief = ImageReference::parse("aaaaaaaaaaaa");
  EXPECT_FALSE(brief->is_id()) << "it may be a name as well";
  EXPECT_EQ(brief->id_hex(), "aaaaaaaaaaaa");
  EXPECT_THAT(ImageReference::parse("aaaaaaaaaaa")->id_hex(), IsEmpty()) << "11 digits";
  EXPECT_THAT(ImageReference::parse("aaaaaaaaaaag")->id_hex(), IsEmpty());
}

TEST(ImageReference, ChoosesASourceByItsTransport) {
  EXPECT_EQ(ImageReference::parse("prog")->transport(), Transport::Any);
  EXPECT_EQ(ImageReference::parse("docker://prog")->transport(), Transport::Registry);
  EXPECT_EQ(ImageReference::parse("docker-daemon:prog:dev")->transport(), Transport::DockerDaemon);
  Result<ImageReference> store = ImageReference::parse("containers-storage:localhost/prog:dev");
  EXPECT_EQ(store->transport(), Transport::ContainersStorage);
  EXPECT_EQ(store->normal_form(), "localhost/prog:dev");
}

TEST(ImageReference, OfContainerdMayNameANamespace) {
  Result<ImageReference> plain = ImageReference::parse("containerd:x:dev");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain->transport(), Transport::Containerd);
  EXPECT_EQ(plain->typed(), "x:dev");
  EXPECT_EQ(plain->containerd_namespace(), "");
  Result<ImageReference> spaced = ImageReference::parse("containerd:k8s.io/quay.io/me/x:dev");
  ASSERT_TRUE(spaced.ok());
  EXPECT_EQ(spaced->containerd_namespace(), "k8s.io");
  EXPECT_EQ(spaced->normal_form(), "quay.io/me/x:dev");
  Result<ImageReference> name = ImageReference::parse("containerd:default.example/x");
  ASSERT_TRUE(name.ok());
  EXPECT_EQ(name->containerd_namespace(), "");
  EXPECT_FALSE(ImageReference::parse("containerd:k8s.io/").ok());
  EXPECT_EQ(ImageReference::parse("k8s.io/x:dev")->containerd_namespace(), "");
}

TEST(ImageReference, IsLookedForInAContainersStorageLocalNamesFirst) {
  EXPECT_THAT(ImageReference::parse("prog:dev")->containers_storage_names({"quay.io", "docker.io"}),
              ElementsAre("localhost/prog:dev", "quay.io/prog:dev", "docker.io/library/prog:dev"));
  EXPECT_THAT(ImageReference::parse("quay.io/prog")->containers_storage_names({"docker.io"}),
              ElementsAre("quay.io/prog:latest"));
}

TEST(ImageReference, NamesTheApplication) {
  EXPECT_EQ(ImageReference::parse("quay.io/me/prog:v1")->short_name(), "prog");
  EXPECT_EQ(ImageReference::parse("prog@sha256:" + kHex)->short_name(), "prog");
}

TEST(ImageReference, FilesAreNamedByPathAndByTheNameInside) {
  Result<ImageReference> whole = ImageReference::parse("oci:/x/dir:quay.io/me/prog:dev");
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ(whole->transport(), Transport::OciLayout);
  EXPECT_TRUE(whole->is_file());
  EXPECT_EQ(whole->path(), "/x/dir");
  EXPECT_EQ(whole->name_inside(), "quay.io/me/prog:dev");
  EXPECT_EQ(whole->short_name(), "prog");
  EXPECT_EQ(whole->normal_form(), "oci:/x/dir:quay.io/me/prog:dev");
  Result<ImageReference> alone = ImageReference::parse("docker-archive:images/my-prog.tar");
  ASSERT_TRUE(alone.ok());
  EXPECT_EQ(alone->name_inside(), "");
  EXPECT_EQ(alone->short_name(), "my-prog");
  EXPECT_EQ(alone->with_path("/a/b").normal_form(), "docker-archive:/a/b");
  EXPECT_FALSE(alone->may_be_id());
  EXPECT_EQ(ImageReference::parse("oci-archive:x")->transport(), Transport::OciArchive);
}

TEST(ImageReference, FilesWithoutAPathAreRefused) {
  for (const char* text : {"oci:", "oci::dev", "oci-archive:", "docker-archive::x", "oci:a:b c"}) {
    EXPECT_FALSE(ImageReference::parse(text).ok()) << text;
  }
}

}  // namespace
}  // namespace bpfman
