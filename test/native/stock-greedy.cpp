// Decodes greedily with a stock llama.cpp on the CPU, for comparison with the engine.
//   stock-greedy MODEL N THREADS FLASH(0|1) ID...
// Prefills the ids as they are and prints N greedy ids, one per line; stops after an end-of-generation token.
// GGML_FOLDER (given at compile time) holds the CPU variants; BRAID_CPU chooses one, as in the engine.
#include "ggml-backend.h"
#include "llama.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

static int fail(const std::string & why) {
    fprintf(stderr, "stock-greedy: %s\n", why.c_str());
    return 1;
}

int main(int argc, char ** argv) {
    if (argc < 6) return fail("usage: stock-greedy MODEL N THREADS FLASH(0|1) ID...");
    const int n = atoi(argv[2]);
    const int n_threads = atoi(argv[3]);
    const bool flash = atoi(argv[4]) != 0;
    std::vector<llama_token> ids;
    for (int i = 5; i < argc; ++i) ids.push_back(atoi(argv[i]));

    llama_log_set(
        [](ggml_log_level level, const char * text, void *) {
            if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
        },
        nullptr);
    const char * variant = getenv("BRAID_CPU");
    if (variant && *variant)
        ggml_backend_load((GGML_FOLDER "/libggml-cpu-" + std::string(variant) + ".so").c_str());
    else
        ggml_backend_load_all_from_path(GGML_FOLDER);

    llama_model_params model_params = llama_model_default_params();
    model_params.n_gpu_layers = 0;
    llama_model * model = llama_model_load_from_file(argv[1], model_params);
    if (!model) return fail("the model cannot be loaded");
    const llama_vocab * vocab = llama_model_get_vocab(model);

    llama_context_params params = llama_context_default_params();
    params.n_ctx = (uint32_t) ids.size() + n;
    params.n_batch = params.n_ubatch = 512;
    params.n_threads = params.n_threads_batch = n_threads;
    params.flash_attn_type = flash ? LLAMA_FLASH_ATTN_TYPE_ENABLED : LLAMA_FLASH_ATTN_TYPE_DISABLED;
    llama_context * ctx = llama_init_from_model(model, params);
    if (!ctx) return fail("the context cannot be made");

    for (size_t i = 0; i < ids.size(); i += 512) {
        const int32_t count = (int32_t) std::min<size_t>(512, ids.size() - i);
        if (llama_decode(ctx, llama_batch_get_one(ids.data() + i, count)) != 0)
            return fail("prefill failed");
    }
    for (int i = 0; i < n; ++i) {
        const float * logits = llama_get_logits_ith(ctx, -1);
        llama_token next =
            (llama_token) (std::max_element(logits, logits + llama_vocab_n_tokens(vocab)) - logits);
        printf("%d\n", next);
        if (llama_vocab_is_eog(vocab, next)) break;
        if (llama_decode(ctx, llama_batch_get_one(&next, 1)) != 0) return fail("decode failed");
    }
    llama_free(ctx);
    llama_model_free(model);
    return 0;
}
