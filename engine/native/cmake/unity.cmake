# Included by llama.cpp's project(): compiles libllama in batches of files, in less than half the time.
# A batch size of 16 separates two model files that define a static function of the same name. The tools cannot be built
# this way. Not used with Visual Studio, where it is untested.
if(CMAKE_SOURCE_DIR STREQUAL CMAKE_CURRENT_SOURCE_DIR AND NOT MSVC AND NOT CMAKE_VERSION VERSION_LESS 3.19)
    cmake_language(DEFER CALL set_target_properties llama PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 16)
endif()
