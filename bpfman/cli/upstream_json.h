// SPDX-License-Identifier: Apache-2.0
// Upstream's JSON (docs/upstream.md): snake_case, two blanks of indent, one newline at the end;
// every member is always there. Pure functions of what the Api answers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bpfman/manager/api.h"
#include "bpfman/model/layout.h"

namespace bpfman::cli::upstream {

// Right behind a load nothing has been counted and no pin been looked at.
enum class Moment { Loaded, Later };

// {"programs": [Program]}; `policy`: with which an image was asked for.
std::string json_of_loaded(const std::vector<ProgramDetails>& programs,
                           const Layout& layout,
                           std::optional<PullPolicy> policy);
// Program: {"record", "status"}
std::string json_of_program(const ProgramDetails& program, const Layout& layout);
// {"programs": [Entry]}
std::string json_of_program_list(const std::vector<ProgramView>& programs, const Layout& layout);
// Link: {"record", "status"}
std::string json_of_link(const LinkView& link);
// {"links": [LinkRecord]}
std::string json_of_link_list(const std::vector<LinkView>& links);
std::string json_of_dispatcher(const ChainView& chain, const Layout& layout);
// {"dispatchers": [...]}
std::string json_of_dispatcher_list(const std::vector<ChainView>& chains);

// The path of a link's own pin; "" for none.
std::string pin_of(const LinkView& link);
// The bits of proceed_on, as upstream numbers them.
std::uint32_t mask_of(const LinkRecord& link);
// "pass_counter" of "my-ebpf-prog/pass_counter"
std::string function_of(const LinkView& link);
// Of a program that uses maps of others: the owner's directory instead of its own, as upstream has
// it. `programs`: all of ours.
void show_map_owner(ProgramRecord& record, const std::vector<ProgramView>& programs);
// The program whose maps these are: out of that directory, or, when the owner has gone, what was
// said at load; nullopt: the program's own, or not known.
std::optional<std::uint32_t> map_owner_of(const ProgramRecord& record);
// As the kernel, or else the license, says.
bool is_gpl_compatible(const ProgramRecord& record, const std::optional<KernelProgram>& kernel);
// Names that upstream gives the kernel's types: "extension", "schedcls", "programarray".
std::string program_type_name(const std::string& type);
std::string map_type_name(const std::string& type);

}  // namespace bpfman::cli::upstream
