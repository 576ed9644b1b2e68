# The stages that are not GoogleTest programs of this build: style, the sanitizer build, the fuzzers, and the tests on
# real systemd. Only tests/run asks for them (DPSUP_STAGES); ctest in a build of your own stays quick.

# stage_test(NAME LABELS <label...> [TIMEOUT <s>] [PROCESSORS <n>] [NEEDS <fixture>] [MAKES <fixture>] COMMAND <words...>)
# Exit code 77 means skipped; the line "SKIP: why" is printed at the end of tests/run.
function(stage_test name)
    cmake_parse_arguments(T "" "TIMEOUT;PROCESSORS;NEEDS;MAKES" "LABELS;COMMAND" ${ARGN})
    add_test(NAME ${name} COMMAND ${T_COMMAND} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES LABELS "${T_LABELS}" SKIP_RETURN_CODE 77)
    foreach(pair TIMEOUT:TIMEOUT PROCESSORS:PROCESSORS NEEDS:FIXTURES_REQUIRED MAKES:FIXTURES_SETUP)
        string(REPLACE ":" ";" pair ${pair})
        list(GET pair 0 argument)
        list(GET pair 1 property)
        if(DEFINED T_${argument})
            set_tests_properties(${name} PROPERTIES ${property} "${T_${argument}}")
        endif()
    endforeach()
endfunction()

include(ProcessorCount)
ProcessorCount(all_processors)  # a stage that builds has the machine to itself
set(tests ${CMAKE_SOURCE_DIR}/tests)

stage_test(style.format LABELS style COMMAND ${tests}/style/format)
stage_test(style.tidy LABELS style COMMAND ${tests}/tidy)
stage_test(style.tidy-finds-what-is-planted LABELS style COMMAND ${tests}/tidy --self-test)
stage_test(style.clang-tidy LABELS style slow TIMEOUT 1800 PROCESSORS ${all_processors}
           COMMAND ${tests}/style/clang-tidy ${CMAKE_BINARY_DIR})

stage_test(sanitize.build LABELS sanitize TIMEOUT 1200 PROCESSORS ${all_processors} MAKES sanitize
           COMMAND ${tests}/stages/sanitize build)
foreach(label unit sim integration)
    stage_test(sanitize.${label} LABELS sanitize TIMEOUT 1200 PROCESSORS ${all_processors} NEEDS sanitize
               COMMAND ${tests}/stages/sanitize ${label})
endforeach()

file(GLOB fuzzers CONFIGURE_DEPENDS ${tests}/fuzz/*.cpp)
if(fuzzers)
    stage_test(fuzz.build LABELS fuzz TIMEOUT 1200 PROCESSORS ${all_processors} MAKES fuzz
               COMMAND ${tests}/stages/fuzz build)
    foreach(fuzzer ${fuzzers})
        get_filename_component(name ${fuzzer} NAME_WE)
        stage_test(fuzz.${name} LABELS fuzz TIMEOUT 1200 NEEDS fuzz COMMAND ${tests}/stages/fuzz ${name})
    endforeach()
endif()

stage_test(package.build LABELS system TIMEOUT 1200 PROCESSORS ${all_processors} MAKES package
           COMMAND ${CMAKE_SOURCE_DIR}/packaging/build)
stage_test(system.package LABELS system TIMEOUT 900 NEEDS package
           COMMAND ${tests}/system/package ${CMAKE_SOURCE_DIR}/build/package/packages)
stage_test(system.limits LABELS system TIMEOUT 900 PROCESSORS ${all_processors} NEEDS package
           COMMAND ${tests}/system/limits ${CMAKE_SOURCE_DIR}/build/package/packages)
stage_test(system.quickstart LABELS system TIMEOUT 1200 PROCESSORS ${all_processors}
           COMMAND ${tests}/system/quickstart)
stage_test(system.debian13 LABELS full TIMEOUT 3600 PROCESSORS ${all_processors} COMMAND ${tests}/system/debian13)
