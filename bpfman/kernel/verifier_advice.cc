// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/verifier_advice.h"

#include <array>

#include "bpfman/base/text.h"

namespace bpfman::kernel {
namespace {

struct Known {
  std::string_view message;  // a part of the verifier's
  std::string_view cause;
  std::string_view remedy;
};

// The first one that is in the log counts: the particular before the general.
constexpr std::array kKnown = {
    Known{"invalid access to packet",
          "it reads or writes packet bytes that it has not shown to be there",
          "compare with data_end before: if (data + sizeof(*header) > data_end) return ...; and "
          "again after every change of the packet"},
    Known{"map_value_or_null",
          "it uses what bpf_map_lookup_elem() returned without asking whether it is NULL",
          "check the pointer right behind the look-up: if (!value) return ..."},
    Known{"_or_null'",
          "it uses a pointer that may be NULL",
          "check the pointer before its first use: if (!pointer) return ..."},
    Known{"possibly NULL pointer",
          "it hands a pointer that may be NULL to a function that does not take one",
          "check the pointer before the call"},
    Known{"invalid access to map value",
          "it goes beyond the end of a map's value",
          "check the index against the size before, in the same function: if (i >= SIZE) return "
          "...; or mask it: i & (SIZE - 1)"},
    Known{"invalid bpf_context access",
          "it uses a member of its context that programs of this kind may not read (or write)",
          "see the kernel's documentation of the program type; is the section the right one?"},
    Known{"unbounded memory access",
          "the verifier does not know how large an offset or length can get",
          "bound it right before its use: if (n > MAX) return ...; or n &= MAX - 1"},
    Known{"min value is negative",
          "an offset or length may be negative",
          "make it unsigned, or check it before: if (n < 0) return ..."},
    Known{"invalid indirect read from stack",
          "it hands memory of its stack to a function without having written all of it",
          "set the variable to zero first: struct key key = {};"},
    Known{"invalid read from stack",
          "it reads a part of its stack that it has not written",
          "set the variable to zero first: struct key key = {};"},
    Known{"stack of",
          "its functions use more than 512 bytes of stack together",
          "keep large values in a per-CPU array map"},
    Known{"combined stack size",
          "its functions use more than 512 bytes of stack together",
          "keep large values in a per-CPU array map"},
    Known{"!read_ok",
          "it uses a register that has no value there: a variable that is not set, or one that a "
          "function call has overwritten",
          "set the variable on every path before its use"},
    Known{"Unreleased reference",
          "it ends without giving back something that it has taken",
          "release it on every path: bpf_sk_release(), bpf_ringbuf_discard(), ..."},
    Known{"infinite loop detected",
          "a loop has no end that the verifier can see",
          "give it a constant bound: for (int i = 0; i < 64; i++)"},
    Known{"back-edge from insn",
          "it has a loop, which this kernel takes only when it can follow it to its end",
          "give it a constant bound, or #pragma unroll on kernels before 5.3"},
    Known{"loop is not bounded",
          "a loop has no end that the verifier can see",
          "give it a constant bound: for (int i = 0; i < 64; i++)"},
    Known{"program is too large",
          "the verifier gave up: too many ways through the program",
          "split it by tail calls or global functions (not inlined), or bound its loops lower; "
          "bpfman check shows how much it takes"},
    Known{"jumps is too complex",
          "the verifier gave up: too many branches on one way through the program",
          "split it by tail calls or global functions, or use bpf_loop()"},
    Known{"GPL-restricted function",
          "it calls a function that only GPL-compatible programs may call",
          "char _license[] SEC(\"license\") = \"GPL\"; if that is true of it"},
    Known{"unknown func",
          "it calls a helper that this kernel does not have, or not for programs of this kind",
          "bpftool feature probe shows what there is"},
    Known{"program of this type cannot use helper",
          "it calls a helper that programs of this kind may not call",
          "is the section the right one? bpftool feature probe shows what there is"},
    Known{"At program exit the register R0",
          "it returns a value that programs of this kind may not return",
          "see the message for the range"},
    Known{"pointer arithmetic",
          "it calculates with a pointer in a way that the verifier cannot follow",
          "keep the offset in a variable of its own, bound it, then add it"},
    Known{"write into map forbidden",
          "it writes into a map that is read-only for programs",
          "constants (const volatile) are set before the program is loaded: --set"},
    Known{"cannot write into",
          "it writes into memory that is read-only for it",
          "copy the value to the stack and change the copy"},
    Known{"misaligned",
          "it reads across the alignment of the value",
          "read single bytes, or __builtin_memcpy() into a variable"},
    Known{"leads to invalid memory access",
          "it follows a pointer that is none any more",
          "read it again behind the call that changed the packet or released the object"},
    Known{"invalid mem access",
          "it follows something that the verifier knows as a number, or as no pointer it may "
          "follow",
          "of kernel memory: BPF_CORE_READ() or bpf_probe_read_kernel(); of the packet: start at "
          "ctx->data again"},
    Known{"invalid argument type",
          "a function gets another kind of argument than it takes",
          "see the function's documentation"},
};

bool is_instruction(std::string_view line) {
  std::size_t digits = line.find_first_not_of("0123456789");
  return digits != 0 && digits != std::string_view::npos && line.substr(digits).starts_with(": (");
}

// "; return data[100]; @ prog.bpf.c:12": the place behind " @ " since 6.10.
std::string source_of(std::string_view line) {
  line.remove_prefix(1);
  std::size_t at = line.rfind(" @ ");
  std::string text(trim(line.substr(0, at)));
  if (at != std::string_view::npos) {
    text += " (" + std::string(trim(line.substr(at + 3))) + ")";
  }
  return text;
}

}  // namespace

VerifierAdvice read_verifier_log(std::string_view log) {
  VerifierAdvice advice;
  std::size_t begin = 0;
  while (begin < log.size()) {
    std::size_t end = std::min(log.find('\n', begin), log.size());
    std::string_view line = trim(log.substr(begin, end - begin));
    if (line.starts_with(";")) {
      advice.source_line = source_of(line);
    } else if (is_instruction(line)) {
      // Behind the instruction stand the registers.
      advice.instruction = std::string(trim(line.substr(0, line.find(" ; "))));
    }
    begin = end + 1;
  }
  for (const Known& known : kKnown) {
    if (log.find(known.message) != std::string_view::npos) {
      advice.cause = known.cause;
      advice.remedy = known.remedy;
      break;
    }
  }
  return advice;
}

std::vector<std::string> verifier_hints(std::string_view log) {
  VerifierAdvice advice = read_verifier_log(log);
  std::vector<std::string> hints;
  auto add = [&](std::string_view what, const std::string& text) {
    if (!text.empty()) {
      hints.push_back(std::string(what) + text);
    }
  };
  add("source line: ", advice.source_line);
  add("instruction: ", advice.instruction);
  add("likely cause: ", advice.cause);
  add("what usually helps: ", advice.remedy);
  return hints;
}

}  // namespace bpfman::kernel
