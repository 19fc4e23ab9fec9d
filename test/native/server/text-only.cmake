# Included by llama.cpp's project(), as engine/native/cmake/unity.cmake is: builds llama-server without its code for images
# and sound, which takes a third of the time. No request of the tests reaches that code, so its functions stay unresolved.
include("${CMAKE_CURRENT_LIST_DIR}/../../../engine/native/cmake/unity.cmake")
if(CMAKE_SOURCE_DIR STREQUAL CMAKE_CURRENT_SOURCE_DIR)
    file(WRITE "${CMAKE_BINARY_DIR}/no-media.cpp" "")
    cmake_language(DEFER CALL set_property TARGET mtmd PROPERTY SOURCES "${CMAKE_BINARY_DIR}/no-media.cpp")
endif()
