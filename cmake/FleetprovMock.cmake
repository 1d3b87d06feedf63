# fleetprov_use_mock(<test target>): lets the test use fleetprov::testing::mock_broker. It links the
# fixture and tells it which `fleetprov` program to start: the one of this build, or the installed one.
function(fleetprov_use_mock target)
  target_link_libraries(${target} PRIVATE fleetprov::testing)
  if(TARGET fleetprov_cli)
    add_dependencies(${target} fleetprov_cli fleetprov_mock_plugin)
    target_compile_definitions(${target} PRIVATE FLEETPROV_PROGRAM="$<TARGET_FILE:fleetprov_cli>")
  elseif(FLEETPROV_PROGRAM)
    target_compile_definitions(${target} PRIVATE FLEETPROV_PROGRAM="${FLEETPROV_PROGRAM}")
  else()
    message(FATAL_ERROR "fleetprov_use_mock: this package was installed without the fleetprov command")
  endif()
endfunction()
