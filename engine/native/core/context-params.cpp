#include "context-params.h"
#include "attention.h"
#include "threads.h"
#include <algorithm>

ggml_type kvTypeOf(const std::string & name) {
    if (name == "f32") return GGML_TYPE_F32;
    if (name == "f16") return GGML_TYPE_F16;
    if (name == "q8_0") return GGML_TYPE_Q8_0;
    if (name == "q4_0") return GGML_TYPE_Q4_0;
    throw CodedError("out-of-range", "The KV type must be f32, f16, q8_0 or q4_0, got " + name);
}

namespace {

llama_flash_attn_type flashAttention(const std::string & name) {
    if (name == "on") return LLAMA_FLASH_ATTN_TYPE_ENABLED;
    if (name == "off") return LLAMA_FLASH_ATTN_TYPE_DISABLED;
    if (name == "auto") return LLAMA_FLASH_ATTN_TYPE_AUTO;
    throw CodedError("out-of-range", "Flash attention must be on, off or auto, got " + name);
}

void requireRanges(const ContextParams & p) {
    require(p.cells >= 1 && p.cells <= Context::MAX_CELLS, "out-of-range",
            "A context has from 1 to 2^28 cells");
    require(p.sequences >= 1 && p.sequences <= Context::maxSequences(), "out-of-range",
            "A context has from 1 to " + std::to_string(Context::maxSequences()) + " sequences");
    require(p.batch >= 1 && p.batch <= Context::MAX_BATCH, "out-of-range",
            "A prefill step has from 1 to 8192 tokens");
    require(p.yarnFactor == 0 ||
                (p.yarnFactor >= 1 && p.yarnFactor <= 1024 && p.yarnOriginalContext >= 1),
            "out-of-range", "YaRN's factor is from 1 to 1024, its original context at least 1");
}

} // namespace

llama_context_params llamaContextParams(const ContextParams & p) {
    requireRanges(p);
    llama_context_params params = llama_context_default_params();
    params.n_ctx = (uint32_t) p.cells;
    params.n_seq_max = (uint32_t) (p.sequences + Context::SCRATCH);
    // All paths decode in one batch, and each of its tokens needs a row of logits.
    params.n_batch = std::max((uint32_t) p.batch, params.n_seq_max);
    params.n_ubatch = params.n_batch;
    params.n_outputs_max = std::min(params.n_batch, std::max(params.n_seq_max, 32u));
    params.type_k = params.type_v = kvTypeOf(p.kvType);
    params.flash_attn_type = flashAttention(p.flashAttention);
    params.kv_unified = true;
    params.swa_full = p.swaFull;
    params.no_perf = true;
    const bool off = params.flash_attn_type == LLAMA_FLASH_ATTN_TYPE_DISABLED;
    require(!off || !ggml_is_quantized(params.type_v), "bad-combination",
            "A quantised KV cache needs flash attention: turn it on, or choose f16 or f32");
    // With flash attention, the softmax is not a separate tensor.
    require(!p.attention || off, "bad-combination",
            "Attention can only be observed with flash attention off");
    if (p.attention) params.cb_eval = AttentionSums::observe;
    if (p.yarnFactor != 0) {
        params.rope_scaling_type = LLAMA_ROPE_SCALING_TYPE_YARN;
        params.rope_freq_scale = (float) (1 / p.yarnFactor);
        params.yarn_orig_ctx = (uint32_t) p.yarnOriginalContext;
        params.yarn_ext_factor = 1;
    }
    return params;
}

int32_t threadsOf(const Model & model, int32_t asked) {
    require(asked >= 0 && asked <= Context::MAX_THREADS, "out-of-range",
            "A context computes on at most 512 threads");
    if (asked > 0) return asked;
    // One core is left to the window and to other programs: the threads wait actively for each other, so one that
    // shares its core holds up all. Of two, half of the speed is too much to leave; a context gives the second one up
    // once others use it (crowd.h).
    const int32_t cores = physicalCores();
    const int32_t most = cores > 2 ? cores - 1 : cores;
    // With a GPU, more threads would only take processor time from its driver.
    return model.offloaded ? std::min(most, 4) : most;
}

llama_context_params llamaContextParams(const Model & model, const ContextParams & p) {
    require(!model.vocabOnly, "bad-combination", "The model was opened for its vocabulary only");
    llama_context_params params = llamaContextParams(p);
    params.n_threads = params.n_threads_batch = threadsOf(model, p.threads);
    return params;
}
