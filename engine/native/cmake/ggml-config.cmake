# Found by llama.cpp's find_package(ggml) under LLAMA_USE_SYSTEM_GGML: the prebuilt ggml of an @node-llama-cpp package.
#   BRAID_GGML_LIBRARY, BRAID_GGML_BASE_LIBRARY   the two libraries to link (on Windows: their import libraries)
#   BRAID_GGML_INCLUDE                            headers of the same source
# CPU variants and GPU backends are not linked; they are loaded at run time.
foreach(kind GGML GGML_BASE)
    if(NOT EXISTS "${BRAID_${kind}_LIBRARY}")
        message(FATAL_ERROR "BRAID_${kind}_LIBRARY does not exist: '${BRAID_${kind}_LIBRARY}'")
    endif()
endforeach()
if(NOT TARGET ggml::ggml)
    add_library(ggml::ggml-base UNKNOWN IMPORTED GLOBAL)
    set_target_properties(ggml::ggml-base PROPERTIES
        IMPORTED_LOCATION "${BRAID_GGML_BASE_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${BRAID_GGML_INCLUDE}")
    add_library(ggml::ggml UNKNOWN IMPORTED GLOBAL)
    set_target_properties(ggml::ggml PROPERTIES
        IMPORTED_LOCATION "${BRAID_GGML_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${BRAID_GGML_INCLUDE}"
        INTERFACE_LINK_LIBRARIES ggml::ggml-base
        INTERFACE_COMPILE_DEFINITIONS "GGML_SHARED;GGML_BACKEND_SHARED;GGML_BACKEND_DL")
endif()
