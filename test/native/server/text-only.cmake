# Included by llama.cpp's project(), as engine/native/cmake/unity.cmake is: builds llama-server without its code for images
# and sound, which takes a third of the time. No request of the tests reaches the functions that stay unresolved.
include("${CMAKE_CURRENT_LIST_DIR}/../../../engine/native/cmake/unity.cmake")
if(CMAKE_SOURCE_DIR STREQUAL CMAKE_CURRENT_SOURCE_DIR)
    set(braid_no_media "${CMAKE_CURRENT_LIST_DIR}/no-media.cpp") # a deferred call is made in another file
    cmake_language(DEFER CALL set_property TARGET mtmd PROPERTY SOURCES "${braid_no_media}")
endif()
