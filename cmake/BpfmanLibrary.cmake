# SPDX-License-Identifier: Apache-2.0
# bpfman_test_options(TARGET...): the tests themselves are not optimised, whatever the build type: half their compile time.
# What they test is.
function(bpfman_test_options)
  foreach(target IN LISTS ARGN)
    target_compile_options(${target} PRIVATE -U_FORTIFY_SOURCE -O0)
  endforeach()
endfunction()

# Files that follow each other in SOURCES are compiled as one: half the time of a whole build, but more of it for a change.
option(BPFMAN_UNITY "Compile several files of a room at once" OFF)
set(BPFMAN_UNITY_FILES 8)

# bpfman_library(NAME SOURCES ... [ALONE ...] [TESTS ...] [DEPS rooms...] [PRIVATE_DEPS targets...])
#
# One room: static library bpfman_NAME (alias bpfman::NAME) and, with tests on, bpfman_NAME_test
# holding its unit tests, each registered with ctest under the label "unit".
# ALONE are those of SOURCES that BPFMAN_UNITY leaves alone: they have names for themselves that a neighbour has, too.
# DEPS are rooms that the room's headers include; PRIVATE_DEPS stay inside its .cc files.
function(bpfman_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;ALONE;TESTS;DEPS;PRIVATE_DEPS;TEST_DEPS" ${ARGN})
  add_library(bpfman_${name} STATIC ${ARG_SOURCES})
  add_library(bpfman::${name} ALIAS bpfman_${name})
  set_target_properties(bpfman_${name} PROPERTIES
    UNITY_BUILD ${BPFMAN_UNITY} UNITY_BUILD_BATCH_SIZE ${BPFMAN_UNITY_FILES})
  set_source_files_properties(${ARG_ALONE} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  target_include_directories(bpfman_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(bpfman_${name} PUBLIC ${ARG_DEPS} PRIVATE bpfman_warnings ${ARG_PRIVATE_DEPS})
  if(BPFMAN_BUILD_TESTS AND ARG_TESTS)
    add_executable(bpfman_${name}_test ${ARG_TESTS})
    target_link_libraries(bpfman_${name}_test PRIVATE
      bpfman_${name} bpfman_warnings ${ARG_PRIVATE_DEPS} ${ARG_TEST_DEPS} GTest::gmock GTest::gtest_main)
    bpfman_test_options(bpfman_${name}_test)
    if(NOT TARGET unit_tests)
      add_custom_target(unit_tests)  # those that need no root: all of "ctest -L unit"
    endif()
    add_dependencies(unit_tests bpfman_${name}_test)
    gtest_discover_tests(bpfman_${name}_test
      TEST_PREFIX "${name}." PROPERTIES LABELS unit DISCOVERY_TIMEOUT 60)
  endif()
endfunction()
