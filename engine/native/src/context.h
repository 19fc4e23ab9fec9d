// A llama.cpp context with a unified KV cache: sequences share cells, so forks and joins copy nothing.
#pragma once
#include "attention.h"
#include "model.h"
#include "threads.h"
#include "token.h"
#include "worker.h"
#include <atomic>
#include <map>
#include <vector>

struct ContextState {
    std::shared_ptr<ModelState> model;
    llama_context * ctx;
    Threads threads;
    int32_t sequences, batchSize, outputs;
    bool flashAttention;
    // Operations are numbered as JavaScript asks for them; an abort reaches those asked for before it. Polled by
    // llama.cpp between graph nodes (on the CPU) and by our loops.
    std::atomic<uint64_t> issued{0}, running{0}, abortedUpTo{0};

    // With `attention` asked for: what its graph computes, observed. Worker thread only.
    std::unique_ptr<AttentionSums> attention;

    // Logits after a sequence's last token, kept when a prefill or a stream ends. Worker thread only.
    std::map<int32_t, std::shared_ptr<std::vector<float>>> tails;

    ContextState(std::shared_ptr<ModelState> model, llama_context * ctx, int32_t sequences,
                 int32_t batchSize, int32_t outputs, bool flashAttention);
    ContextState(const ContextState &) = delete;
    ~ContextState();

    llama_memory_t memory() const { return llama_get_memory(ctx); }
    llama_pos lastPosition(int32_t seq) const { return llama_memory_seq_pos_max(memory(), seq); }
    bool stopping() const;
    void abort() { abortedUpTo = issued.load(); }

    void setThought(int32_t seq, int32_t row);
    void keepTail(int32_t seq, const float * logits);
    void copy(int32_t from, int32_t to, int32_t end);
    void remove(int32_t seq, int32_t from);
};

// A batch of one-sequence tokens, its arrays owned.
class Batch {
public:
    explicit Batch(int32_t capacity)
        : batch(llama_batch_init(capacity, 0, 1)) {}
    Batch(const Batch &) = delete;
    ~Batch() { llama_batch_free(batch); }
    void clear() { batch.n_tokens = 0; }
    void add(llama_token token, llama_pos pos, int32_t seq, bool logits) {
        const int32_t i = batch.n_tokens++;
        batch.token[i] = token;
        batch.pos[i] = pos;
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = seq;
        batch.logits[i] = logits;
    }
    llama_batch batch;
};

// Adds tokens to a sequence in steps, on the worker thread; what a failed prefill added is taken back. With `report` a
// record a token; `spans`: see AttentionSums.
std::vector<TokenRecord> runPrefill(ContextState & c, int32_t seq,
                                    const std::vector<llama_token> & tokens, int32_t thought,
                                    const Measure & measure, bool report,
                                    const std::vector<int32_t> & spans,
                                    const JsCallback & onProgress);

// Errors: `out-of-range`.
ggml_type kvTypeArg(const std::string & name);

// Parameters of a context from `ContextOptions`, threads and `attention` aside. `mostCells`: the most that may be asked for.
// Errors: `out-of-range`, `bad-combination`.
llama_context_params contextParams(const Napi::Object & options, int64_t mostCells);

// Why the calling thread's last context could not be made: `out-of-memory` or `bad-combination`.
CodedError contextError();

Napi::Value createContext(Napi::Env env, const std::shared_ptr<ModelState> & model,
                          const Napi::Object & options);

class ContextWrap : public Napi::ObjectWrap<ContextWrap> {
public:
    static void init(Napi::Env env);
    static Napi::Object wrap(std::shared_ptr<ContextState> state);
    explicit ContextWrap(const Napi::CallbackInfo & info)
        : Napi::ObjectWrap<ContextWrap>(info) {}

private:
    std::shared_ptr<ContextState> state;
    const std::shared_ptr<ContextState> & open() const;
    int32_t seqArg(const Napi::Value & value, const char * name) const;
    Napi::Value info(const Napi::CallbackInfo & info);
    Napi::Value prefill(const Napi::CallbackInfo & info);
    Napi::Value copy(const Napi::CallbackInfo & info);
    Napi::Value remove(const Napi::CallbackInfo & info);
    Napi::Value lastPosition(const Napi::CallbackInfo & info);
    Napi::Value decode(const Napi::CallbackInfo & info);
    Napi::Value abort(const Napi::CallbackInfo & info);
    Napi::Value free(const Napi::CallbackInfo & info);
};
