# Included by llama.cpp's project(): compiles libllama in batches of files, in well under half the time.
# 16 keeps apart the two model files that define a static function of the same name; the tools do not build this way.
# Left off where it is untried (Visual Studio).
if(CMAKE_SOURCE_DIR STREQUAL CMAKE_CURRENT_SOURCE_DIR AND NOT MSVC AND NOT CMAKE_VERSION VERSION_LESS 3.19)
    cmake_language(DEFER CALL set_target_properties llama PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 16)
endif()
