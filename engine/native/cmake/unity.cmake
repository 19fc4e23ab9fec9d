# Included by llama.cpp's project(): compiles libllama in batches of files, in less than half the time.
# gemma4.cpp defines a static function of the name of one in gemma3n.cpp, so it is compiled by itself. The tools cannot be
# built this way. Not used with Visual Studio, where it is untested.
if(CMAKE_SOURCE_DIR STREQUAL CMAKE_CURRENT_SOURCE_DIR AND NOT MSVC AND NOT CMAKE_VERSION VERSION_LESS 3.19)
    cmake_language(DEFER CALL set_target_properties llama PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 16)
    cmake_language(DEFER CALL set_property SOURCE "${CMAKE_CURRENT_SOURCE_DIR}/src/models/gemma4.cpp" TARGET_DIRECTORY llama
        PROPERTY SKIP_UNITY_BUILD_INCLUSION ON)
endif()
