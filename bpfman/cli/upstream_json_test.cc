// SPDX-License-Identifier: Apache-2.0
// Upstream's documents, member by member. Names, order and types are upstream's; a change here is
// one that scripts see.
#include "bpfman/cli/upstream_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/cli/cli_test_support.h"

namespace bpfman::cli::upstream {
namespace {

using testing::example_link;
using testing::example_program;
using ::testing::HasSubstr;

ProgramDetails example_details() {
  ProgramDetails details{.program = example_program()};
  ProgramRecord& record = *details.program.record;
  record.metadata = {{"bpfman.io/application", "shop"}, {"owner", "me"}};
  record.globals = {{"limit", Bytes{std::byte{1}, std::byte{0}}}};
  KernelProgram& kernel = *details.program.kernel;
  kernel.name = "a_name_longer_than_the_kernels";
  kernel.btf_id = 12;
  kernel.xlated_bytes = 96;
  kernel.jited_bytes = 70;
  kernel.verified_instructions = 11;
  kernel.memlock_bytes = 4096;
  kernel.run_count = 5;
  kernel.run_time_ns = 99;
  kernel.gpl_compatible = true;
  MapView map{.record = record.maps.front(), .pinned = true};
  map.kernel = KernelMap{.id = MapId(9),
                         .name = "seen",
                         .type = "lru_percpu_hash",
                         .key_size = 4,
                         .value_size = 8,
                         .max_entries = 16,
                         .btf_id = 13,
                         .memlock_bytes = 512};
  details.maps = {map};
  details.map_users = {ProgramId(57)};
  return details;
}

const char* const kProgram = R"({
  "record": {
    "program_id": 57,
    "load": {
      "object_path": "/var/lib/bpfman/blobs/sha256/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
      "source_path": null,
      "program_name": "pass",
      "program_type": "xdp",
      "global_data": {
        "limit": "AQA="
      },
      "image_source": {
        "url": "docker.io/library/prog:dev",
        "digest": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "pull_policy": ""
      },
      "attach_func": null,
      "map_owner_id": null
    },
    "license": "GPL",
    "gpl_compatible": true,
    "handles": {
      "pin_path": "/run/bpfman/fs/prog_57",
      "map_pin_path": "/run/bpfman/fs/maps/57",
      "map_owner_id": null
    },
    "meta": {
      "name": "pass",
      "owner": "",
      "description": "",
      "metadata": {
        "bpfman.io/application": "shop",
        "owner": "me"
      }
    },
    "created_at": "2023-11-14T22:13:20Z",
    "updated_at": null
  },
  "status": {
    "kernel": {
      "id": 57,
      "name": "a_name_longer_t",
      "program_type": "xdp",
      "tag": "0123456789abcdef",
      "loaded_at": "2023-11-14T22:13:20Z",
      "uid": 0,
      "has_uid": true,
      "btf_id": 12,
      "has_btf_id": true,
      "map_ids": [
        9
      ],
      "has_map_ids": true,
      "jited_size": 70,
      "xlated_size": 96,
      "verified_insns": 11,
      "memlock": 4096,
      "has_memlock": true,
      "restricted": false
    },
    "stats": {
      "runtime": 99,
      "run_count": 5,
      "recursion_misses": 0
    },
    "prog_pin": "/run/bpfman/fs/prog_57",
    "map_dir": "/run/bpfman/fs/maps/57",
    "bytecode": "/var/lib/bpfman/blobs/sha256/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "links": [],
    "maps": [
      {
        "id": 9,
        "name": "seen",
        "map_type": "lrucpuhash",
        "key_size": 4,
        "value_size": 8,
        "max_entries": 16,
        "flags": 0,
        "btf_id": 13,
        "has_btf_id": true,
        "map_extra": 0,
        "has_map_extra": true,
        "memlock": 512,
        "has_memlock": true,
        "frozen": false,
        "pin_path": "/run/bpfman/fs/maps/57/seen",
        "present": true
      }
    ],
    "map_used_by": [
      57
    ]
  }
}
)";

TEST(UpstreamJson, OfAProgramIsThisDocument) {
  EXPECT_EQ(json_of_program(example_details(), Layout()), kProgram);
}

TEST(UpstreamJson, RightBehindALoadHasNoCountsAndNoPinsOfMaps) {
  std::string json = json_of_loaded({example_details()}, Layout(), PullPolicy::Always);
  EXPECT_THAT(json, HasSubstr("{\n  \"programs\": [\n    {\n      \"record\": {"));
  EXPECT_THAT(json, HasSubstr("\"stats\": null,"));
  EXPECT_THAT(json, HasSubstr("\"pin_path\": \"\",\n            \"present\": false\n"));
  EXPECT_THAT(json, HasSubstr("\"pull_policy\": \"Always\""));
}

TEST(UpstreamJson, OfAFileSaysItsPathAndTheOwnerOfItsMaps) {
  ProgramDetails details = example_details();
  ProgramRecord& record = *details.program.record;
  record.provenance = Provenance{.source = SourceKind::File, .location = "/a/b.o"};
  record.map_owner = ProgramKey(4);
  record.metadata["bpfman.io/map-owner-id"] = "43";
  EXPECT_EQ(map_owner_of(record), 43U) << "the owner has gone";
  ProgramView owner = example_program();
  owner.record->key = ProgramKey(4);
  owner.record->map_directory = "/run/bpfman/fs/maps/44";
  show_map_owner(record, {details.program, owner});
  std::string json = json_of_program(details, Layout());
  EXPECT_THAT(json, HasSubstr("\"source_path\": \"/a/b.o\""));
  EXPECT_THAT(json, HasSubstr("\"image_source\": null"));
  EXPECT_THAT(
      json, HasSubstr("\"map_pin_path\": \"/run/bpfman/fs/maps/44\",\n      \"map_owner_id\": 44"));
}

TEST(UpstreamJson, OfAListTellsOursFromOthers) {
  ProgramView ours = example_program();
  ours.kernel = std::nullopt;
  KernelProgram kernel{.id = ProgramId(8), .name = "other", .type = "sched_cls", .tag = "00"};
  std::string json =
      json_of_program_list({ours, ProgramView{.record = std::nullopt, .kernel = kernel}}, Layout());
  EXPECT_THAT(json,
              HasSubstr("{\n  \"programs\": [\n"
                        "    {\n"
                        "      \"program_id\": 57,\n"
                        "      \"managed\": true,\n"
                        "      \"application\": \"\",\n"
                        "      \"type\": \"xdp\",\n"
                        "      \"function_name\": \"pass\",\n"
                        "      \"links\": [\n        3\n      ],\n"
                        "      \"record\": {\n"));
  EXPECT_THAT(json,
              HasSubstr("      \"kernel\": null\n"
                        "    },\n"
                        "    {\n"
                        "      \"program_id\": 8,\n"
                        "      \"managed\": false,\n"
                        "      \"application\": \"\",\n"
                        "      \"type\": \"schedcls\",\n"
                        "      \"function_name\": \"other\",\n"
                        "      \"links\": [],\n"
                        "      \"record\": null,\n"
                        "      \"kernel\": {\n"));
}

const char* const kLink = R"({
  "record": {
    "id": 3,
    "program_id": 57,
    "kernel_link_id": 11,
    "kind": "xdp",
    "pin_path": "/run/bpfman/fs/xdp/dispatcher_4026531840_2_1/link_4",
    "details": {
      "interface": "eth0",
      "ifindex": 2,
      "priority": 50,
      "position": 1,
      "proceed_on": [
        2,
        31
      ],
      "netns": "",
      "nsid": 4026531840,
      "dispatcher_id": 70,
      "revision": 6
    },
    "created_at": "2023-11-14T22:13:20Z",
    "metadata": null
  },
  "status": {
    "kernel": {
      "id": 11,
      "program_id": 57,
      "link_type": "tracing",
      "attach_type": "0",
      "ifindex": 0,
      "target_obj_id": 70,
      "target_btf_id": 5,
      "cgroup_id": 0,
      "netns_ino": 0,
      "netfilter_pf": 0,
      "netfilter_hooknum": 0,
      "netfilter_priority": 0,
      "netfilter_flags": 0,
      "kprobe_multi_count": 0,
      "kprobe_multi_flags": 0,
      "kprobe_multi_missed": 0,
      "kprobe_address": 0,
      "kprobe_missed": 0
    },
    "kernel_seen": true,
    "pin_present": true
  }
}
)";

LinkView member_link() {
  LinkView link = example_link();
  link.position = 1;
  link.dispatcher = ProgramId(70);
  link.chain->strategy = Strategy::Freplace;
  link.chain->directory = "/run/bpfman/fs/xdp/dispatcher_4026531840_2_1";
  link.chain->revision = 6;
  link.chain->slots = {{LinkId(3), 4}};
  link.kernel = KernelLink{.id = KernelLinkId(11),
                           .program = ProgramId(57),
                           .type = "tracing",
                           .place = {.attach_type = 0, .target_object_id = 70, .target_btf_id = 5}};
  return link;
}

TEST(UpstreamJson, OfALinkIsThisDocument) {
  EXPECT_EQ(json_of_link(member_link()), kLink);
}

TEST(UpstreamJson, OfLinksHoldsTheirRecords) {
  LinkView link = example_link();
  link.kernel = std::nullopt;
  link.chain->link_pin = "";  // a filter
  link.record.metadata = {{"a", "b"}};
  std::string json = json_of_link_list({link});
  EXPECT_THAT(json, HasSubstr("{\n  \"links\": [\n    {\n      \"id\": 3,\n"));
  EXPECT_THAT(json, HasSubstr("\"kernel_link_id\": null"));
  EXPECT_THAT(json, HasSubstr("\"pin_path\": null"));
  EXPECT_THAT(json, HasSubstr("\"metadata\": {\n        \"a\": \"b\"\n      }"));
  EXPECT_THAT(
      json_of_link(link),
      HasSubstr("\"kernel\": null,\n    \"kernel_seen\": false,\n    \"pin_present\": false"));
}

std::string details_of(ProgramType kind, AttachTarget target) {
  LinkView link = example_link();
  link.chain = std::nullopt;
  link.record.kind = kind;
  link.record.target = std::move(target);
  std::string json = json_of_link(link);
  std::size_t begin = json.find("\"details\": ") + 11;
  std::string details = json.substr(begin, json.find(",\n    \"created_at\"") - begin);
  std::erase(details, '\n');
  std::erase(details, ' ');
  return details;
}

TEST(UpstreamJson, HasDetailsOfEveryKind) {
  ChainTarget tc{.hook = HookKind::TcEgress, .interface = "e", .netns = "/n", .proceed_on = {3, 0}};
  EXPECT_EQ(details_of(ProgramType::Tc, tc),
            R"({"interface":"e","ifindex":2,"direction":"egress","priority":50,"position":0,)"
            R"("proceed_on":[0,3],"netns":"/n","nsid":4026531840,"dispatcher_id":0,"revision":0})");
  EXPECT_EQ(details_of(ProgramType::Tcx, ListTarget{.interface = "e", .priority = 3}),
            R"({"interface":"e","ifindex":2,"direction":"ingress","priority":3,"position":0,)"
            R"("netns":"","nsid":4026531840})");
  EXPECT_EQ(details_of(ProgramType::Tracepoint, TracepointTarget{.name = "sched/sched_switch"}),
            R"({"group":"sched","name":"sched_switch"})");
  EXPECT_EQ(details_of(ProgramType::Kretprobe, KprobeTarget{.functions = {"do_exit"}, .offset = 4}),
            R"({"fn_name":"do_exit","offset":4,"retprobe":true})");
  EXPECT_EQ(details_of(ProgramType::Uprobe,
                       UprobeTarget{.binary = "libc", .functions = {"malloc"}, .pid = 7}),
            R"({"target":"libc","fn_name":"malloc","offset":0,"pid":7,"retprobe":false,)"
            R"("container_pid":0})");
  EXPECT_EQ(details_of(ProgramType::Fexit, FixedTarget{.function = "do_exit"}),
            R"({"fn_name":"do_exit"})");
  EXPECT_EQ(details_of(ProgramType::Lsm, FixedTarget{.function = "file_open"}),
            R"({"hook_name":"file_open"})");
  EXPECT_EQ(details_of(ProgramType::Cgroup, CgroupTarget{.path = "/c"}), "null");
}

ChainView example_chain() {
  LinkView link = member_link();
  ChainView chain{.record = *link.chain, .dispatcher = ProgramId(70), .runs = ProgramId(70)};
  chain.kernel_link = KernelLinkId(21);
  chain.record.netns = "/run/netns/a";
  chain.members = {ChainMemberView{.link = link, .why = "alone"}};
  return chain;
}

const char* const kDispatcher = R"({
  "key": {
    "type": "xdp",
    "nsid": 4026531840,
    "ifindex": 2
  },
  "revision": 6,
  "runtime": {
    "program_id": 70,
    "kernel_link_id": 21,
    "netns_path": "/run/netns/a"
  },
  "members": [
    {
      "program_id": 57,
      "program_name": "pass",
      "prog_pin_path": "/run/bpfman/fs/prog_57",
      "link_id": 3,
      "kernel_link_id": 11,
      "link_pin_path": "/run/bpfman/fs/xdp/dispatcher_4026531840_2_1/link_4",
      "position": 1,
      "priority": 50,
      "proceed_on": 2147483652,
      "ifname": "eth0",
      "metadata": null
    }
  ]
}
)";

TEST(UpstreamJson, OfADispatcherIsThisDocument) {
  EXPECT_EQ(json_of_dispatcher(example_chain(), Layout()), kDispatcher);
}

TEST(UpstreamJson, OfDispatchersCountsTheirMembers) {
  ChainView chain = example_chain();
  chain.record.hook.kind = HookKind::TcIngress;
  chain.record.link_pin = "";
  chain.record.filter_priority = 50;
  chain.record.filter_handle = 1;
  chain.kernel_link = std::nullopt;
  EXPECT_EQ(json_of_dispatcher_list({chain}), R"({
  "dispatchers": [
    {
      "key": {
        "type": "tc-ingress",
        "nsid": 4026531840,
        "ifindex": 2
      },
      "revision": 6,
      "runtime": {
        "program_id": 70,
        "filter_priority": 50,
        "filter_handle": 1,
        "netns_path": "/run/netns/a"
      },
      "member_count": 1
    }
  ]
}
)");
}

TEST(UpstreamJson, NamesTheKernelsTypesAsUpstreamDoes) {
  struct Case {
    const char* ours;
    const char* theirs;
  };

  for (const Case& c : {Case{"ext", "extension"},
                        Case{"sched_cls", "schedcls"},
                        Case{"cgroup_skb", "cgroupskb"},
                        Case{"socket_filter", "socketfilter"},
                        Case{"kprobe", "kprobe"}}) {
    EXPECT_EQ(program_type_name(c.ours), c.theirs);
  }
  for (const Case& c : {Case{"prog_array", "programarray"},
                        Case{"struct_ops", "structopsmap"},
                        Case{"cgrp_storage", "cgroupstorage"},
                        Case{"cgroup_storage", "cgroupstorage"},
                        Case{"percpu_array", "percpuarray"},
                        Case{"perf_event_array", "perfeventarray"},
                        Case{"lpm_trie", "lpmtrie"},
                        Case{"ringbuf", "ringbuf"}}) {
    EXPECT_EQ(map_type_name(c.ours), c.theirs);
  }
}

TEST(UpstreamJson, KnowsGplByItsLicenseWhereTheKernelDoesNotSay) {
  ProgramRecord record = *example_program().record;
  for (const char* license : {"GPL", "GPL v2", "Dual MIT/GPL"}) {
    record.license = license;
    EXPECT_TRUE(is_gpl_compatible(record, std::nullopt)) << license;
  }
  record.license = "Apache-2.0";
  EXPECT_FALSE(is_gpl_compatible(record, std::nullopt));
  EXPECT_TRUE(is_gpl_compatible(record, KernelProgram{.gpl_compatible = true}));
}

}  // namespace
}  // namespace bpfman::cli::upstream
