#pragma once
#include "errors.h"
#include "llama.h"
#include <algorithm>

// A batch of tokens of one sequence each; owns its arrays.
class Batch {
public:
    explicit Batch(int32_t capacity)
        : batch(llama_batch_init(capacity, 0, 1))
        , capacity(capacity) {}
    Batch(const Batch &) = delete;
    ~Batch() { llama_batch_free(batch); }

    int32_t size() const { return batch.n_tokens; }
    // Returns how many tokens output a row of logits.
    int32_t rows() const {
        return (int32_t) std::count_if(batch.logits, batch.logits + size(),
                                       [](int8_t logits) { return logits != 0; });
    }
    void clear() { batch.n_tokens = 0; }
    // Adds a token. `logits`: the step outputs a row of logits after this token. Errors: internal if the batch is full.
    void add(llama_token token, llama_pos pos, int32_t seq, bool logits) {
        require(batch.n_tokens < capacity, "internal", "The batch is full");
        const int32_t i = batch.n_tokens++;
        batch.token[i] = token;
        batch.pos[i] = pos;
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = seq;
        batch.logits[i] = logits;
    }

    llama_batch batch;

private:
    const int32_t capacity;
};
