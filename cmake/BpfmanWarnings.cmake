# SPDX-License-Identifier: Apache-2.0
# bpfman_warnings: the warnings that every file of ours is compiled with. -Werror is the preset's choice.
add_library(bpfman_warnings INTERFACE)
target_compile_options(bpfman_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Wcast-qual
  -Wformat=2 -Wnon-virtual-dtor -Woverloaded-virtual -Wextra-semi
  -Wmissing-declarations -Wimplicit-fallthrough -Wundef -Wswitch-enum)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(bpfman_warnings INTERFACE
    -Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wuseless-cast)
  if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # GCC 12 reports false positives inside libstdc++'s string, variant and optional when it optimises.
    target_compile_options(bpfman_warnings INTERFACE
      -Wno-restrict -Wno-maybe-uninitialized -Wno-stringop-overread -Wno-stringop-overflow -Wno-array-bounds)
  endif()
else()
  # Statement expressions (TRY) and designated initialisers with defaults are used on purpose.
  target_compile_options(bpfman_warnings INTERFACE
    -Wthread-safety -Wno-missing-designated-field-initializers)
endif()
# Designated initialisers leave documented defaults alone.
target_compile_options(bpfman_warnings INTERFACE -Wno-missing-field-initializers)
