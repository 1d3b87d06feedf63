# fleetprov_component(NAME <target suffix> HEADERS <relative to include/>... [LINKS <targets>...])
#
# One INTERFACE library per component, `fleetprov_<name>`, alias `fleetprov::<name>`, with its own
# export set so that `find_package(fleetprov COMPONENTS core)` never looks for OpenSSL.
function(fleetprov_component)
  cmake_parse_arguments(arg "" "NAME" "HEADERS;LINKS" ${ARGN})
  set(target fleetprov_${arg_NAME})
  add_library(${target} INTERFACE)
  add_library(fleetprov::${arg_NAME} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${arg_NAME})
  target_compile_features(${target} INTERFACE cxx_std_17)
  target_link_libraries(${target} INTERFACE ${arg_LINKS})
  target_sources(${target} INTERFACE FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}/include" FILES ${arg_HEADERS})
  if(FLEETPROV_INSTALL)
    install(TARGETS ${target} EXPORT fleetprov_${arg_NAME}_targets FILE_SET HEADERS)
    install(EXPORT fleetprov_${arg_NAME}_targets NAMESPACE fleetprov:: FILE fleetprov-${arg_NAME}-targets.cmake
            DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/fleetprov")
  endif()
endfunction()

# Warnings for our own binaries only; never on the interface targets.
add_library(fleetprov_warnings INTERFACE)
target_compile_options(fleetprov_warnings INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow
                       $<$<BOOL:${FLEETPROV_WERROR}>:-Werror>)

# fleetprov_precompile(<target> <headers>...): only where FLEETPROV_PRECOMPILE is on.
function(fleetprov_precompile target)
  if(FLEETPROV_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE ${ARGN})
  endif()
endfunction()
