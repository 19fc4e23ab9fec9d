#include "log-codes.h"
#include "log.h"

namespace {

enum Where { FIRST_ERROR, ANY_LINE };

// Texts of llama.cpp v0.4.0 and its ggml; the first match decides.
const struct {
    Where where;
    const char * text;
    const char * code;
} CODES[] = {
    // "failed to allocate buffer for kv cache", "unable to allocate CUDA0 buffer", "std::bad_alloc"
    {FIRST_ERROR, "alloc", "out-of-memory"},
    // CUDA: "cudaMalloc failed: out of memory", a warning
    {ANY_LINE, "out of memory", "out-of-memory"},
};

// src/llama-context.cpp, sched_reserve
constexpr const char * FLASH_ATTENTION = "Flash Attention enabled";

} // namespace

CodedError logCodes::failure(const char * otherwise, const std::string & what) {
    const std::string why = engineLog::lastError();
    const char * code = otherwise;
    for (const auto & entry : CODES) {
        const bool found = entry.where == FIRST_ERROR ? why.find(entry.text) != std::string::npos
                                                      : engineLog::saw(entry.text);
        if (!found) continue;
        code = entry.code;
        break;
    }
    return CodedError(code, what + ": " + (why.empty() ? "llama.cpp gives no reason" : why));
}

bool logCodes::flashAttentionEnabled() {
    return engineLog::saw(FLASH_ATTENTION);
}
