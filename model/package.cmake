# The model as a library: pollux::pollux, its header <pollux.h>, find_package(pollux), and the tests of all three.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

add_library(pollux_library pollux.cc)
set_target_properties(pollux_library PROPERTIES OUTPUT_NAME pollux EXPORT_NAME pollux)
target_link_libraries(pollux_library PRIVATE pollux_model)
target_include_directories(pollux_library PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}>
                           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/pollux)
install(TARGETS pollux_library pollux_model pollux_lang EXPORT pollux COMPONENT library)
install(FILES pollux.h TYPE INCLUDE COMPONENT library)
install(EXPORT pollux NAMESPACE pollux:: FILE pollux-targets.cmake DESTINATION ${package_dir} COMPONENT library)
configure_package_config_file(pollux-config.cmake.in pollux-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(pollux-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/pollux-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/pollux-config-version.cmake
        DESTINATION ${package_dir} COMPONENT library)

add_executable(pollux_test pollux_test.cc)
target_link_libraries(pollux_test pollux_library GTest::gmock GTest::gtest_main)
gtest_discover_tests(pollux_test)

add_executable(event_loop example/event_loop.cc)
target_link_libraries(event_loop pollux_library)
add_test(NAME example.event_loop COMMAND event_loop)

# The same, as a stranger would: installed, found, built and run.
set(prefix ${CMAKE_CURRENT_BINARY_DIR}/prefix)
set(flags "${CMAKE_CXX_FLAGS}")
if(POLLUX_SANITIZE)
  string(APPEND flags " -fsanitize=address,undefined")
endif()
add_test(NAME package.install
         COMMAND ${CMAKE_COMMAND} --install ${PROJECT_BINARY_DIR} --component library --prefix ${prefix})
set_tests_properties(package.install PROPERTIES FIXTURES_SETUP package)
add_test(NAME package.find
         COMMAND ${CMAKE_CTEST_COMMAND}
                 --build-and-test ${CMAKE_CURRENT_SOURCE_DIR}/example ${CMAKE_CURRENT_BINARY_DIR}/example
                 --build-generator ${CMAKE_GENERATOR}
                 --build-options -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}
                                 -DCMAKE_CXX_FLAGS=${flags}
                 --test-command event_loop)
set_tests_properties(package.find PROPERTIES FIXTURES_REQUIRED package)
