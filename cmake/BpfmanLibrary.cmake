# SPDX-License-Identifier: Apache-2.0
# bpfman_test_options(TARGET...): the tests themselves are not optimised, whatever the build type: half their compile time.
# What they test is. BPFMAN_TEST_OPTIONS: what a preset wants for tests only.
function(bpfman_test_options)
  foreach(target IN LISTS ARGN)
    target_compile_options(${target} PRIVATE -U_FORTIFY_SOURCE -O0 ${BPFMAN_TEST_OPTIONS})
  endforeach()
endfunction()

# A whole build takes a third of the time when the files of a room are compiled together, as their headers and what these
# instantiate are; a change then takes longer.
option(BPFMAN_UNITY "Compile many files of a room at once" OFF)
set(BPFMAN_UNITY_FILES 32 CACHE STRING "With BPFMAN_UNITY: how many at most")

# bpfman_unity(TARGET APART): compiles the sources of TARGET together, but those that the list named APART has for themselves, as
# each has a name of its own that one of the others has, too. A "|" in it begins a further set.
function(bpfman_unity target apart)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${BPFMAN_UNITY} UNITY_BUILD_MODE GROUP)
  get_target_property(sources ${target} SOURCES)
  set(set 0)
  set(files_0 0)
  foreach(file IN LISTS sources)
    set(set_of_${file} 0)
  endforeach()
  foreach(file "|" ${${apart}})
    if(file STREQUAL "|")
      math(EXPR set "${set} + 1")
      set(files_${set} 0)
    else()
      set(set_of_${file} ${set})
    endif()
  endforeach()
  foreach(file IN LISTS sources)
    set(set ${set_of_${file}})
    math(EXPR number "${files_${set}} / ${BPFMAN_UNITY_FILES}")
    math(EXPR files_${set} "${files_${set}} + 1")
    set_source_files_properties(${file} PROPERTIES UNITY_GROUP ${set}_${number})
  endforeach()
endfunction()

# bpfman_library(NAME SOURCES ... [APART ...] [TESTS ...] [DEPS rooms...] [PRIVATE_DEPS targets...])
#
# One room: static library bpfman_NAME (alias bpfman::NAME) and, with tests on, bpfman_NAME_test
# holding its unit tests, each registered with ctest under the label "unit".
# APART are those of SOURCES and TESTS that bpfman_unity compiles apart from the others.
# DEPS are rooms that the room's headers include; PRIVATE_DEPS stay inside its .cc files.
function(bpfman_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;APART;TESTS;DEPS;PRIVATE_DEPS;TEST_DEPS" ${ARGN})
  add_library(bpfman_${name} STATIC ${ARG_SOURCES})
  add_library(bpfman::${name} ALIAS bpfman_${name})
  bpfman_unity(bpfman_${name} ARG_APART)
  target_include_directories(bpfman_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(bpfman_${name} PUBLIC ${ARG_DEPS} PRIVATE bpfman_warnings ${ARG_PRIVATE_DEPS})
  if(BPFMAN_BUILD_TESTS AND ARG_TESTS)
    add_executable(bpfman_${name}_test ${ARG_TESTS})
    target_link_libraries(bpfman_${name}_test PRIVATE
      bpfman_${name} bpfman_warnings ${ARG_PRIVATE_DEPS} ${ARG_TEST_DEPS} GTest::gmock GTest::gtest_main)
    bpfman_test_options(bpfman_${name}_test)
    bpfman_unity(bpfman_${name}_test ARG_APART)
    if(NOT TARGET unit_tests)
      add_custom_target(unit_tests)  # those that need no root: all of "ctest -L unit"
    endif()
    add_dependencies(unit_tests bpfman_${name}_test)
    gtest_discover_tests(bpfman_${name}_test
      TEST_PREFIX "${name}." PROPERTIES LABELS unit DISCOVERY_TIMEOUT 60)
  endif()
endfunction()
