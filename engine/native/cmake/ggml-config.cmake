# An existing ggml, as found by find_package(ggml) of llama.cpp (with LLAMA_USE_SYSTEM_GGML) and of the addon.
#   BRAID_GGML_LIBRARY, BRAID_GGML_BASE_LIBRARY   the two libraries to link
#   BRAID_GGML_INCLUDE                            headers of the same source
# CPU variants and GPU backends are not linked but loaded at run time.
include("${CMAKE_CURRENT_LIST_DIR}/import-library.cmake")
if(NOT TARGET ggml::ggml)
    braid_imported_library(ggml::ggml-base "${BRAID_GGML_BASE_LIBRARY}")
    braid_imported_library(ggml::ggml "${BRAID_GGML_LIBRARY}")
    set_target_properties(ggml::ggml PROPERTIES
        INTERFACE_INCLUDE_DIRECTORIES "${BRAID_GGML_INCLUDE}"
        INTERFACE_LINK_LIBRARIES ggml::ggml-base
        INTERFACE_COMPILE_DEFINITIONS "GGML_SHARED;GGML_BACKEND_SHARED;GGML_BACKEND_DL")
endif()
