// The functions of llama.cpp's library for images and sound (tools/mtmd) that llama-server calls for every model.
#include "mtmd-helper.h"

mtmd_context_params mtmd_context_params_default(void) {
    return {};
}
mtmd_helper_init_opt mtmd_helper_init_opt_default(void) {
    return {};
}
void mtmd_helper_log_set(ggml_log_callback, void *) {}
void mtmd_free(mtmd_context *) {}
bool mtmd_support_vision(const mtmd_context *) {
    return false;
}
bool mtmd_support_audio(const mtmd_context *) {
    return false;
}
bool mtmd_helper_support_video(const mtmd_context *) {
    return false;
}
