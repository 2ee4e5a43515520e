# SPDX-License-Identifier: Apache-2.0
# bpf_object(TARGET SOURCE.bpf.c OUTPUT.o): compiles BPF C with clang for the bpf target and keeps its
# BTF but not its DWARF. The result lies at OUTPUT; depend on TARGET to have it made.
find_program(BPF_CLANG NAMES clang clang-14 clang-16 clang-19 REQUIRED)
find_program(BPF_LLVM_STRIP NAMES llvm-strip llvm-strip-14 llvm-strip-16 llvm-strip-19 REQUIRED)

# asm/types.h lies in a directory of the host's own architecture.
function(bpf_object target source output)
  get_filename_component(directory ${output} DIRECTORY)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${directory}
    COMMAND ${BPF_CLANG} -target bpf -mcpu=v2 -O2 -g -Wall -Wextra -Werror
      -isystem /usr/include/${CMAKE_LIBRARY_ARCHITECTURE} -MD -MF ${output}.d -c ${source} -o ${output}
    COMMAND ${BPF_LLVM_STRIP} -g ${output}
    DEPENDS ${source} DEPFILE ${output}.d VERBATIM
    COMMENT "BPF object ${output}")
  add_custom_target(${target} DEPENDS ${output})
endfunction()
